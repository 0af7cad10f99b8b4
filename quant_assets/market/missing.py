"""Days without a bar that should have one, and what a venue's answer about them means.

Belongs here: finding such days from stored tables, bounding a repair, reading an answer. Nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

TOGETHER = pd.Timedelta(days=7)
"""Missing days of one symbol this close to each other are asked for at once."""
GAP_COLUMNS = ("date", "symbol")


@dataclass(frozen=True)
class Question:
    """What one request to the venue asks: these symbols from `start` to `end`, on account of these days."""

    symbols: tuple[str, ...]
    start: pd.Timestamp
    end: pd.Timestamp
    gaps: pd.DataFrame


def missing_bars(expected: pd.DataFrame, stored: pd.DataFrame, settled: pd.DataFrame) -> pd.DataFrame:
    """Return date, symbol (sorted) of what should be there and is not.

    `expected`: date, symbol, first_bar of markets listed and trading on days that were attempted; `stored`: date,
    symbol of every received bar, accepted or quarantined; `settled`: date, symbol that need not be asked for again.
    A market counts from its first bar on, stored or as its listing tells: it may be listed without having opened.
    """
    wanted = expected[[*GAP_COLUMNS, "first_bar"]].drop_duplicates(list(GAP_COLUMNS))
    first = stored.groupby("symbol")["date"].min()
    began = wanted["symbol"].map(first)
    opened = (wanted["date"] >= began) | (wanted["date"] >= wanted["first_bar"])
    inside = wanted.loc[opened.to_numpy(dtype=bool), list(GAP_COLUMNS)]
    known = pd.MultiIndex.from_frame(pd.concat([stored[list(GAP_COLUMNS)], settled[list(GAP_COLUMNS)]]))
    gaps = inside[~pd.MultiIndex.from_frame(inside).isin(known)]
    return gaps.sort_values(list(GAP_COLUMNS), ignore_index=True)


def bounded(gaps: pd.DataFrame, max_symbols: int, max_days: int) -> pd.DataFrame:
    """Return the gaps that one repair takes on: the newest `max_days` days, and the first `max_symbols` symbols."""
    days = gaps["date"].drop_duplicates().sort_values().tail(max_days)
    chosen = gaps[gaps["date"].isin(days)]
    names = sorted(chosen["symbol"].unique())[:max_symbols]
    return chosen[chosen["symbol"].isin(names)].reset_index(drop=True)


def questions(gaps: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, reach: pd.Timedelta) -> list[Question]:
    """Return the fewest requests for exactly these gaps; no request reaches before `first` or after `last`.

    A request goes `reach` beyond the missing days on both sides: bars there show that the venue looked.
    """
    ordered = gaps.sort_values(["symbol", "date"], ignore_index=True)
    fresh = (ordered["symbol"] != ordered["symbol"].shift()) | (ordered["date"].diff() > TOGETHER)
    spans = ordered.assign(block=fresh.cumsum())
    edges = spans.groupby("block")["date"].agg(["min", "max"])
    reached = [(max(first, low - reach), min(last, high + reach)) for low, high in edges.itertuples(index=False)]
    asked: dict[tuple[pd.Timestamp, pd.Timestamp], list[pd.DataFrame]] = {}
    for span, (_, rows) in zip(reached, spans.groupby("block"), strict=True):
        asked.setdefault(span, []).append(rows[list(GAP_COLUMNS)])
    return [_question(start, end, parts) for (start, end), parts in sorted(asked.items(), key=lambda item: item[0])]


def _question(start: pd.Timestamp, end: pd.Timestamp, parts: list[pd.DataFrame]) -> Question:
    gaps = pd.concat(parts, ignore_index=True)
    return Question(tuple(sorted(gaps["symbol"].unique())), start, end, gaps)


def read_answer(question: Question, bars: pd.DataFrame, failed: Mapping[str, str]) -> pd.DataFrame:
    """Return date, symbol, outcome, reason of each gap of a question, given the bars that came.

    `repaired`: the bar came. `no_trading`: the answer has bars of the symbol before and after the day, and none of the
    day: the venue looked and there was none. `unanswered`: anything else; it says nothing about trading.
    """
    days = {str(symbol): rows["date"] for symbol, rows in bars.groupby("symbol")}
    told = [_outcome(day, str(symbol), days, failed) for day, symbol in question.gaps.itertuples(index=False)]
    return question.gaps.assign(outcome=[o for o, _ in told], reason=[r for _, r in told]).reset_index(drop=True)


def _outcome(
    day: pd.Timestamp, symbol: str, days: Mapping[str, pd.Series], failed: Mapping[str, str]
) -> tuple[str, str]:
    came = days.get(symbol)
    if came is not None and (came == day).any():
        return "repaired", "the venue delivered the bar when asked again"
    if symbol in failed:
        return "unanswered", f"fetch failed: {failed[symbol]}"
    if came is None:
        return "unanswered", "the answer has no bar of the symbol at all"
    before, after = came[came < day], came[came > day]
    if before.empty or after.empty:
        side = "before" if before.empty else "after"
        return "unanswered", f"the answer has no bar {side} the day: it cannot confirm that there was no trading"
    shown = f"bars on {before.max():%Y-%m-%d} and {after.min():%Y-%m-%d}, none between"
    return "no_trading", f"the venue confirms that there was no trading: {shown}"
