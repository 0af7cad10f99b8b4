"""L0: rules on raw bars of single days: shape, names, keys, prices, volumes, completeness.

Every L0 rule looks at one day alone, so a range of days is judged at once. A row that breaks a rule is quarantined
under the first rule of `ROW_RULES` that it breaks; a day that breaks an ERROR rule is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.contracts.verdict import RuleResult
from quant_assets.market.config import MarketRules
from quant_assets.market.coverage import (
    COVERAGE,
    RETENTION,
    Turnout,
    absent_rows,
    count_turnout,
    judge_coverage,
    retention_result,
)
from quant_assets.market.decisions import ROW_RELEASES, Circumstances, released_rows
from quant_assets.market.schema import NUMBER_COLUMNS
from quant_assets.market.table import MICROS_PER_DAY, BarTable, Bools, Ints, Reasons
from quant_assets.market.tally import day_results, row_offenders
from quant_assets.market.waivers import waived_results

ROW_RULES = ("L0.SCHEMA", "L0.SYMBOL", "L0.CLOSED", "L0.KEY", "L0.OHLC", "L0.VOLUME")
L0_RULES = (*ROW_RULES, COVERAGE, RETENTION, "L0.CONSERVE")
PRICE_ROUNDING = 1e-12
"""Relative rounding allowed between prices of one bar: a source that multiplies prices rounds each by itself."""
_ASSET = "ohlcv"


@dataclass(frozen=True)
class RawFindings:
    """What L0 found: for each row the breached rule and why; for each day the results.

    `row_rule` is an index into `ROW_RULES`, -1 for none. `refused` names for each day the ERROR rules it breaks ('' for
    none). `failed` lists (day position, symbol, reason) of expected markets without a complete answer.
    """

    row_rule: NDArray[np.int8]
    row_reason: Reasons
    refused: list[str]
    results: dict[str, list[RuleResult]]
    failed: list[tuple[int, str, str]]


def judge_raw(
    table: BarTable,
    expected: pd.DataFrame,
    rules: MarketRules,
    around: Circumstances = Circumstances(),  # noqa: B008  # frozen
    before: Collection[str] = (),
) -> RawFindings:
    """Return the findings of L0, all rules but L0.CONSERVE, on every day of the table.

    `before`: symbols of the newest earlier day that was published, for L0.RETENTION.
    """
    conflict = np.zeros(len(table), dtype=bool)
    masks = _row_masks(table, rules, conflict)
    for rule in ROW_RELEASES:
        masks[rule] &= ~released_rows(table, around.releases, rule)
    row_rule = np.full(len(table), -1, dtype=np.int8)
    for index in reversed(range(len(ROW_RULES))):
        row_rule[masks[ROW_RULES[index]]] = index
    reason = _reasons(table, masks, conflict)
    received = table.per_day()
    fatal = {
        "L0.SCHEMA": masks["L0.SCHEMA"], "L0.SYMBOL": masks["L0.SYMBOL"], "L0.CLOSED": masks["L0.CLOSED"],
        "L0.KEY": conflict,
    }  # fmt: skip
    results, refusals = {}, {}
    for rule in ROW_RULES:
        breaches = table.per_day(masks[rule])
        error = table.per_day(fatal[rule]) > 0 if rule in fatal else None
        if rule == "L0.OHLC":
            error = (breaches > rules.bad_ohlc_free_rows) & (breaches > rules.bad_ohlc_share * received)
        refusals[rule] = error
        results[rule] = _row_results(table, rule, received, breaches, masks[rule], reason[rule], error)
    turnout = count_turnout(table, expected, around.failed, before)
    days = [stamp.date() for stamp in table.calendar.stamps]
    results[COVERAGE] = waived_results(judge_coverage(table, turnout, rules), days, around.waivers, _ASSET)
    refusals[COVERAGE] = np.array([r.verdict == "fail" for r in results[COVERAGE]])
    others = np.any([bad for bad in refusals.values() if bad is not None], axis=0)
    results[RETENTION], refusals[RETENTION] = _retention(table, turnout, others, rules, around, before)
    refused = [", ".join(r for r, bad in refusals.items() if bad is not None and bad[d]) for d in range(len(received))]
    row_reason = {row: reason[ROW_RULES[row_rule[row]]][row] for row in np.flatnonzero(row_rule >= 0).tolist()}
    return RawFindings(row_rule, row_reason, refused, results, absent_rows(turnout))


def _retention(
    table: BarTable,
    turnout: Turnout,
    refused: Bools,
    rules: MarketRules,
    around: Circumstances,
    before: Collection[str],
) -> tuple[list[RuleResult], Bools]:
    """Return L0.RETENTION of each day and which days it refuses: each day against the newest one not refused.

    `refused`: days that other rules refuse. A closed day is compared with nothing, and nothing with it.
    """
    known = np.isin(turnout.names, list(before)) if before else None
    results, own = [], np.zeros(len(refused), dtype=bool)
    for day, stamp in enumerate(table.calendar.stamps):
        closed = bool(table.calendar.is_closed[day])
        result = retention_result(stamp, turnout, day, None if closed else known, rules)
        result = waived_results([result], [stamp.date()], around.waivers, _ASSET)[0]
        own[day] = result.verdict == "fail"
        results.append(result)
        if not (closed or refused[day] or own[day]) and turnout.came[day].any():
            known = turnout.came[day]
    return results, own


def conservation(received: Ints, accepted: Ints, quarantined: Ints, stamps: list[pd.Timestamp]) -> list[RuleResult]:
    """Return L0.CONSERVE for each day: accepted + quarantined = received, row for row."""
    lost = np.abs(received - accepted - quarantined)

    def told(day: int) -> str:
        return f"received {received[day]} rows but accepted {accepted[day]} and quarantined {quarantined[day]}"

    return day_results(
        "L0.CONSERVE", received, lost, clean="accepted + quarantined = received", broken=told,
        offenders=lambda day: [{"date": stamps[day].date().isoformat(), "lost": int(lost[day])}], error=lost > 0,
    )  # fmt: skip


def _row_masks(table: BarTable, rules: MarketRules, conflict: Bools) -> dict[str, Bools]:
    """Return the breaching rows of each row rule; fills `conflict` with keys that occur with different values."""
    schema = table.shape_breach | bool(table.frame_breach)
    fetched = table.frame["ingested_at"].to_numpy().astype("datetime64[us]")
    ends = ((table.day + 1) * MICROS_PER_DAY).view("datetime64[us]")
    with np.errstate(invalid="ignore"):
        closed = fetched >= ends  # NaT compares false: an unknown ingestion time cannot show that the bar was closed
    masks = {"L0.SCHEMA": schema, "L0.SYMBOL": ~table.row_canonical, "L0.CLOSED": ~closed & ~schema}
    masks["L0.KEY"] = _duplicates(table, ~schema, conflict)
    masks["L0.OHLC"] = _bad_prices(table) & ~schema
    masks["L0.VOLUME"] = _bad_volumes(table, rules) & ~schema & ~masks["L0.OHLC"]
    return masks


def _duplicates(table: BarTable, shaped: Bools, conflict: Bools) -> Bools:
    """Return repeated (day, symbol): all but the first of equal rows, every row where the values differ."""
    breach = np.zeros(len(table), dtype=bool)
    rows = np.flatnonzero(shaped)
    if len(rows) < 2:
        return breach
    same = (np.diff(table.position[rows]) == 0) & (np.diff(table.codes[rows]) == 0)
    if not same.any():
        return breach
    group = np.concatenate([[0], np.cumsum(~same)])
    differs = np.zeros(len(same), dtype=bool)
    for name in NUMBER_COLUMNS:
        values = table.numbers[name][rows]
        equal = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        differs |= ~equal
    bad_groups = np.unique(group[1:][same & differs])
    conflict[rows] = np.isin(group, bad_groups)
    breach[rows[1:][same]] = True
    return breach | conflict


def _bad_prices(table: BarTable) -> Bools:
    o, h, low, c = (table.numbers[name] for name in ("open", "high", "low", "close"))
    finite = np.isfinite(o) & np.isfinite(h) & np.isfinite(low) & np.isfinite(c)
    with np.errstate(invalid="ignore"):
        top, bottom = np.maximum(o, c) * (1 - PRICE_ROUNDING), np.minimum(o, c) * (1 + PRICE_ROUNDING)
        ordered = (low > 0) & (low <= bottom) & (top <= h)
    return ~(finite & ordered)


def _bad_volumes(table: BarTable, rules: MarketRules) -> Bools:
    volume, value, trades = (table.numbers[name] for name in ("volume", "quote_volume", "trades"))
    slack = rules.quote_volume_tolerance
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = ~(np.isfinite(volume) & (volume >= 0))
        wrong |= ~np.isnan(value) & ~(np.isfinite(value) & (value >= 0))
        wrong |= ~np.isnan(trades) & ~(np.isfinite(trades) & (trades >= 0))
        inside = (value >= volume * table.numbers["low"] * (1 - slack)) & (
            value <= volume * table.numbers["high"] * (1 + slack)
        )
    return wrong | (~np.isnan(value) & ~inside)


def _reasons(table: BarTable, masks: dict[str, Bools], conflict: Bools) -> dict[str, Reasons]:
    """Return for each row rule the reasons of the rows that break it."""
    return {
        rule: {row: _reason(table, rule, row, bool(conflict[row])) for row in np.flatnonzero(mask).tolist()}
        for rule, mask in masks.items()
    }


def _reason(table: BarTable, rule: str, row: int, conflict: bool) -> str:
    n = table.numbers
    if rule == "L0.SCHEMA":
        return str(table.shape_reason.get(row, table.frame_breach))
    if rule == "L0.SYMBOL":
        return "symbol is not VENUE:BASE/QUOTE[:SETTLE] in capitals and digits (a plain ticker needs a default quote)"
    if rule == "L0.CLOSED":
        return f"ingested at {table.frame['ingested_at'].iloc[row]}, before the end of the bar"
    if rule == "L0.KEY":
        return "the key occurs with different values" if conflict else "the same row again"
    if rule == "L0.OHLC":
        return f"open {n['open'][row]:g}, high {n['high'][row]:g}, low {n['low'][row]:g}, close {n['close'][row]:g}"
    return (
        f"volume {n['volume'][row]:g}, quote volume {n['quote_volume'][row]:g}, trades {n['trades'][row]:g}, "
        f"prices {n['low'][row]:g} to {n['high'][row]:g}"
    )


_NEXT_STEP = {
    "L0.SCHEMA": "see the reason of each row; correct the source's types or time stamps",
    "L0.SYMBOL": "rename or remove the symbols at the source",
    "L0.CLOSED": "fetch the day again after it has ended",
    "L0.KEY": "rows that only repeat are quarantined; different values under one key withhold the day",
    "L0.OHLC": "0 < low <= open, close <= high does not hold; the rows are quarantined",
    "L0.VOLUME": "not finite, negative, or the quote volume does not fit the prices; the rows are quarantined",
}


def _row_results(
    table: BarTable,
    rule: str,
    received: Ints,
    breaches: Ints,
    mask: Bools,
    reasons: Reasons,
    error: Bools | None,
) -> list[RuleResult]:
    def told(day: int) -> str:
        return f"{breaches[day]} of {received[day]} rows: {_NEXT_STEP[rule]}"

    return day_results(
        rule, received, breaches, clean="no row breaks it", broken=told, error=error,
        offenders=row_offenders(table, mask, reasons),
    )  # fmt: skip
