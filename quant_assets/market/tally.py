"""Rule results for many days at once: equal results are built once, offenders only where there is a breach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, Severity
from quant_assets.market.table import BarTable, Bools, Ints

Offenders = list[Mapping[str, Any]]


def day_results(
    rule: str,
    checked: Ints,
    breaches: Ints,
    *,
    clean: str,
    broken: Callable[[int], str],
    offenders: Callable[[int], Offenders],
    error: Bools | None = None,
    tolerated: Bools | None = None,
) -> list[RuleResult]:
    """Return one result for each day; a day breaks the rule when it has a breach, as ERROR where `error` says so.

    `clean` is the message of a day without breach; `broken` and `offenders` get the day's position. A rule that has an
    ERROR form is shown with that severity also where it passes. Breaches of a day that `tolerated` marks are counted,
    and the rule passes.
    """
    severity = Severity.WARN if error is None else Severity.ERROR
    fatal = np.zeros(len(checked), dtype=bool) if error is None else error
    shared: dict[int, RuleResult] = {}
    results: list[RuleResult] = []
    for day, (seen, bad) in enumerate(zip(checked.tolist(), breaches.tolist(), strict=True)):
        if bad == 0:
            if seen not in shared:
                shared[seen] = RuleResult(rule, True, severity, seen, 0, clean)
            results.append(shared[seen])
        else:
            passed = tolerated is not None and bool(tolerated[day])
            form = Severity.ERROR if fatal[day] or passed else Severity.WARN
            results.append(RuleResult(rule, passed, form, seen, bad, broken(day), tuple(offenders(day))))
    return results


def row_offenders(table: BarTable, mask: Bools, reasons: Mapping[int, str]) -> Callable[[int], Offenders]:
    """Return a function that lists the first breaching rows of a day: symbol, date and the reason."""

    def listed(day: int) -> Offenders:
        rows = table.rows_of_day(day)
        found = np.flatnonzero(mask[rows])[:MAX_OFFENDERS] + rows.start
        stamp = table.calendar.stamps[day].date().isoformat() if len(found) else ""
        return [_offender(str(table.names[table.codes[r]]), stamp, reasons[int(r)]) for r in found]

    return listed


def named_offenders(names: Iterable[str], stamp: str, reason: str) -> Offenders:
    """Return offenders for symbols that have no row."""
    return [_offender(name, stamp, reason) for name in list(names)[:MAX_OFFENDERS]]


def _offender(name: str, stamp: str, reason: str) -> dict[str, str]:
    shown = name if name.isascii() and name.isprintable() and len(name) <= 60 else ascii(name)[:60]
    return {"symbol": shown, "date": stamp, "reason": reason}
