"""States become findings: by partition days and verdicts, never by the time of anything."""

from __future__ import annotations

import json

import pytest

from sensors.alerting import CONTRACT, COVERAGE, ERROR, TOXIC, WARN
from sensors.findings import (
    RunEnd,
    Standing,
    consequences,
    contract_findings,
    run_findings,
    stale_findings,
    unjudged,
)


def standing(newest: str | None, due: str | None, asset: str = "ohlcv", step: int = 1, **changes) -> Standing:
    return Standing(asset, step, "2024-03-01", due, newest, **changes)


def record(rule: str, verdict: str, **more) -> dict:
    return {"rule": rule, "verdict": verdict, "checked": 8, "breaches": 1, "message": "said", "offenders": [], **more}


def row(partition: str, level: str, *records: dict, asset: str = "ohlcv") -> tuple[str, str, str]:
    return asset, partition, json.dumps({level: list(records)})


@pytest.mark.parametrize(
    ("newest", "due", "missing"),
    [
        ("2024-03-05", "2024-03-05", ()),
        ("2024-03-06", "2024-03-05", ()),
        ("2024-03-03", "2024-03-05", ("2024-03-04", "2024-03-05")),
        (None, "2024-03-02", ("2024-03-01", "2024-03-02")),
        (None, None, ()),
    ],
)
def test_missing_is_what_lies_after_the_newest_up_to_what_is_due(newest, due, missing):
    assert standing(newest, due).missing == missing
    assert [f.partitions for f in stale_findings([standing(newest, due)])] == ([missing] if missing else [])


def test_weeks_are_counted_in_weeks():
    found = standing("2024-03-04", "2024-03-18", asset="all/meta_weights", step=7)

    assert found.missing == ("2024-03-11", "2024-03-18")


def test_what_is_behind_because_its_input_is_stays_a_consequence():
    bars = standing("2024-03-03", "2024-03-04")
    features = standing("2024-03-03", "2024-03-04", asset="features_matrix", rests_on=("ohlcv",))
    (told,) = stale_findings([bars, features])

    assert told.asset == "ohlcv" and "Behind with it: features_matrix." in told.message
    assert consequences([bars, features]) == {("features_matrix", "2024-03-04")}


def test_what_still_follows_an_input_that_came_late_is_not_told_yet():
    bars = standing("2024-03-04", "2024-03-04", just_published=True)
    features = standing("2024-03-03", "2024-03-04", asset="features_matrix", rests_on=("ohlcv",))

    assert stale_findings([bars, features]) == []
    assert consequences([bars, features]) == {("features_matrix", "2024-03-04")}


def test_what_is_behind_by_itself_is_told():
    bars = standing("2024-03-04", "2024-03-04")
    features = standing("2024-03-03", "2024-03-04", asset="features_matrix", rests_on=("ohlcv",))

    assert [f.asset for f in stale_findings([bars, features])] == ["features_matrix"]
    assert consequences([bars, features]) == set()


def test_every_broken_rule_of_a_partition_is_a_finding_with_its_kind_and_severity():
    rows = [
        row("2024-03-02", "L0", record("L0.COVERAGE", "fail"), record("L0.SCHEMA", "pass")),
        row("2024-03-03", "L1", record("L1.RETURN_CAP", "warn")),
        row("2024-03-04", "L3", record("L3.SOLVER", "fail"), asset="up/sleeve_weights"),
    ]
    found = contract_findings(rows, {"ohlcv": 1, "up/sleeve_weights": 7})

    assert [(f.rule, f.kind, f.severity, f.step_days) for f in found] == [
        ("L0.COVERAGE", COVERAGE, ERROR, 1),
        ("L1.RETURN_CAP", TOXIC, WARN, 1),
        ("L3.SOLVER", CONTRACT, ERROR, 7),
    ]
    assert found[0].page == "/assets/ohlcv?view=partitions&partition=2024-03-02"


def test_a_waived_breach_is_told_at_warn_with_its_reason():
    (found,) = contract_findings([row("2024-03-02", "L0", record("L0.COVERAGE", "waived", waiver="known outage"))], {})

    assert found.severity == WARN and found.message == "said Waived: known outage"


def test_a_partition_withheld_because_of_its_input_is_no_finding_and_not_judged():
    rows = [row("2024-03-02", "L2", record("INPUT.PUBLISHED", "fail"), asset="features_matrix")]

    assert contract_findings(rows, {}) == []
    assert unjudged(rows) == {("features_matrix", "2024-03-02")}


def test_only_runs_that_failed_are_findings():
    ends = [RunEnd("a" * 36, "listings", "2024-03-02", True, "no answer"), RunEnd("b" * 36, "ohlcv", "", False)]
    (found,) = run_findings(ends)

    assert (found.asset, found.place, found.page) == ("listings", "2024-03-02", f"/runs/{'a' * 36}")
    assert found.message == "run aaaaaaaa: no answer"
