"""L0 and L1 over a user's own file of bars: one result for each rule, summed over the file's days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, Severity
from quant_assets.errors import EmptyResult
from quant_assets.market.config import MarketRules
from quant_assets.market.health_rules import L1_BAR_RULES
from quant_assets.market.judgement import judge_bars
from quant_assets.market.raw_rules import L0_RULES
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS, canonical_bars, empty_frame
from quant_assets.market.symbols import is_canonical
from quant_assets.market.table import Ints, day_numbers, to_stamps

PLAUSIBLE_DAYS = (day_numbers(pd.DatetimeIndex(["1900-01-01"]))[0], day_numbers(pd.DatetimeIndex(["2200-01-01"]))[0])
ALL_RULES = (*L0_RULES, *L1_BAR_RULES)
_RANK = {"pass": 0, "warn": 1, "fail": 2}


def check_bars(
    frame: pd.DataFrame,
    rules: MarketRules,
    venue: str,
    default_quote: str | None = None,
    *,
    known_at: pd.Timestamp | None = None,
) -> list[RuleResult]:
    """Return every L0 rule and every L1 rule on bars, in that order, over a whole file of bars.

    `frame` is a long frame as `canonical_bars` reads it. The markets expected on a day are those seen on it or on the
    open day before. A file without any weekend bar is taken to follow a session calendar: days on which nothing has a
    bar are then closed. Counts are summed over days; the verdict is the worst day's. In a file any repeated key fails
    L0.KEY, since the file can be corrected. `known_at` (naive UTC) is when the file was made or read; without it, and
    without an ingested_at column, L0.CLOSED cannot be judged and says so.
    Raises EmptyResult for a frame without rows, UsageError where a column is missing.
    """
    if frame.empty:
        raise EmptyResult("the file has no rows; export bars with symbol, date, open, high, low, close, volume")
    bars = canonical_bars(frame, venue=venue, default_quote=default_quote, ingested_at=known_at)
    dated = _plausible(bars["date"])
    undated, bars = int((~dated).sum()), bars[dated]
    if bars.empty:
        return [
            _undated(RuleResult(r, True, Severity.WARN, 0, 0, "not evaluated: no row has a date"), undated)
            for r in ALL_RULES
        ]
    timeless = bars["ingested_at"].isna()
    ends = bars["date"].dt.floor("D") + pd.Timedelta(days=1)
    bars = bars.assign(ingested_at=bars["ingested_at"].fillna(ends))
    days, closed = _calendar(bars["date"])
    judgement = judge_bars(
        bars, empty_frame(OHLCV_COLUMNS), _expected(bars, days, closed), rules,
        days=pd.DatetimeIndex(to_stamps(days)), closed_days=pd.DatetimeIndex(to_stamps(closed)),
        earlier_quarantine=empty_frame(QUARANTINE_COLUMNS),
    )  # fmt: skip
    daily = [(*raw.results, *health.results) for raw, health in judgement.verdicts.values()]
    results = [_undated(_summed(list(of_rule)), undated) for of_rule in zip(*daily, strict=True)]
    return [_closing(r, bool(timeless.all())) for r in results]


def _plausible(dates: pd.Series) -> pd.Series:
    days = day_numbers(dates)
    plausible = (days >= PLAUSIBLE_DAYS[0]) & (days < PLAUSIBLE_DAYS[1])
    return pd.Series(dates.notna().to_numpy(dtype=bool) & plausible, index=dates.index)


def _calendar(dates: pd.Series) -> tuple[Ints, Ints]:
    """Return the days to judge and the closed days. A hole in all symbols is judged on its first day."""
    present = np.unique(day_numbers(dates))
    span = np.arange(present[0], present[-1] + 1)
    absent = np.setdiff1d(span, present)
    weekend = (span + 3) % 7 >= 5  # day 0 was a Thursday
    weeks = weekend.sum() >= 2
    if weeks and not np.isin(span[weekend], present).any():
        return present, absent
    return np.union1d(present, np.intersect1d(present + 1, absent)), np.zeros(0, dtype=np.int64)


def _expected(bars: pd.DataFrame, days: Ints, closed: Ints) -> pd.DataFrame:
    """Return date, symbol of the markets seen on each day or on the open day before it."""
    seen = bars.loc[bars["symbol"].map(is_canonical), ["date", "symbol"]]
    seen = seen.assign(date=seen["date"].dt.floor("D")).drop_duplicates()
    day = day_numbers(seen["date"])
    open_days = np.setdiff1d(np.arange(days[0], days[-1] + 2), closed)
    following = open_days[np.minimum(np.searchsorted(open_days, day, side="right"), len(open_days) - 1)]
    carried = seen.assign(date=to_stamps(following))
    return pd.concat([seen, carried], ignore_index=True).drop_duplicates(ignore_index=True)


def _summed(daily: list[RuleResult]) -> RuleResult:
    """Return one rule over all days: counts summed, the worst verdict, offenders of the worst days."""
    worst = max(daily, key=lambda r: (_RANK[r.verdict], r.breaches))
    broken = sorted((r for r in daily if r.verdict != "pass"), key=lambda r: (-_RANK[r.verdict], -r.breaches))
    offenders = [o for r in broken for o in r.offenders][:MAX_OFFENDERS]
    skipped = sum(r.message.startswith("not evaluated") for r in daily)
    message = (
        f"{len(broken)} of {len(daily)} days; worst: {worst.message}"
        if broken
        else f"{len(daily)} days; {daily[0].message}"
    )
    if skipped:
        message += f" ({skipped} day(s) not evaluated, being withheld by L0)"
    severity, breaches = worst.severity, sum(r.breaches for r in daily)
    passed = worst.passed
    if worst.rule == "L0.KEY" and breaches:
        severity, passed = Severity.ERROR, False
    return RuleResult(worst.rule, passed, severity, sum(r.checked for r in daily), breaches, message, tuple(offenders))


def _undated(result: RuleResult, rows: int) -> RuleResult:
    """Return L0.SCHEMA with the rows that no day can be found for; any other rule unchanged."""
    if not rows or result.rule != "L0.SCHEMA":
        return result
    note = f"{rows} row(s) have no readable date (ISO, or an epoch in s, ms, us or ns, between 1900 and 2200)"
    return RuleResult(
        result.rule, False, Severity.ERROR, result.checked + rows, result.breaches + rows,
        f"{note}; {result.message}", result.offenders,
    )  # fmt: skip


def _closing(result: RuleResult, timeless: bool) -> RuleResult:
    """Return L0.CLOSED as not evaluated where nothing says when the bars were known."""
    if result.rule != "L0.CLOSED" or not timeless:
        return result
    return replace(result, checked=0, message="not evaluated: the file does not say when its bars were fetched")
