"""Repair: ask the venue again for exactly what is missing, and judge the affected days anew from what is stored.

Belongs here: gaps of a lakehouse, the bounded question, recording the answer, publishing the days through the same path
as any ingest. Nothing is interpolated, and no other bar is asked for or changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pandas as pd

from quant_assets.bar_ledger import NO_TRADING, REPAIRED, UNANSWERED, newest_repairs, repairs
from quant_assets.errors import UsageError
from quant_assets.keys import OHLCV, asset_name
from quant_assets.manifests import REFUSED, Ledger
from quant_assets.market.calendars import ALWAYS_OPEN
from quant_assets.market.decisions import bar_hashes
from quant_assets.market.missing import Question, bounded, missing_bars, questions, read_answer
from quant_assets.market.schema import RECEIVED_COLUMNS, empty_frame
from quant_assets.market.stored import StoredVenue, received_rows, with_answers
from quant_assets.profiles.model import Profile
from quant_assets.running import GraphRunner, StepReport
from quant_assets.sessions import closed_among
from quant_assets.tables import HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE, QUARANTINE_TABLE, REPAIRS_TABLE
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.venues.port import TRADING, BarsReceived, FetchReport, Venue, naive_utc, utc_now

MAX_SYMBOLS, MAX_DAYS, MAX_ASKED = 50, 31, 3
"""Bounds of one repair, and how often the sensor asks for the same bar without an answer."""
ROW_ORDER = ["date", "symbol"]
NEW_LIFE = "new_identity"
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class RepairReport:
    """What a repair found, asked and did. `answers`: date, symbol, outcome, reason."""

    found: int
    taken: int
    requests: int = 0
    answers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*ROW_ORDER, "outcome", "reason"]))
    judged_again: tuple[str, ...] = ()
    steps: tuple[StepReport, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or the code of the first step that failed (3 where a day is still withheld)."""
        return next((s.exit_code for s in self.steps if s.exit_code), 0)

    def counts(self) -> dict[str, int]:
        """How many gaps had which outcome."""
        found = self.answers["outcome"].value_counts()
        return {outcome: int(found.get(outcome, 0)) for outcome in (REPAIRED, NO_TRADING, UNANSWERED)}


def find_gaps(
    lakehouse: Lakehouse, profile: Profile, first: str | None = None, last: str | None = None, max_asked: int = 0
) -> pd.DataFrame:
    """Date and symbol of listed, trading markets without a bar, inside their life, on days that were attempted.

    Left out is what a venue confirmed as not traded and, with ``max_asked``, what was asked for so often in vain.
    """
    days = attempted_days(lakehouse, first, last)
    if not days:
        return pd.DataFrame({"date": pd.Series(dtype="datetime64[us]"), "symbol": pd.Series(dtype="str")})
    listed = lakehouse.read(
        LISTINGS_TABLE, columns=["date", "symbol", "status", "first_bar"], start=days[0], end=days[-1]
    )
    open_days = pd.DatetimeIndex(days).difference(closed_among(profile.calendar, days))
    expected = listed[(listed["status"] == TRADING) & listed["date"].isin(open_days)]
    stored = stored_rows(lakehouse, None, days[-1], ROW_ORDER)
    told = newest_repairs(lakehouse, days[0], days[-1])
    settled = told[told["outcome"] == NO_TRADING]
    if max_asked:
        asked = repairs(lakehouse, days[0], days[-1]).groupby(ROW_ORDER, as_index=False).size()
        settled = pd.concat([settled[ROW_ORDER], asked.loc[asked["size"] >= max_asked, ROW_ORDER]])
    return missing_bars(expected, stored, settled)


def attempted_days(lakehouse: Lakehouse, first: str | None = None, last: str | None = None) -> list[str]:
    """Partitions of `ohlcv` that were ever published or refused, within ``first .. last``, rising."""
    states = Ledger(lakehouse).states(asset_name(OHLCV))
    return sorted(k for k in states if (first is None or k >= first) and (last is None or k <= last))


def stored_rows(
    lakehouse: Lakehouse, first: str | None, last: str | None, columns: Sequence[str] = RECEIVED_COLUMNS
) -> pd.DataFrame:
    """Every row received on these days; of a withheld day only what its newest attempt received."""
    refused = [k for k, s in Ledger(lakehouse).states(asset_name(OHLCV)).items() if s.status == REFUSED]
    quarantined = lakehouse.read(QUARANTINE_TABLE, columns=columns, start=first, end=last)
    if lakehouse.open(OHLCV_TABLE.name) is None:
        return received_rows(empty_frame(RECEIVED_COLUMNS)[list(columns)], quarantined)
    accepted = lakehouse.read(OHLCV_TABLE, columns=columns, start=first, end=last)
    return received_rows(accepted[~accepted["date"].isin(pd.DatetimeIndex(refused))], quarantined)


def repair(
    runner: GraphRunner,
    venue: Venue,
    first: str | None = None,
    last: str | None = None,
    *,
    max_symbols: int = MAX_SYMBOLS,
    max_days: int = MAX_DAYS,
    max_asked: int = 0,
    clock: Callable[[], dt.datetime] = utc_now,
) -> RepairReport:
    """Ask the venue for the gaps of ``first .. last``, record every answer, judge the affected days again."""
    gaps = find_gaps(runner.lakehouse, runner.profile, first, last, max_asked)
    taken = bounded(gaps, max_symbols, max_days)
    if taken.empty:
        return RepairReport(len(gaps), 0)
    keys = runner.partition_keys(OHLCV, None, None)
    reach = DAY if runner.profile.calendar == ALWAYS_OPEN else 7 * DAY
    asked = questions(taken, pd.Timestamp(keys[0]), pd.Timestamp(keys[-1]), reach)
    answered = [(question, _ask(venue, question)) for question in asked]
    answers = pd.concat([read_answer(q, a.frame, a.report.failed) for q, a in answered], ignore_index=True)
    came = _wanted(pd.concat([a.frame for _, a in answered], ignore_index=True), answers)
    stamp = pd.Timestamp(naive_utc(clock()))
    _record(runner.lakehouse, answers, came, stamp)
    settled = answers[answers["outcome"] != UNANSWERED]
    days = affected_days(runner.lakehouse, runner.profile, settled)
    report = _together([a.report for _, a in answered], answers)
    steps = judge_again(runner, venue, days, came, report) if days else []
    requests = sum(a.report.attempts for _, a in answered)
    return RepairReport(len(gaps), len(taken), requests, answers, tuple(days), tuple(steps))


