"""L1 on `returns_matrix`: range, padding, delisting, freshness, for every day of a range at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, Verdict, error_rule
from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.market.table import to_index
from quant_assets.returns.compute import FIRST, RESUMED, RETURN_COLUMNS

RANGE, PADDING, DELISTED, FRESH = "L1.RANGE", "L1.PADDING", "L1.DELISTED", "L1.FRESH"
Days = Collection[date] | pd.DatetimeIndex


def return_verdicts(
    returns: pd.DataFrame, bars: pd.DataFrame, days: Days, rules: MarketRules, closed_days: Days = ()
) -> dict[pd.Timestamp, Verdict]:
    """Return the L1 verdict of each of `days`.

    `returns`: symbol, date, return, flag of those days. `bars`: date, symbol of accepted bars, other days not read.
    FRESH: a day that is not closed has returns dated on it. RANGE: a return is finite, within [-1, return_range_cap];
    NaN only under the flags first and resumed. PADDING: no exactly zero return on a closed day. DELISTED: each bar has
    its return on its own day, the last bar of a symbol too, and no day without a bar has one.
    Raises UsageError for a missing column or a return dated outside `days`.
    """
    lacking = [name for name in RETURN_COLUMNS if name not in returns.columns]
    if lacking:
        raise UsageError(f"returns lack the column(s) {', '.join(lacking)}; pass what simple_returns gave")
    wanted = to_index(days)
    closed = set(to_index(closed_days))
    if not returns["date"].isin(wanted).all():
        raise UsageError("returns are dated outside the days to judge; pass the rows of those days only")
    marked = _marked(returns, bars[bars["date"].isin(wanted)], rules, closed)
    groups = {day: rows for day, rows in marked.groupby("date")}
    nothing = marked.iloc[:0]
    return {day: _verdict(day, groups.get(day, nothing), day in closed) for day in wanted}


def _marked(returns: pd.DataFrame, bars: pd.DataFrame, rules: MarketRules, closed: set[pd.Timestamp]) -> pd.DataFrame:
    """Return the outer join of returns and bars with one truth column for each breach."""
    left = returns[list(RETURN_COLUMNS)].assign(has_return=True)
    right = bars[["date", "symbol"]].assign(has_bar=True)
    both = left.merge(right, on=["date", "symbol"], how="outer")
    both["has_return"], both["has_bar"] = both["has_return"].eq(True), both["has_bar"].eq(True)
    value = both["return"].to_numpy(dtype=np.float64)
    excused = both["flag"].isin([FIRST, RESUMED]).to_numpy() & np.isnan(value)
    inside = np.isfinite(value) & (value >= -1.0) & (value <= rules.return_range_cap)
    both["bad_range"] = both["has_return"].to_numpy() & ~excused & ~inside
    both["bad_padding"] = both["has_return"].to_numpy() & (value == 0.0) & both["date"].isin(closed).to_numpy()
    both["bad_join"] = both["has_return"] != both["has_bar"]
    return both


def _verdict(day: pd.Timestamp, rows: pd.DataFrame, closed: bool) -> Verdict:
    present = int(rows["has_return"].sum())
    fresh = error_rule(
        FRESH, checked=max(present, 1), breaches=int(present == 0 and not closed),
        message="returns are dated the expected day" if present or closed else f"no return is dated {day.date()}; "
        "materialize ohlcv of that day first",
    )  # fmt: skip
    return Verdict(
        "L1",
        (
            fresh,
            _rule(RANGE, rows, "bad_range", "a return is not finite or out of range: look at its bars"),
            _rule(PADDING, rows, "bad_padding", "exact zero returns on a closed day: the closed session was padded"),
            _rule(DELISTED, rows, "bad_join", "a bar without its return, or a return without a bar: symbols must keep "
                  "their history to their last bar and no further"),
        ),
    )  # fmt: skip


def _rule(rule: str, rows: pd.DataFrame, column: str, told: str) -> RuleResult:
    count = int(rows[column].to_numpy().sum())
    if not count:
        return error_rule(rule, checked=len(rows), breaches=0, message="nothing found")
    bad = rows[rows[column]]
    offenders: list[Mapping[str, Any]] = [
        {"symbol": str(symbol), "date": str(day)}
        for symbol, day in zip(bad["symbol"].head(MAX_OFFENDERS), bad["date"].dt.date.head(MAX_OFFENDERS), strict=True)
    ]
    return error_rule(
        rule, checked=len(rows), breaches=count, offenders=offenders,
        message=f"{count} of {len(rows)}: {told}",
    )  # fmt: skip
