"""Rules on the candidates of a universe: there are some on every day, and where not, why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from quant_assets.contracts.verdict import RuleResult, Verdict, error_rule
from quant_assets.market.table import to_index
from quant_assets.universe.config import Universe
from quant_assets.universe.thresholds import nearest

NONEMPTY = "UNIVERSE.NONEMPTY"


def universe_verdicts(
    candidates: pd.DataFrame, universes: Sequence[Universe], days: Collection[date] | pd.DatetimeIndex
) -> dict[pd.Timestamp, Verdict]:
    """Return the verdict of each of `days` on the output of `screen` of all universes.

    Holds one rule, UNIVERSE.NONEMPTY: every universe has a candidate; a breach is an ERROR that counts
    the vetoes and names the market nearest to each threshold.
    """
    groups = {key: rows for key, rows in candidates.groupby(["date", "universe"])}
    nothing = candidates.iloc[:0]
    verdicts = {}
    for day in to_index(days):
        each = [_nonempty(day, groups.get((day, u.name), nothing), u) for u in universes]
        verdicts[day] = Verdict("L2", (_together(each),))
    return verdicts


def veto_counts(rows: pd.DataFrame) -> dict[str, int]:
    """How many markets of `rows` (output of `screen`) each veto keeps out, the most frequent first."""
    reasons = (name for names in rows["veto_reasons"] for name in str(names).split(",") if name)
    return dict(Counter(reasons).most_common())


def _together(results: list[RuleResult]) -> RuleResult:
    """Return one result for all universes; the messages of the broken ones come first."""
    broken = [r for r in results if not r.passed]
    return error_rule(
        NONEMPTY, checked=sum(r.checked for r in results), breaches=len(broken),
        message=" | ".join(r.message for r in broken or results), offenders=[o for r in broken for o in r.offenders],
    )  # fmt: skip


def _nonempty(day: pd.Timestamp, rows: pd.DataFrame, universe: Universe) -> RuleResult:
    passing = int(rows["passed"].sum())
    if passing:
        return error_rule(
            NONEMPTY, checked=len(rows), breaches=0, message=f"{universe.name}: {passing} of {len(rows)} markets pass"
        )
    if rows.empty:
        message = (
            f"universe {universe.name}: no market is listed on {day.date()}; materialize listings of that day first"
        )
        return error_rule(NONEMPTY, checked=0, breaches=1, message=message)
    counts = veto_counts(rows)
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    close = {record["veto"]: record["text"] for record in nearest(rows, universe)}
    wide = "no threshold decides: every market is out by what it is"
    message = (
        f"universe {universe.name}: none of {len(rows)} markets passes on {day.date()}; vetoes: {told}; nearest: "
        f"{'; '.join(close.values()) or wide}; change the rule that vetoes most, or give bars of more markets"
    )
    offenders: list[Mapping[str, Any]] = [
        {"universe": universe.name, "veto": name, "markets": count, "nearest": close.get(name, "")}
        for name, count in counts.items()
    ]
    return error_rule(NONEMPTY, checked=len(rows), breaches=len(rows), message=message, offenders=offenders)
