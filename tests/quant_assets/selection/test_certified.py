"""L3.CERTIFIED: which certificates let a selector read a feature."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.contracts.verdict import RuleResult, Severity
from quant_assets.selection.certified import certified_rules

NEEDED = {"momentum": "aa", "close": "bb"}
DAY, OTHER = "2024-03-03", "2024-03-10"
CONTENT = "the values"


def certified_rule(certificates: pd.DataFrame, needed: dict[str, str], days: list[str]) -> RuleResult:
    return certified_rules(certificates, needed, {"a week": dict.fromkeys(days, CONTENT)})["a week"]


def stored(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "feature", "made_from", "state", "reason"])
    return frame.assign(date=pd.to_datetime(frame["date"]), content=CONTENT)


GOOD = [
    (DAY, "momentum", "aa", "certified", ""),
    (DAY, "close", "bb", "certified", "L2.WARMUP: moves by 0.1"),
    (DAY, "unread", "cc", "not certified", "L2.PREFIX: leaks"),
    ("2024-03-02", "close", "old", "certified", ""),
]


def test_current_certificates_of_the_days_read_are_enough():
    result = certified_rule(stored(*GOOD), NEEDED, [DAY])
    assert result.passed and result.rule == "L3.CERTIFIED" and result.severity is Severity.ERROR
    assert (result.checked, result.breaches) == (2, 0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "close on 2024-03-03 has no certificate"),
        ((DAY, "close", "zz", "certified", ""), "another declaration or code"),
        ((DAY, "close", "bb", "not certified", "L2.PREFIX: 3 values changed"), "is not certified: L2.PREFIX: 3 values"),
        ((OTHER, "close", "bb", "certified", ""), "has no certificate"),
    ],
)
def test_a_missing_denied_or_outdated_certificate_is_refused_with_what_to_run(row, said):
    rows = [GOOD[0], *([] if row is None else [row])]
    result = certified_rule(stored(*rows), NEEDED, [DAY])
    assert not result.passed and result.breaches == 1
    assert said in result.message and f"quant run features_matrix --from {DAY} --to {DAY}" in result.message
    assert result.offenders[0]["feature"] == "close" and result.offenders[0]["day"] == DAY


def test_a_certificate_of_other_values_is_none():
    """Of values that a run was cut off before storing, say, or copied from another lakehouse."""
    result = certified_rules(stored(*GOOD), NEEDED, {"a week": {DAY: "other values"}})["a week"]
    assert not result.passed and result.breaches == 2 and "with other values than are stored now" in result.message


def test_every_day_that_is_read_needs_its_own():
    result = certified_rule(stored(*GOOD), NEEDED, [DAY, OTHER])
    assert result.breaches == 2 and {o["day"] for o in result.offenders} == {OTHER}
    none = certified_rule(stored(), NEEDED, [DAY, OTHER])
    assert none.breaches == none.checked == 4 and f"--from {DAY} --to {OTHER}" in none.message


def test_each_decision_is_judged_by_the_days_that_it_reads():
    read = {"2024-03-04": {DAY: CONTENT}, "2024-03-11": {OTHER: CONTENT}}
    found = certified_rules(stored(*GOOD), NEEDED, read)
    assert {key: r.passed for key, r in found.items()} == {"2024-03-04": True, "2024-03-11": False}


@given(st.sets(st.sampled_from(sorted(NEEDED))), st.sampled_from(["date", "feature", "made_from", "content", "state"]))
def test_it_passes_exactly_where_each_certificate_is_right_in_every_field(spoiled, field):
    frame = stored(*GOOD[:2])
    bad = frame["feature"].isin(spoiled)
    wrong = pd.Timestamp(OTHER) if field == "date" else "other"
    frame.loc[bad, field] = wrong
    result = certified_rule(frame, NEEDED, [DAY])
    assert result.passed is (not spoiled) and result.breaches == len(spoiled)
