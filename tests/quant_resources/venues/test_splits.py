"""Splits in the user's own files: raw or adjusted, and what the prices themselves say about it."""

import datetime as dt

import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.market.config import Redenomination
from quant_assets.market.splits import declared_splits
from quant_resources.venues.config import FilesVenueConfig
from quant_resources.venues.files import FilesVenue
from quant_resources.venues.splits import SplitsVenue

LAST = dt.date(2024, 1, 31)


def venue(folder, **columns: object) -> FilesVenue:
    """Six days of one share that is split 2:1 on the fourth; printed prices."""
    close = [100.0, 102.0, 101.0, 50.0, 51.0, 52.0]
    frame = pd.DataFrame({"symbol": "KO", "date": pd.date_range("2024-01-02", periods=6), "open": close, "high": close})
    frame = frame.assign(low=close, close=close, volume=10.0, **columns)
    frame.to_csv(folder / "bars.csv", index=False)
    return FilesVenue(FilesVenueConfig(path=folder, venue_name="NYSE", default_quote="USD"))


SPLIT = [0.0, None, 0.0, 2.0, 0.0, 1.0]


def test_a_split_of_raw_prices_is_told_from_its_day_on(tmp_path):
    own = venue(tmp_path, splits=SPLIT, adjusted=False)
    assert isinstance(own, SplitsVenue)
    assert own.splits(LAST).to_dict("records") == [
        {"symbol": "NYSE:KO/USD", "date": pd.Timestamp("2024-01-05"), "factor": 2.0}
    ]
    assert own.splits(dt.date(2024, 1, 4)).empty


@pytest.mark.parametrize("columns", [{}, {"splits": 0.0}, {"stock_splits": None, "adjusted": True}])
def test_files_without_a_split_tell_none(tmp_path, columns):
    assert venue(tmp_path, **columns).splits(LAST).empty


def test_a_split_of_which_nobody_says_whether_prices_contain_it_is_refused(tmp_path):
    with pytest.raises(UsageError, match="add a column adjusted"):
        venue(tmp_path, stock_splits=SPLIT).splits(LAST)


def test_prices_that_contradict_the_column_are_refused(tmp_path):
    with pytest.raises(UsageError, match="adjusted, but its open falls"):
        venue(tmp_path, splits=SPLIT, adjusted=True).splits(LAST)
    with pytest.raises(UsageError, match="raw, but its open does not"):
        venue(tmp_path, splits=[0.0, 0.0, 2.0, 0.0, 0.0, 0.0], adjusted=False).splits(LAST)


def test_a_persons_map_and_the_venues_split_count_once_and_may_not_differ():
    told = pd.DataFrame({"symbol": ["S"], "date": [pd.Timestamp("2024-01-05")], "factor": [2.0]})
    same, other = (Redenomination(symbol="S", date=dt.date(2024, 1, 5), factor=f) for f in (2.0, 3.0))
    assert declared_splits(told, [same]) == [same] == declared_splits(told, [])
    with pytest.raises(UsageError, match="keep the one that is right"):
        declared_splits(told, [other])
    with pytest.raises(UsageError, match="no number of new shares"):
        declared_splits(told.assign(factor=-1.0), [])
