"""Completeness of a day: what should have come and what came, what came again, and what a person waives."""

import json
from datetime import date

import pandas as pd
import pytest
from pydantic import ValidationError

from quant_assets.market.config import MarketRules
from quant_assets.market.coverage import coverage_rows
from quant_assets.market.decisions import Circumstances
from quant_assets.market.waivers import WAIVABLE, Waiver, waiver_digest
from tests.quant_assets.market.synthetic import FIRST, assert_same, judge, judge_daily, listed_from, synthetic_bars

DAY = FIRST + pd.Timedelta(days=10)
NAMES = [f"SYNTH:C{k:03d}/USDT" for k in range(71)]


def result_of(judged, rule, day=DAY):
    return next(r for level in judged.verdicts[day] for r in level.results if r.rule == rule)


def without(bars, names, since=DAY, until=None):
    inside = (bars["date"] >= since) & (bars["date"] <= (until or since))
    return bars[~(bars["symbol"].isin(names) & inside)].reset_index(drop=True)


@pytest.fixture(scope="module")
def bars():
    return synthetic_bars(symbols=71, days=16)


def waiver(**changes):
    stated = {"rule": "L0.COVERAGE", "start": DAY.date(), "expires": DAY.date(), "reason": "the venue was down"}
    return Waiver(**{**stated, **changes})


def test_the_message_names_every_missing_symbol_however_many(bars):
    judged = judge(without(bars, NAMES[2:]), listed_from(bars))
    result = result_of(judged, "L0.COVERAGE")
    assert result.verdict == "fail" and (result.checked, result.breaches) == (71, 69)
    assert all(name in result.message for name in NAMES[2:]) and NAMES[0] not in result.message
    assert not len(judged.accepted[judged.accepted["date"] == DAY]), "never a green partial result"


def test_between_the_bars_it_warns_and_above_it_passes_and_still_names_them(bars):
    warned = result_of(judge(without(bars, NAMES[:3]), listed_from(bars)), "L0.COVERAGE")
    passed = result_of(judge(without(bars, NAMES[:1]), listed_from(bars)), "L0.COVERAGE")
    assert (warned.verdict, passed.verdict) == ("warn", "pass")
    assert NAMES[0] in passed.message and passed.breaches == 1


def test_a_symbol_whose_fetch_failed_is_missing_on_each_of_its_days_though_rows_of_it_came(bars):
    failed = {name: "timeout after 5 attempts" for name in NAMES[:8]}
    judged = judge(bars, listed_from(bars), around=Circumstances(failed=failed))
    for day in judged.verdicts:
        result = result_of(judged, "L0.COVERAGE", day)
        assert result.verdict == "fail" and result.breaches == 8
        assert f"{NAMES[0]} (fetch failed: timeout after 5 attempts)" in result.message


def test_losing_the_market_together_with_its_listings_is_not_believed(bars):
    """71 symbols become 2 and the listings agree: coverage is full, and the day is red all the same, for good."""
    gone = without(bars, NAMES[2:], DAY, bars["date"].max())
    judged = judge(gone, listed_from(gone))
    for day in pd.date_range(DAY, bars["date"].max()):
        assert result_of(judged, "L0.COVERAGE", day).verdict == "pass"
        result = result_of(judged, "L0.RETENTION", day)
        assert result.verdict == "fail" and (result.checked, result.breaches) == (71, 69)
        assert all(name in result.message for name in NAMES[2:])


def test_a_matching_change_of_listings_explains_a_loss(bars):
    gone = without(bars, NAMES[:10], DAY, bars["date"].max())
    judged = judge(gone, listed_from(gone))
    result = result_of(judged, "L0.RETENTION")
    assert result.verdict == "pass" and result.breaches == 0 and "10 left the listings" in str(judged.verdicts[DAY])
    unexplained = result_of(judge(gone, listed_from(bars)), "L0.RETENTION")
    assert unexplained.verdict == "fail" and (unexplained.checked, unexplained.breaches) == (71, 10)


def test_a_day_is_compared_with_the_newest_one_that_was_not_refused(bars):
    bad = without(bars, NAMES[5:], DAY)
    judged = judge(bad, listed_from(bars))
    after = DAY + pd.Timedelta(days=1)
    assert result_of(judged, "L0.RETENTION").verdict == "fail"
    assert result_of(judged, "L0.RETENTION", after).checked == 71, "not with the five of the refused day"
    assert result_of(judged, "L0.RETENTION", FIRST).checked == 0, "a first day has nothing to be compared with"


