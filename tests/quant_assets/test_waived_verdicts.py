"""A waived ERROR publishes, and is never counted as passed."""

import json
from dataclasses import replace

from quant_assets.contracts.verdict import Verdict, error_rule, warn_rule
from quant_assets.verdict_counts import count_verdicts

BROKEN = error_rule("L0.COVERAGE", checked=8, breaches=4, message="4 of 8 expected symbols received")
WAIVED = replace(BROKEN, waiver="waived until 2024-03-02: the venue was down")


def test_it_is_neither_an_error_nor_silent():
    verdict = Verdict("L0", (WAIVED,))
    assert verdict.passed and verdict.errors == () and verdict.warnings == (WAIVED,)
    assert "L0.COVERAGE waived" in verdict.summary()
    assert not Verdict("L0", (BROKEN,)).passed


def test_a_rule_that_passes_or_only_warns_is_not_waived():
    fine = replace(error_rule("L0.COVERAGE", checked=8, breaches=0, message="all"), waiver=WAIVED.waiver)
    warned = replace(warn_rule("L1.GAP", checked=8, breaches=1, message="one"), waiver=WAIVED.waiver)
    assert (fine.verdict, warned.verdict) == ("pass", "warn")
    assert "waiver" not in fine.to_record() and "waiver" not in BROKEN.to_record()


def test_its_record_says_why_and_it_is_counted_apart():
    record = WAIVED.to_record()
    assert record["verdict"] == "waived" and record["severity"] == "ERROR" and record["waiver"] == WAIVED.waiver
    (counted,) = count_verdicts([("ohlcv", "2024-03-02", json.dumps({"L0": [record]}))])
    assert {k: counted[k] for k in ("pass", "warn", "fail", "waived")} == {"pass": 0, "warn": 0, "fail": 0, "waived": 1}
    assert counted["last_breach"] == "2024-03-02"
