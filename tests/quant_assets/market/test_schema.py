"""Canonical names, and a user's own bars in any common form of date."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.market.schema import canonical_bars, to_utc
from quant_assets.market.symbols import is_canonical, parse_symbol, qualify

HOSTILE = ["../x", "=cmd", "BINANCE:BTC/usdt", "binance:BTC/USDT", "BTC/USDT", "A" * 300, "BINANCE:ВTC/USDT", "", " ",
           "BINANCE:BTC/USDT\n", "BINANCE:../USDT", "BINANCE:BTC/USDT:", "BINANCE::BTC/USDT",
           "BINANCE:B٣C/USDT"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_not_canonical(name):
    assert not is_canonical(name)
    with pytest.raises(UsageError, match="VENUE:BASE/QUOTE"):
        parse_symbol(name)


@pytest.mark.parametrize("name", [n for n in HOSTILE if n != "BTC/USDT"])
def test_hostile_names_cannot_be_qualified(name):
    with pytest.raises(UsageError):
        qualify(name, "BINANCE", "USD")


def test_a_canonical_name_has_its_parts():
    assert parse_symbol("BINANCE:BTC/USDT:USDT") == ("BINANCE", "BTC", "USDT", "USDT")
    assert parse_symbol("NASDAQ:AAPL/USD").settle is None


def test_names_are_qualified_by_their_venue():
    assert qualify("BTC/USDT", "BINANCE") == "BINANCE:BTC/USDT"
    assert qualify("BTC/USDT:USDT", "BYBIT") == "BYBIT:BTC/USDT:USDT"
    assert qualify("AAPL", "NASDAQ", "USD") == "NASDAQ:AAPL/USD"
    assert qualify("OKX:ETH/USDT", "BINANCE") == "OKX:ETH/USDT"
    with pytest.raises(UsageError, match="default quote"):
        qualify("AAPL", "NASDAQ")


@given(st.text(max_size=60))
def test_whatever_is_qualified_is_canonical(name):
    try:
        result = qualify(name, "V", "USD")
    except UsageError as error:
        assert len(str(error)) < 300
    else:
        assert is_canonical(result)


DAY = pd.Timestamp("2021-03-04")
SECONDS = int(DAY.timestamp())


@pytest.mark.parametrize("value", [
    dt.date(2021, 3, 4), dt.datetime(2021, 3, 4), "2021-03-04", "2021-03-04T00:00:00Z", "2021-03-04 05:30:00+05:30",
    SECONDS, SECONDS * 1000, SECONDS * 10**6, SECONDS * 10**9, float(SECONDS), str(SECONDS * 1000),
    pd.Timestamp("2021-03-04", tz="UTC"), pd.Timestamp("2021-03-03 19:00", tz="America/New_York"),
    np.datetime64("2021-03-04"),
])  # fmt: skip
def test_dates_of_any_common_form_are_read(value):
    assert to_utc(pd.Series([value])).tolist() == [DAY]
    assert to_utc(pd.Series([value, None], dtype=object)).tolist()[0] == DAY


def test_epochs_of_several_units_in_one_column_are_told_apart():
    mixed = pd.Series([SECONDS * 1000, (SECONDS + 86_400) * 10**6])
    assert to_utc(mixed).tolist() == [DAY, DAY + pd.Timedelta(days=1)]


@pytest.mark.parametrize("value", ["soon", "2021-13-45", True, 20210304, -1, float("nan"), None])
def test_an_unreadable_date_is_missing_and_never_invented(value):
    assert to_utc(pd.Series([value], dtype=object)).isna().all()


def user_bars(**columns: object) -> pd.DataFrame:
    row = {
        "symbol": ["BTC/USDT"],
        "date": ["2021-03-04"],
        "open": [1.0],
        "high": [2.0],
        "low": [0.5],
        "close": [1.5],
        "volume": [9],
    }
    return pd.DataFrame({**row, **columns})


def test_a_missing_column_names_what_was_found_and_what_is_needed():
    with pytest.raises(UsageError, match=r"lack the column\(s\) close, volume; found: symbol, date, open, high, low"):
        canonical_bars(user_bars().drop(columns=["close", "volume"]), venue="X")
    with pytest.raises(UsageError, match="timestamp"):
        canonical_bars(user_bars().drop(columns="date"), venue="X")


def test_more_columns_are_dropped_and_optional_ones_kept():
    bars = canonical_bars(user_bars(Timestamp=[1], vwap=[1.2], trades=[7]).rename(columns={"open": "Open"}), venue="X")
    assert bars["trades"].tolist() == [7.0] and bars["open"].tolist() == [1.0] and "vwap" not in bars
    assert bars["symbol"].tolist() == ["X:BTC/USDT"] and bars["quote_volume"].isna().all()


def test_dirt_is_kept_for_the_rules_to_find():
    bars = canonical_bars(user_bars(close=["dear"], date=["2021-03-04 08:00"], symbol=["../x"]), venue="X")
    assert bars["close"].tolist() == ["dear"] and bars["symbol"].tolist() == ["../x"]
    assert bars["date"].tolist() == [pd.Timestamp("2021-03-04 08:00")]


def test_rules_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="coverage_error"):
        MarketRules(coverage_error=0.99)
    with pytest.raises(ValueError, match="extra"):
        MarketRules(coverage=0.5)
