"""Counting recorded verdicts: by asset, level and rule, over partitions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def count_verdicts(rows: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """One record for each asset, level and rule, from (asset, partition, verdicts as the ledger's JSON).

    ``pass``, ``warn``, ``fail`` and ``waived`` count partitions, ``breaches`` sums what the rule counted (rows,
    symbols); ``last_breach`` and ``message`` are of the newest partition where the rule had something to say.
    """
    counted: dict[tuple[str, str, str], dict[str, Any]] = {}
    for asset, partition, verdicts in rows:
        for level, records in json.loads(verdicts).items():
            for record in records:
                found = counted.setdefault((asset, level, record["rule"]), _nothing_yet(asset, level, record["rule"]))
                found[record["verdict"]] += 1
                found["breaches"] += record["breaches"]
                if record["breaches"] or record["verdict"] != "pass":
                    found["last_breach"], found["message"] = partition, record["message"]
    return list(counted.values())


def _nothing_yet(asset: str, level: str, rule: str) -> dict[str, Any]:
    counts = {"pass": 0, "warn": 0, "fail": 0, "waived": 0, "breaches": 0}
    return {"asset": asset, "level": level, "rule": rule, **counts, "last_breach": "", "message": ""}
