"""L3.CERTIFIED: a selector reads no feature without a current certificate of the day it is read for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule
from quant_assets.features.range_certificate import CERTIFIED

RULE = "L3.CERTIFIED"
COLUMNS = ("date", "feature", "made_from", "content", "state", "reason")
"""What of a certificate the rule reads."""
Stored = dict[tuple[str, str], tuple[str, str, str, str]]
"""(made_from, content, state, reason) of a certificate by day and feature."""


def certified_rules(
    certificates: pd.DataFrame, needed: Mapping[str, str], days: Mapping[str, Mapping[str, str]]
) -> dict[str, RuleResult]:
    """For each key of ``days`` whether each feature of ``needed`` has a current certificate on each of its days (ISO).

    ``certificates``: ``COLUMNS``; other days and features are ignored. ``needed``: feature id to the hash of its
    declaration and code as they are now. Each of the days is given with the content (data version) that is read.
    """
    dates = pd.DatetimeIndex(sorted({day for own in days.values() for day in own}))
    rows = certificates[(certificates["date"].isin(dates) & certificates["feature"].isin(list(needed))).to_numpy(bool)]
    keys = zip(rows["date"].dt.strftime("%Y-%m-%d"), rows["feature"], strict=True)
    facts = zip(rows["made_from"], rows["content"], rows["state"], rows["reason"], strict=True)
    stored: Stored = dict(zip(keys, facts, strict=True))
    return {key: _certified(stored, needed, own) for key, own in days.items()}


def _certified(stored: Stored, needed: Mapping[str, str], days: Mapping[str, str]) -> RuleResult:
    """L3.CERTIFIED on the days that one decision reads."""
    faults = [
        {"feature": name, "day": day, "fault": fault}
        for day, content in days.items()
        for name, made_from in needed.items()
        if (fault := _fault(stored.get((day, name)), made_from, content))
    ]
    text = _advice(faults) if faults else f"{len(needed)} features certified on {', '.join(days)}"
    return error_rule(
        RULE, checked=len(needed) * len(days), breaches=len(faults), message=text, offenders=faults[:MAX_OFFENDERS]
    )


def _fault(stored: tuple[str, str, str, str] | None, made_from: str, content: str) -> str:
    """What is wrong with one certificate (made_from, content, state, reason); empty where nothing is."""
    if stored is None:
        return "has no certificate"
    if stored[0] != made_from:
        return "was certified with another declaration or code than it has now"
    if stored[2] != CERTIFIED:
        return f"is not certified: {stored[3]}"
    return "" if stored[1] == content else "was certified with other values than are stored now"


def _advice(faults: Sequence[Mapping[str, str]]) -> str:
    """The faults feature by feature, and what to run next."""
    told = dict.fromkeys(f"{f['feature']} on {f['day']} {f['fault']}" for f in faults)
    first, last = min(f["day"] for f in faults), max(f["day"] for f in faults)
    mend = "mend the feature (`quant features certify --stored`), then " if _denied(faults) else ""
    return f"{'; '.join(told)}; {mend}`quant run features_matrix --from {first} --to {last}`, then select again"


def _denied(faults: Sequence[Mapping[str, str]]) -> bool:
    return any(f["fault"].startswith("is not") for f in faults)
