"""Open days: every day, or the sessions of an exchange with its holidays and half days."""

import datetime as dt

import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.market.calendars import (
    closed_days,
    last_open_days,
    next_open_days,
    open_days,
    require_annualisation,
    require_calendar,
    sessions_a_year,
)
from quant_assets.profiles.model import Profile
from tests.e2e.worlds import tiny_profile

D = dt.date


def texts(days: pd.DatetimeIndex) -> list[str]:
    return days.strftime("%Y-%m-%d").tolist()


def test_a_market_that_never_closes_is_open_every_day():
    days = open_days("24/7", D(2022, 12, 24), D(2023, 1, 2))
    assert len(days) == 10 and days.dtype == "datetime64[us]"
    assert len(closed_days("24/7", D(2020, 1, 1), D(2023, 1, 1))) == 0


def test_holidays_and_weekends_are_closed_and_half_days_are_sessions():
    opened = texts(open_days("XNYS", D(2020, 11, 23), D(2020, 12, 28)))
    assert "2020-11-26" not in opened and "2020-12-25" not in opened and "2020-11-28" not in opened
    assert {"2020-11-27", "2020-12-24"} <= set(opened)
    assert texts(closed_days("XNYS", D(2020, 7, 1), D(2020, 7, 6))) == ["2020-07-03", "2020-07-04", "2020-07-05"]


def test_an_unplanned_closure_is_known():
    assert texts(open_days("XNYS", D(2018, 12, 4), D(2018, 12, 6))) == ["2018-12-04", "2018-12-06"]


def test_days_are_counted_back_over_holidays_and_over_years():
    assert texts(last_open_days("XNYS", D(2021, 1, 4), 3)) == ["2020-12-29", "2020-12-30", "2020-12-31"]
    assert texts(last_open_days("24/7", D(2021, 1, 4), 2)) == ["2021-01-02", "2021-01-03"]
    assert len(last_open_days("XNYS", D(2021, 1, 4), 500)) == 500


def test_the_day_that_follows_a_friday_is_a_monday_where_there_is_a_session():
    days = pd.Series(pd.to_datetime(["2021-01-15", "2021-01-19", None]).astype("datetime64[us]"), index=[5, 3, 1])
    after = next_open_days("XNYS", days)
    assert after.index.tolist() == [5, 3, 1]
    assert after.dropna().dt.strftime("%Y-%m-%d").tolist() == ["2021-01-19", "2021-01-20"] and after.isna().sum() == 1
    assert next_open_days("24/7", days).iloc[0] == pd.Timestamp("2021-01-16")


def test_a_range_does_not_depend_on_how_much_was_asked_before():
    small = open_days("XNYS", D(2019, 12, 30), D(2020, 1, 3))
    assert texts(small) == [
        d for d in texts(open_days("XNYS", D(2009, 1, 1), D(2021, 1, 1))) if "2019-12-30" <= d <= "2020-01-03"
    ]
    assert len(open_days("XNYS", D(2020, 1, 2), D(2020, 1, 1))) == 0


@pytest.mark.parametrize("name", ["XNYC", "", "nyse", "24/5", "../x"])
def test_an_unknown_calendar_is_refused_with_the_known_ones(name):
    with pytest.raises(UsageError, match="XNYS"):
        require_calendar(name)


def test_a_year_of_sessions_is_not_annualised_like_a_year_of_days():
    assert 250 <= sessions_a_year("XNYS") <= 253
    require_annualisation("XNYS", 252)
    require_annualisation("24/7", 252)
    with pytest.raises(UsageError, match="set annualisation: 25"):
        require_annualisation("XNYS", 365)


def test_a_profile_states_its_calendar_with_a_fitting_annualisation():
    assert Profile.model_validate(tiny_profile()).calendar == "24/7"
    assert Profile.model_validate(tiny_profile(calendar="XNYS", annualisation=252)).costs.annualisation_days == 252
    for change, told in ({"calendar": "XNYS"}, "365 does not fit"), ({"calendar": "MOON"}, "not known"):
        with pytest.raises(ValueError, match=told):
            Profile.model_validate(tiny_profile(**change))