@pytest.mark.parametrize("cuts", [list(range(1, 16)), [10], [11], [4, 12]])
def test_judging_a_range_equals_judging_its_days(bars, cuts):
    dirty = without(without(bars, NAMES[2:], DAY, DAY + pd.Timedelta(days=1)), NAMES[:8], DAY + pd.Timedelta(days=3))
    listed = listed_from(dirty)
    assert_same(judge(dirty, listed), judge_daily(dirty, listed, cuts))


def test_a_waiver_publishes_the_day_and_says_so(bars):
    lost = without(bars, NAMES[:10])
    around = Circumstances(waivers=(waiver(), waiver(rule="L0.RETENTION")))
    judged = judge(lost, listed_from(bars), around=around)
    result = result_of(judged, "L0.COVERAGE")
    assert (
        result.verdict == "waived" and result.to_record()["waiver"] == f"waived until {DAY.date()}: the venue was down"
    )
    raw = judged.verdicts[DAY][0]
    assert raw.passed and result in raw.warnings and "waived" in raw.summary()
    assert len(judged.accepted[judged.accepted["date"] == DAY]) == 61


def test_a_waiver_of_one_rule_does_not_cover_the_other(bars):
    judged = judge(without(bars, NAMES[:10]), listed_from(bars), around=Circumstances(waivers=(waiver(),)))
    assert result_of(judged, "L0.RETENTION").verdict == "fail"
    assert not judged.verdicts[DAY][0].passed


def test_an_expired_waiver_has_no_effect_and_is_named(bars):
    before = (DAY - pd.Timedelta(days=1)).date()
    old = waiver(start=before, expires=before)
    judged = judge(without(bars, NAMES[:10]), listed_from(bars), around=Circumstances(waivers=(old,)))
    result = result_of(judged, "L0.COVERAGE")
    assert result.verdict == "fail" and f"a waiver expired on {before} and has no effect" in result.message


def test_a_waived_loss_is_the_new_normal_of_the_next_day(bars):
    gone = without(bars, NAMES[:40], DAY, bars["date"].max())
    around = Circumstances(waivers=(waiver(rule="L0.RETENTION"),))
    judged = judge(gone, listed_from(gone), around=around)
    assert result_of(judged, "L0.RETENTION").verdict == "waived"
    assert result_of(judged, "L0.RETENTION", DAY + pd.Timedelta(days=1)).verdict == "pass"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rule": "L0.CLOSED"}, "no rule of ohlcv that can be waived"),
        ({"rule": "L0.COVRAGE"}, "L0.COVERAGE"),
        ({"asset": "returns_matrix"}, "nothing of asset 'returns_matrix' can be waived"),
        ({"expires": date(2022, 1, 1)}, "before start"),
        ({"reason": "because"}, "at least 10 characters"),
        ({"until": date(2024, 1, 1)}, "Extra inputs"),
    ],
)
def test_a_waiver_that_says_nothing_sensible_is_refused(changes, told):
    with pytest.raises(ValidationError, match=told):
        waiver(**changes)


def test_nothing_that_says_what_is_true_of_a_row_can_be_waived():
    assert WAIVABLE == {"ohlcv": ("L0.COVERAGE", "L0.RETENTION")}


def test_a_waiver_makes_only_its_own_days_another_partition():
    inside, outside = DAY.date(), date(2024, 1, 1)
    assert waiver_digest([waiver()], "ohlcv", inside) and not waiver_digest([waiver()], "ohlcv", outside)
    assert waiver_digest([waiver()], "ohlcv", inside) != waiver_digest(
        [waiver(reason="another story")], "ohlcv", inside
    )


def test_coverage_rows_hold_the_exact_lists(bars):
    lost, failed = without(bars, NAMES[:3]), {NAMES[70]: "HTTP 500"}
    judged = judge(lost, listed_from(bars), around=Circumstances(failed=failed))
    rows = coverage_rows(listed_from(bars), lost, judged.accepted, judged.quarantined, judged.verdicts, failed)
    row = rows.set_index("date").loc[DAY]
    assert json.loads(row["missing"]) == sorted([*NAMES[:3], NAMES[70]]) and json.loads(row["failed"]) == failed
    assert (row["expected"], row["received"], row["accepted"], row["quarantined"]) == (71, 68, 68, 0)
    assert row["retention"] == pytest.approx(68 / 71) and row["waived"] == ""
    assert pd.isna(rows["retention"].iloc[0]) and len(rows) == 16


def test_the_floor_is_the_profiles():
    bars = synthetic_bars(symbols=10, days=12)
    lost = without(bars, NAMES[:2])
    rules = MarketRules(coverage_error=0.5, retention_error=0.5)
    judged = judge(lost, listed_from(bars), rules=rules)
    assert result_of(judged, "L0.COVERAGE").verdict == "warn" and result_of(judged, "L0.RETENTION").verdict == "pass"
