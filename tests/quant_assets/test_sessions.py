"""Closed sessions are recorded, empty on purpose, and look-backs count open days."""

import datetime as dt

import pandas as pd

from partitions.mappings import days_before_week, last_day_before_week
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch
from quant_assets.sessions import CLOSED_RULE, closed_among, last_open, open_keys, record_closed, window_days

THANKSGIVING = ["2020-11-25", "2020-11-26", "2020-11-27", "2020-11-28"]


def test_open_and_closed_keys():
    assert open_keys("XNYS", THANKSGIVING) == ["2020-11-25", "2020-11-27"]
    assert open_keys("24/7", THANKSGIVING) == THANKSGIVING and len(closed_among("24/7", THANKSGIVING)) == 0
    assert open_keys("XNYS", []) == []


def test_a_closed_day_is_empty_on_purpose_with_a_passing_verdict_for_each_level():
    batch = record_closed(
        Batch(pd.DataFrame({"date": pd.to_datetime(["2020-11-25"])}), {}), "XNYS", THANKSGIVING, ("L0", "L1")
    )
    assert set(batch.empty) == {"2020-11-26", "2020-11-28"}
    assert batch.empty["2020-11-26"] == "session: closed (XNYS)"
    assert [v.level for v in batch.verdicts["2020-11-26"]] == ["L0", "L1"]
    assert all(v.passed for v in batch.verdicts["2020-11-26"]) and batch.facts["2020-11-28"]["session"] == "closed"


def test_a_row_on_a_closed_day_withholds_it_and_a_verdict_of_the_body_is_kept():
    frame = pd.DataFrame({"date": pd.to_datetime(["2020-11-26"])})
    own = (Verdict("L1", ()),)
    batch = record_closed(Batch(frame, {"2020-11-28": own}), "XNYS", THANKSGIVING, ("L1",))
    broken = batch.verdicts["2020-11-26"][0].errors
    assert [r.rule for r in broken] == [CLOSED_RULE] and batch.verdicts["2020-11-28"] is own


def test_only_asked_keys_are_recorded():
    batch = record_closed(Batch(pd.DataFrame({"date": []}), {}), "XNYS", ["2020-11-25", "2020-11-28"], ("L2",))
    assert set(batch.empty) == {"2020-11-28"}


def test_look_backs_count_open_days_and_read_the_closed_ones_between():
    first, count = dt.date(2020, 1, 1), last_open("XNYS")
    keys = days_before_week(5, first, count).keys("2020-11-30")
    assert (keys[0], keys[-1], len(keys)) == ("2020-11-20", "2020-11-29", 10)
    assert last_day_before_week(count).keys("2020-11-30") == ["2020-11-27"]
    assert window_days("XNYS", "2020-11-30", 5).strftime("%m-%d").tolist() == [
        "11-20",
        "11-23",
        "11-24",
        "11-25",
        "11-27",
    ]


def test_without_a_session_calendar_look_backs_are_calendar_days():
    assert last_open("24/7") is None and window_days("24/7", "2020-11-30", 5) is None
    assert last_day_before_week(last_open("24/7")).keys("2020-11-30") == ["2020-11-29"]
    assert len(days_before_week(5, dt.date(2020, 1, 1)).keys("2020-11-30")) == 5
