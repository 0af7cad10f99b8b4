"""Foreign bars: what each convention is recognised by, what its times mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.market.import_formats import BINANCE_ORDER, IMPORT_COLUMNS, Recognised, recognise
from quant_assets.market.import_merge import merge_bars, overwritten

DAYS = pd.date_range("2024-12-25", periods=12, freq="D")
UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}


def prices(**columns) -> pd.DataFrame:
    rows = pd.DataFrame(columns)
    rows["open"], rows["high"], rows["low"], rows["close"] = 10.0, 12.0, 9.0, 11.0
    rows["volume"] = np.arange(len(rows)) + 0.1
    return rows


def epochs(unit: str, days: pd.DatetimeIndex = DAYS) -> np.ndarray:
    return days.as_unit("ns").asi8 // UNITS[unit]


def understood(raw: pd.DataFrame, file: str, **options) -> Recognised:
    return recognise(raw, file, **{"venue": "FILES", "default_quote": "USD", **options})


def binance(unit: str = "milliseconds") -> pd.DataFrame:
    raw = prices(open_time=epochs(unit))
    raw["close_time"] = raw["open_time"] + 1
    return raw.assign(quote_volume=5.0, count=7, taker_buy_volume=1.0, taker_buy_quote_volume=1.0, ignore=0)


@pytest.mark.parametrize(
    ("raw", "file", "convention", "symbol"),
    [
        (prices(timestamp=epochs("milliseconds")), "BTC_USDT-1d.csv", "ccxt", "FILES:BTC/USDT"),
        (prices(timestamp=epochs("milliseconds")), "a/b/BTC-USDT.csv", "ccxt", "FILES:BTC/USDT"),
        (binance(), "BTCUSDT-1d-2024-12.csv", "binance", "FILES:BTC/USDT"),
        (binance().set_axis(range(12), axis=1), "1INCHFDUSD-1d.csv", "binance", "FILES:1INCH/FDUSD"),
        (prices(date=DAYS.tz_localize("UTC")), "BTC_USDT-1d.feather", "freqtrade", "FILES:BTC/USDT"),
        (prices(date=DAYS.tz_localize("UTC")), "BTC_USDT_USDT-1d-futures.feather", "freqtrade", "FILES:BTC/USDT:USDT"),
        (
            prices(date=DAYS).rename(columns=str.title).assign(**{"Adj Close": 1.0}),
            "AAPL.csv",
            "yahoo",
            "FILES:AAPL/USD",
        ),
        (prices(date=DAYS).rename(columns=str.title), "BEUR.csv", "yahoo", "FILES:BEUR/USD"),
        (prices(date=DAYS, symbol="BTC/USDT"), "whatever.parquet", "platform", "FILES:BTC/USDT"),
        (prices(timestamp=DAYS, symbol="X:BTC/USDT"), "whatever.parquet", "platform", "X:BTC/USDT"),
    ],
)
def test_columns_and_name_decide_the_convention_and_the_symbol(raw, file, convention, symbol):
    got = understood(raw, file)
    assert got.convention == convention
    assert got.frame["symbol"].unique().tolist() == [symbol]
    assert got.frame["date"].tolist() == DAYS.tolist()
    assert list(got.frame.columns) == list(IMPORT_COLUMNS)
    for name in ("open", "high", "low", "close", "volume"):
        assert got.frame[name].tolist() == prices(date=DAYS)[name].tolist()


@pytest.mark.parametrize("order", [(*BINANCE_ORDER[:7], "quote_asset_volume", "number_of_trades"), BINANCE_ORDER])
def test_binance_brings_quote_volume_and_trades_under_either_name(order):
    raw = binance().rename(columns=dict(zip(BINANCE_ORDER, order, strict=False)))
    frame = understood(raw, "BTCUSDT.csv").frame
    assert (frame["quote_volume"] == 5.0).all() and (frame["trades"] == 7.0).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(UNITS)), min_size=len(DAYS), max_size=len(DAYS)))
def test_every_row_tells_its_own_unit_and_all_units_are_stated(units):
    stamps = [int(epochs(unit)[k]) for k, unit in enumerate(units)]
    got = understood(prices(timestamp=stamps), "BTC_USDT.csv")
    assert got.frame["date"].tolist() == DAYS.tolist()
    assert got.times == "epochs in " + ", ".join(f"{u} ({units.count(u)} rows)" for u in UNITS if u in units)


@pytest.mark.parametrize("text", [True, False])
def test_a_midnight_of_yahoos_exchange_is_its_session_and_no_utc_time(text):
    local = pd.date_range("2024-03-07", periods=6, freq="D", tz="America/New_York")  # over the change of the clocks
    times = local.astype("str") if text else local
    raw = prices(date=times).rename(columns=str.title)
    got = understood(raw, "AAPL.csv")
    assert got.frame["date"].tolist() == local.tz_localize(None).tolist()
    assert "session days" in got.times
    with pytest.raises(UsageError, match="inside a day"):
        understood(prices(date=times), "BTC_USDT-1d.csv")


def test_yahoo_counts_the_volume_of_currency_pairs_in_the_quote():
    raw = prices(date=DAYS).rename(columns=str.title)
    pair, stock = understood(raw, "BTC-USD.csv"), understood(raw, "AAPL.csv")
    assert pair.frame["symbol"].iloc[0] == "FILES:BTC/USD"
    assert pair.frame["quote_volume"].tolist() == stock.frame["volume"].tolist() == raw["Volume"].tolist()
    np.testing.assert_allclose(pair.frame["volume"] * 11.0, raw["Volume"])
    assert any("quote currency" in note for note in pair.notes) and not stock.notes


@pytest.mark.parametrize(
    ("raw", "file", "told"),
    [
        (prices(date=pd.date_range("2024-01-01", periods=48, freq="h")), "BTC_USDT.csv", "typically 0 days 01:00:00"),
        (prices(date=pd.date_range("2024-01-01", periods=48, freq="h")), "BTC_USDT-1h.csv", "bars of 1h"),
        (prices(date=pd.date_range("2024-01-01", periods=9, freq="7D")), "BTC_USDT.csv", "7 days apart"),
        (prices(date=DAYS).drop(columns="low"), "BTC_USDT.csv", "low missing"),
        (prices(when=DAYS), "BTC_USDT.csv", "date, timestamp or open_time missing"),
        (prices(date=DAYS), "my bars.csv", "--symbol"),
        (prices(date=DAYS), "BTC_USDT.csv", "--symbol 'x y'"),
        (prices(date=DAYS, symbol="../x"), "b.csv", "'../x'"),
        (prices(date=["2024-01-01", "soon"]), "BTC_USDT.csv", "soon"),
        (prices(timestamp=[17, 18]), "BTC_USDT.csv", "no epoch"),
        (prices(date=DAYS).assign(close="n/a!"), "BTC_USDT.csv", "n/a!"),
        (prices(date=DAYS).assign(Close=1), "BTC_USDT.csv", "close"),
        (
            prices(date=DAYS).set_axis(range(6), axis=1).assign(**{"7": 1}).set_axis(range(7), axis=1),
            "B_USD.csv",
            "header",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_name(raw, file, told):
    options = {"symbol": "x y"} if told.startswith("--symbol '") else {}
    with pytest.raises(UsageError) as caught:
        understood(raw, file, **options)
    assert told in str(caught.value)


def test_a_file_without_rows_is_empty():
    with pytest.raises(EmptyResult, match=r"b\.csv has no rows"):
        understood(prices(date=DAYS).head(0), "b.csv")


def bars(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "symbol", "close"]).assign(open=1.0, high=2.0, low=1.0, volume=3.0)
    return frame.assign(date=pd.to_datetime(frame["date"]))


def test_a_merge_replaces_days_of_a_symbol_and_keeps_what_is_twice():
    held = bars(("2024-01-01", "A", 1.0), ("2024-01-02", "A", 2.0), ("2024-01-02", "B", 5.0))
    new = bars(("2024-01-02", "A", 9.0), ("2024-01-02", "A", 9.5), ("2024-01-03", "A", 3.0))
    merged = merge_bars(held, new)
    assert merged[["symbol", "close"]].to_numpy().tolist() == [
        ["A", 1.0],
        ["A", 9.0],
        ["A", 9.5],
        ["A", 3.0],
        ["B", 5.0],
    ]


def test_what_an_import_undoes_is_told_apart():
    published = bars(
        ("2024-01-01", "A", 1.0), ("2024-01-01", "B", 1.0), ("2024-01-01", "C", 1.0), ("2024-01-01", "D", 1.0)
    )
    published["source"] = ["FILES", "ccxt:X", "FILES", "FILES"]
    found = overwritten(
        published, bars(("2024-01-01", "A", 1.0), ("2024-01-01", "B", 1.0), ("2024-01-01", "C", 2.0)), "FILES"
    )
    assert [rows["symbol"].tolist() for rows in (found.lost, found.foreign, found.changed)] == [["D"], ["B"], ["C"]]
    assert found and "source ccxt:X" in str(found) and "such as D" in str(found)
    assert not overwritten(published.head(1), bars(("2024-01-01", "A", 1.0)), "FILES")
