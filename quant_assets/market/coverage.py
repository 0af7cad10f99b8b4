"""L0 on completeness: of the markets that should have a bar, which came; and of yesterday's markets, which came again.

Belongs here: comparing what was received with what was expected and with the day before. Does not belong here: any
judgement of a bar's values.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.contracts.verdict import RuleResult, Verdict
from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.market.table import BarTable, Bools, Ints, day_numbers
from quant_assets.market.tally import Offenders, day_results, named_offenders

COVERAGE, RETENTION = "L0.COVERAGE", "L0.RETENTION"
NOT_RECEIVED = "no bar received"


@dataclass(frozen=True)
class Turnout:
    """Who should have come and who came: grids of days x `names` (sorted).

    `wanted`: listed and trading; `came`: some row was received; `missing`: wanted, and no complete answer came, be it
    that no row was received or that the fetch of the symbol failed (`failed`: symbol to reason).
    """

    names: NDArray[np.object_]
    wanted: Bools
    came: Bools
    missing: Bools
    failed: Mapping[str, str]

    def absent(self, day: int) -> list[tuple[str, str]]:
        """Return the missing symbols of a day (by position), each with the reason."""
        names = [str(self.names[k]) for k in np.flatnonzero(self.missing[day])]
        return [(n, f"fetch failed: {self.failed[n]}" if n in self.failed else NOT_RECEIVED) for n in names]


def count_turnout(
    table: BarTable, expected: pd.DataFrame, failed: Mapping[str, str], before: Collection[str] = ()
) -> Turnout:
    """Return the turnout of every day. `expected`: date, symbol; `failed`: symbols whose fetch failed, with reasons.

    `before` are further names to have a column. UsageError where `expected` lacks a column.
    """
    if not {"date", "symbol"} <= set(expected.columns):
        raise UsageError(f"expected markets need the columns date and symbol; found {list(map(str, expected.columns))}")
    raw, uniques = pd.factorize(expected["symbol"])
    names = np.array(sorted({*map(str, uniques), *map(str, table.names), *before}), dtype=object)
    index = pd.Index(names)
    shape = (len(table.calendar.days), len(names))
    wanted, came = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    days = day_numbers(expected["date"])
    position = np.minimum(table.calendar.positions(days), shape[0] - 1)
    judged = table.calendar.days[position] == days
    wanted[position[judged], index.get_indexer(pd.Index(uniques))[raw[judged]]] = True
    if len(table):
        came[table.position, index.get_indexer(pd.Index(table.names))[table.codes]] = True
    incomplete = index.isin(list(failed))
    return Turnout(names, wanted, came, wanted & (~came | incomplete), failed)


def judge_coverage(table: BarTable, turnout: Turnout, rules: MarketRules) -> list[RuleResult]:
    """Return L0.COVERAGE for each day; its message names every expected symbol that did not come."""
    asked, lost = turnout.wanted.sum(axis=1).astype(np.int64), turnout.missing.sum(axis=1).astype(np.int64)
    share = 1.0 - lost / np.maximum(asked, 1)
    refused, below = share < rules.coverage_error, share < rules.coverage_warn
    stamps = table.calendar.stamps

    def told(day: int) -> str:
        counts = f"{asked[day] - lost[day]} of {asked[day]} expected symbols received ({share[day]:.2%}"
        floor = f", floor {rules.coverage_error if refused[day] else rules.coverage_warn:.0%}" if below[day] else ""
        step = "; ask again with `quant repair`" if below[day] else ""
        return f"{counts}{floor}){step}; missing: {_listed(turnout.absent(day))}"

    def who(day: int) -> Offenders:
        stamp = stamps[day].date().isoformat()
        return [o for name, why in turnout.absent(day)[:10] for o in named_offenders([name], stamp, why)]

    return day_results(
        COVERAGE, asked, lost, clean="expected symbols were received", broken=told, tolerated=~below, error=refused,
        offenders=who,
    )  # fmt: skip


def _listed(absent: list[tuple[str, str]]) -> str:
    """Every missing symbol, those whose fetch failed with the reason."""
    return ", ".join(name if why == NOT_RECEIVED else f"{name} ({why})" for name, why in absent)


def retained(turnout: Turnout, day: int, before: Bools, rules: MarketRules) -> tuple[int, Bools, int]:
    """Return for one day: how many symbols of the day before should have come again, which did not, and how many left.

    Symbols that today's listings no longer show as trading have left and are not asked for, unless more than
    `retention_leaving` of all (and more than `retention_few`) leave in one day: such a change is not believed.
    """
    lost = before & ~turnout.came[day]
    left = lost & ~turnout.wanted[day]
    total, leaving = int(before.sum()), int(left.sum())
    if leaving > max(rules.retention_few, rules.retention_leaving * total):
        return total, lost, 0
    return total - leaving, lost & ~left, leaving


def retention_result(
    stamp: pd.Timestamp, turnout: Turnout, day: int, before: Bools | None, rules: MarketRules
) -> RuleResult:
    """Return L0.RETENTION of one day against the symbols `before` (None: no earlier day to compare with)."""
    if before is None or not before.any():
        return _one(0, 0, "no earlier day to compare with", "", [], rules)
    total, lost, left = retained(turnout, day, before, rules)
    count = int(lost.sum())
    names = [str(turnout.names[k]) for k in np.flatnonzero(lost)]
    told = f"{total - count} of {total} symbols of the day before came again"
    clean = told if not left else f"{told}; {left} left the listings"
    return _one(total, count, clean, stamp.date().isoformat(), names, rules)


def _one(total: int, lost: int, told: str, stamp: str, names: list[str], rules: MarketRules) -> RuleResult:
    share = 1.0 - lost / max(total, 1)
    refused = share < rules.retention_error
    message = told
    if lost:
        floor = f", floor {rules.retention_error:.0%}" if refused else ""
        message = f"{told} ({share:.2%}{floor}); lost: {', '.join(names)}"
    checked, breaches = np.array([total]), np.array([lost])
    return day_results(
        RETENTION, checked, breaches, clean=message, broken=lambda _: message,
        offenders=lambda _: named_offenders(names, stamp, "had a bar the day before"), error=np.array([refused]),
        tolerated=np.array([not refused]),
    )[0]  # fmt: skip


def symbols_before(history: pd.DataFrame, earlier_quarantine: pd.DataFrame) -> list[str]:
    """Return the symbols received on the newest earlier day that has an accepted bar, quarantined ones included."""
    if history.empty:
        return []
    newest = history["date"].max()
    frames = (history, earlier_quarantine)
    return sorted({str(s) for f in frames for s in f.loc[f["date"] == newest, "symbol"]})


def retention_share(result: RuleResult) -> float:
    """Return the share that L0.RETENTION found, NaN where there was nothing to compare with."""
    return float("nan") if not result.checked else 1.0 - result.breaches / result.checked


def absent_rows(turnout: Turnout) -> list[tuple[int, str, str]]:
    """Return (day position, symbol, reason) of every expected market without a complete answer."""
    days: Ints = np.flatnonzero(turnout.missing.any(axis=1)).astype(np.int64)
    return [(int(d), name, why) for d in days for name, why in turnout.absent(int(d))]


def coverage_rows(
    expected: pd.DataFrame,
    received: pd.DataFrame,
    accepted: pd.DataFrame,
    quarantined: pd.DataFrame,
    verdicts: Mapping[pd.Timestamp, Sequence[Verdict]],
    failed: Mapping[str, str],
) -> pd.DataFrame:
    """Return one row for each judged day: counts of markets, the exact lists of what is missing and what failed.

    Columns: date, expected, received, accepted, quarantined, missing (JSON list), failed (JSON object), retention,
    waived (rule ids).
    """
    came = received[["date", "symbol"]].drop_duplicates()
    joined = expected[["date", "symbol"]].drop_duplicates().merge(came, how="left", indicator=True)
    absent = joined[(joined["_merge"] == "left_only") | joined["symbol"].isin(list(failed))]
    missing = {day: sorted(rows) for day, rows in absent.groupby("date")["symbol"]}
    counts = [_per_day(frame) for frame in (joined, came, accepted, quarantined)]
    told = json.dumps(dict(sorted(failed.items())))
    rows = []
    for day, levels in verdicts.items():
        results = {r.rule: r for level in levels for r in level.results}
        rows.append(
            (
                day,
                *(int(count.get(day, 0)) for count in counts),
                json.dumps(missing.get(day, [])),
                told,
                retention_share(results[RETENTION]),
                ",".join(r.rule for r in results.values() if r.verdict == "waived"),
            )
        )
    columns = ["date", "expected", "received", "accepted", "quarantined", "missing", "failed", "retention", "waived"]
    return pd.DataFrame(rows, columns=columns).astype({"date": "datetime64[us]"})


def _per_day(frame: pd.DataFrame) -> dict[pd.Timestamp, int]:
    counted = frame["date"].value_counts()
    return dict(zip(pd.DatetimeIndex(counted.index), counted.astype(int).tolist(), strict=True))