def affected_days(lakehouse: Lakehouse, profile: Profile, changed: pd.DataFrame) -> list[str]:
    """Attempted days whose judgement reads a changed day: those days, and the rules' window after each.

    Where a changed symbol began a new life after the change, every later day: the gap may have made it one.
    """
    if changed.empty:
        return []
    attempted = pd.DatetimeIndex(attempted_days(lakehouse))
    reach = pd.Timedelta(days=profile.market.history_days + 1)
    days = sorted(changed["date"].unique())
    chosen = pd.DatetimeIndex([d for d in attempted if any(c <= d <= c + reach for c in days)])
    if lakehouse.open(HEALTH_TABLE.name) is not None:
        events = lakehouse.read(HEALTH_TABLE, start=f"{days[0]:%Y-%m-%d}")
        if (events["symbol"].isin(changed["symbol"]) & (events["state"] == NEW_LIFE)).any():
            chosen = attempted[attempted >= days[0]]
    return list(chosen.strftime("%Y-%m-%d"))


def judge_again(
    runner: GraphRunner,
    venue: Venue,
    days: Sequence[str],
    came: pd.DataFrame,
    report: FetchReport,
    replaced: Sequence[str] = (),
) -> list[StepReport]:
    """Publish days of `ohlcv` from their stored rows with what came since; the asset and its contracts are the same."""
    stored = stored_rows(runner.lakehouse, min(days), max(days))
    rows = with_answers(stored, came, replaced)
    again = StoredVenue(venue, rows, lambda frame: BarsReceived(frame, replace(report, rows_received=len(frame))))
    replay = GraphRunner(runner.profile, runner.instance, runner.lakehouse, again)
    name = asset_name(OHLCV)
    return [step for low, high in _stretches(days) for step in replay.backfill([name], low, high, force=True)]


def refresh(
    runner: GraphRunner, venue: Venue, symbols: Sequence[str], first: str, last: str
) -> tuple[FetchReport, list[StepReport]]:
    """Fetch these symbols anew over days that were ingested before, and judge those days again.

    A symbol whose fetch fails keeps its stored bars; the returned report names it.
    Raises ``UsageError`` for a day that was never attempted: a day begins with all of its markets.
    """
    days = [k for k in runner.partition_keys(OHLCV, first, last)]
    absent = sorted(set(days) - set(attempted_days(runner.lakehouse, first, last)))
    if absent or not days:
        named = ", ".join(absent[:3]) or f"{first} .. {last}"
        raise UsageError(
            f"--symbols refreshes days that were ingested before; never ingested: {named}. "
            f"Run `quant ingest --from {first} --to {last}` without --symbols first"
        )
    answer = venue.bars(list(symbols), dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1]))
    kept = [s for s in symbols if s not in answer.report.failed]
    whole = replace(answer.report, failed={})
    return answer.report, judge_again(runner, venue, days, answer.frame, whole, kept)


def _ask(venue: Venue, question: Question) -> BarsReceived:
    return venue.bars(list(question.symbols), question.start.date(), question.end.date())


def _wanted(bars: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The bars of the gaps themselves; neighbours were only asked for to see that the venue looked."""
    gaps = pd.MultiIndex.from_frame(answers.loc[answers["outcome"] == REPAIRED, ROW_ORDER])
    return bars[pd.MultiIndex.from_frame(bars[ROW_ORDER]).isin(gaps)].reset_index(drop=True)


def _record(lakehouse: Lakehouse, answers: pd.DataFrame, came: pd.DataFrame, stamp: pd.Timestamp) -> None:
    hashes = pd.Series(bar_hashes(came), index=pd.MultiIndex.from_frame(came[ROW_ORDER]), dtype="str")
    hashes = hashes[~hashes.index.duplicated()]
    index = pd.MultiIndex.from_frame(answers[ROW_ORDER])
    rows = answers.assign(bar_hash=hashes.reindex(index).fillna("").to_numpy(), asked_at=stamp)
    lakehouse.append(REPAIRS_TABLE, rows)


def _together(reports: Sequence[FetchReport], answers: pd.DataFrame) -> FetchReport:
    """One report of several requests. Nothing counts as failed in it: a bar that did not come is simply not there."""
    return FetchReport(
        requested=int(answers["symbol"].nunique()),
        attempts=sum(r.attempts for r in reports),
        seconds={"repair": float(sum(sum(r.seconds.values()) for r in reports))},
        notes=("bars received before, and what a repair obtained",),
    )


def _stretches(days: Sequence[str]) -> list[tuple[str, str]]:
    """Contiguous stretches of ISO days."""
    ordered = sorted(days)
    breaks = [i for i, (a, b) in enumerate(pairwise(ordered), 1) if pd.Timestamp(b) - pd.Timestamp(a) != DAY]
    edges = [0, *breaks, len(ordered)]
    return [(ordered[low], ordered[high - 1]) for low, high in pairwise(edges)]
