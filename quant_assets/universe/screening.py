"""Screening: which listed markets are candidates of a universe on each day, and why the others are not.

Every figure and every veto of a day reads bars, listings and health events of that day or before, so screening a range
equals screening its days one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.market.table import to_index
from quant_assets.market.toxicity import toxic_as_of
from quant_assets.universe.bases import is_fiat, is_leveraged, is_stable
from quant_assets.universe.config import Universe
from quant_assets.universe.figures import FIGURE_COLUMNS, bars_window, market_figures

__all__ = ["CANDIDATE_COLUMNS", "VETOES", "bars_window", "screen"]

VETOES = (
    "kind", "quote", "stable_base", "fiat_base", "leveraged", "not_trading", "no_bar", "redenominated", "toxic",
    "history", "gap", "liquidity", "volatility", "duplicate_base", "limit",
)  # fmt: skip
"""Ids of the veto reasons, in the order in which they are listed."""
CANDIDATE_COLUMNS = (
    "date", "symbol", "universe", "passed", "veto_reasons", *FIGURE_COLUMNS, "intent", "base", "quote", "rank",
    "alternates",
)  # fmt: skip
LISTING_COLUMNS = ("date", "symbol", "base", "quote", "kind", "status")
Bools = NDArray[np.bool_]


def screen(
    bars: pd.DataFrame,
    listings: pd.DataFrame,
    health: pd.DataFrame,
    universe: Universe,
    days: Collection[date] | pd.DatetimeIndex,
    rules: MarketRules,
    closed_days: Collection[date] | pd.DatetimeIndex = (),
) -> pd.DataFrame:
    """Return one row (`CANDIDATE_COLUMNS`) for each market listed on each of `days`, sorted by date and symbol.

    `bars`: accepted `ohlcv` rows of the `bars_window` days up to each day. `listings`: date, symbol, base, quote, kind,
    status. `health`: events (date, symbol, rule, state, reason) of the `rules.toxic_days` days up to each day.
    `veto_reasons` joins the ids of `VETOES` by commas, '' for a candidate; `rank` is 1 for the most liquid candidate of
    the day and 0 for a vetoed market; `alternates` names, with the market that stands for a base, the others of that
    base which would pass by themselves (veto `duplicate_base`), the most liquid first, comma separated.
    `closed_days`: days without a session in the bars' window; a missing bar there is no gap.
    Raises UsageError when a column is missing.
    """
    _require(bars, ("symbol", "date", "close", "volume", "quote_volume", "life_start", "adj_factor"), "bars")
    _require(listings, LISTING_COLUMNS, "listings")
    _require(health, ("date", "symbol", "state", "reason"), "health events")
    wanted = to_index(days)
    frame = listings.loc[listings["date"].isin(wanted), list(LISTING_COLUMNS)]
    frame = frame.sort_values(["date", "symbol"], ignore_index=True)
    if frame.duplicated(["date", "symbol"]).any():
        raise UsageError("listings name a market twice on one day; read the listings table once")
    frame = frame.merge(market_figures(bars, universe, wanted, closed_days), on=["date", "symbol"], how="left")
    vetoes = _own_vetoes(frame, toxic_as_of(health, wanted, rules), health, universe)
    vetoes["duplicate_base"], alternates = _duplicates(frame, ~_any(vetoes, len(frame)), universe)
    order = _liquidity_rank(frame, ~_any(vetoes, len(frame)))
    vetoes["limit"] = (order > universe.limit) if universe.limit is not None else np.zeros(len(frame), dtype=bool)
    passed = ~_any(vetoes, len(frame))
    frame = frame.assign(
        universe=universe.name, passed=passed, veto_reasons=_joined(vetoes, len(frame)), intent=universe.intent.value,
        rank=np.where(passed, order, 0), alternates=alternates,
    )  # fmt: skip
    return _typed(frame)


def _require(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    if lacking := [name for name in columns if name not in frame.columns]:
        raise UsageError(f"{what} lack the column(s) {', '.join(lacking)}; found {', '.join(map(str, frame.columns))}")


def _own_vetoes(frame: pd.DataFrame, toxic: pd.DataFrame, health: pd.DataFrame, universe: Universe) -> dict[str, Bools]:
    """Return the vetoes that a market earns by itself. A figure that is unknown fails its floor, never passes it."""
    base, figure = frame["base"], {name: frame[name].to_numpy(dtype=np.float64) for name in FIGURE_COLUMNS}
    no_bar = np.isnan(figure["history_days"])
    renamed = health.loc[health["state"] == "redenominated"]
    short = figure["history_days"] < universe.min_history_days
    return {
        "kind": ~frame["kind"].isin([kind.value for kind in universe.kinds]).to_numpy(dtype=bool),
        "quote": ~frame["quote"].isin(universe.quotes).to_numpy(dtype=bool),
        "stable_base": base.map(is_stable).to_numpy(dtype=bool) & universe.exclude_stable_bases,
        "fiat_base": base.map(is_fiat).to_numpy(dtype=bool) & universe.exclude_fiat,
        "leveraged": _leveraged(frame) & universe.exclude_leveraged,
        "not_trading": frame["status"].ne("TRADING").to_numpy(dtype=bool),
        "no_bar": no_bar,
        "redenominated": _listed_in(frame, renamed),
        "toxic": _listed_in(frame, toxic),
        "history": ~no_bar & short,
        "gap": ~no_bar & ~(figure["gap_share"] <= universe.max_gap_share),
        "liquidity": ~no_bar & ~(figure["value_traded"] >= universe.min_value_traded),
        "volatility": ~no_bar & ~(figure["daily_volatility"] > universe.min_daily_volatility),
    }


def _leveraged(frame: pd.DataFrame) -> Bools:
    """Return which bases are leveraged tokens, given the bases listed on the same day."""
    out = np.zeros(len(frame), dtype=bool)
    every_base = frame["base"].to_numpy(dtype=object)
    for _, rows in frame.groupby("date").indices.items():
        bases = every_base[rows]
        listed = set(bases)
        out[rows] = [is_leveraged(base, listed) for base in bases]
    return out


def _listed_in(frame: pd.DataFrame, named: pd.DataFrame) -> Bools:
    """Return which rows (date, symbol) occur in `named`."""
    keys = pd.MultiIndex.from_frame(frame[["date", "symbol"]])
    return np.asarray(keys.isin(pd.MultiIndex.from_frame(named[["date", "symbol"]])), dtype=bool)


def _any(vetoes: dict[str, Bools], size: int) -> Bools:
    return np.asarray(np.logical_or.reduce([np.zeros(size, dtype=bool), *vetoes.values()]), dtype=bool)


def _duplicates(frame: pd.DataFrame, free: Bools, universe: Universe) -> tuple[Bools, list[str]]:
    """Return the markets that give way to another of the same base on the same day, and the alternates of each row.

    The preferred quote stays, unless it trades less than `duplicate_liquidity_share` of a less preferred one.
    """
    out, alternates = np.zeros(len(frame), dtype=bool), [""] * len(frame)
    rank = {quote: k for k, quote in enumerate(universe.quotes)}
    left = frame[free].assign(place=np.flatnonzero(free), priority=frame.loc[free, "quote"].map(rank))
    left = left[left.duplicated(["date", "base"], keep=False)]
    for _, group in left.sort_values(["priority", "symbol"]).groupby(["date", "base"], sort=False):
        places, values = group["place"].to_numpy(), group["value_traded"].to_numpy(dtype=np.float64)
        best = 0
        for k in range(1, len(group)):
            if values[best] < universe.duplicate_liquidity_share * values[k]:
                best = k
        out[np.delete(places, best)] = True
        others = group.drop(index=group.index[best]).sort_values(["value_traded", "symbol"], ascending=[False, True])
        alternates[places[best]] = ",".join(others["symbol"])
    return out, alternates


def _liquidity_rank(frame: pd.DataFrame, free: Bools) -> NDArray[np.int64]:
    """Return 1, 2, ... within each day by value traded among the free markets, ties by name; 0 for the others."""
    order = frame[free].sort_values(["date", "value_traded", "symbol"], ascending=[True, False, True])
    rank = np.zeros(len(frame), dtype=np.int64)
    rank[order.index.to_numpy()] = order.groupby("date").cumcount().to_numpy() + 1
    return rank


def _joined(vetoes: dict[str, Bools], size: int) -> list[str]:
    reasons = [""] * size
    for name in VETOES:
        for row in np.flatnonzero(vetoes[name]).tolist():
            reasons[row] = f"{reasons[row]},{name}" if reasons[row] else name
    return reasons


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {name: "str" for name in ("symbol", "universe", "veto_reasons", "intent", "base", "quote", "alternates")}
    numbers = {name: "float64" for name in FIGURE_COLUMNS}
    typed = frame.astype({**texts, **numbers, "date": "datetime64[us]", "passed": "bool", "rank": "int64"})
    return typed[list(CANDIDATE_COLUMNS)]
