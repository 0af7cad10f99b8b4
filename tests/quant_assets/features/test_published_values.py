"""The whole-array indicators against values published by TradingView users and by Stock.Indicators."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.features.moving_averages import ema, hma, rma, sma, vwma, wma
from quant_assets.features.oscillators import rsi
from quant_assets.features.trend import donchian, ichimoku


@pytest.fixture(scope="module")
def pine(shared_folder: Path):
    def load(name: str) -> pd.DataFrame:
        return pd.read_csv(shared_folder / "oracles" / "tradingview" / f"{name}.csv")

    return load


@pytest.fixture(scope="module")
def skender(shared_folder: Path):
    folder = shared_folder / "oracles" / "skender"
    quotes = pd.read_csv(folder / "quotes_default.csv")

    def load(name: str, key: str) -> np.ndarray:
        records = json.loads((folder / f"{name}.standard.json").read_text())
        return np.array([np.nan if r[key] is None else r[key] for r in records], dtype=float)

    return quotes, load


def arrays(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    a = {c.lower(): frame[c].to_numpy(float) for c in ("open", "high", "low", "close")}
    a["volume"] = frame["Volume" if "Volume" in frame else "volume"].to_numpy(float)
    a["hl2"] = (a["high"] + a["low"]) / 2
    a["hlc3"] = (a["high"] + a["low"] + a["close"]) / 3
    a["ohlc4"] = (a["open"] + a["high"] + a["low"] + a["close"]) / 4
    a["hlcc4"] = (a["high"] + a["low"] + 2 * a["close"]) / 4
    return a


PINE_AVERAGES = {
    "ta.sma(close, 10)": lambda a: sma(a["close"], 10),
    "ta.sma(hl2, 20)": lambda a: sma(a["hl2"], 20),
    "ta.sma(hlc3, 15)": lambda a: sma(a["hlc3"], 15),
    "ta.ema(close, 20)": lambda a: ema(a["close"], 20),
    "ta.ema(ohlc4, 10)": lambda a: ema(a["ohlc4"], 10),
    "ta.rma(hlcc4, 5)": lambda a: rma(a["hlcc4"], 5),
    "ta.rma(high, 15)": lambda a: rma(a["high"], 15),
    "ta.wma(close, 5)": lambda a: wma(a["close"], 5),
    "ta.wma(close, 20)": lambda a: wma(a["close"], 20),
    "ta.hma(close, 9)": lambda a: hma(a["close"], 9),
    "ta.hma(close, 20)": lambda a: hma(a["close"], 20),
    "ta.vwma(close, 20)": lambda a: vwma(a["close"], a["volume"], 20),
}


@pytest.mark.parametrize("column", PINE_AVERAGES)
def test_averages_match_tradingview_at_every_bar_with_its_warm_up(pine, column: str) -> None:
    frame = pine("ma")
    np.testing.assert_allclose(PINE_AVERAGES[column](arrays(frame)), frame[column], rtol=1e-9, equal_nan=True)


def test_rsi_matches_tradingview_at_every_bar_with_its_warm_up(pine) -> None:
    frame = pine("mfi+rsi+stoch")
    np.testing.assert_allclose(rsi(arrays(frame)["close"], 14), frame["ta.rsi(close, 14)"], rtol=1e-9, equal_nan=True)


def test_donchian_matches_tradingviews_highest_and_lowest(pine) -> None:
    frame = pine("highest+lowest")
    a = arrays(frame)
    upper, lower = donchian(a["high"], a["low"], 10)
    np.testing.assert_allclose(upper, frame["ta.highest(10)"], rtol=1e-9, equal_nan=True)
    np.testing.assert_allclose(lower, frame["ta.lowest(10)"], rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "key", "function"),
    [
        ("sma", "sma", lambda a: sma(a["close"], 20)),
        ("ema", "ema", lambda a: ema(a["close"], 20)),
        ("hma", "hma", lambda a: hma(a["close"], 14)),
        ("rsi", "rsi", lambda a: rsi(a["close"], 14)),
        # that library's Donchian channel leaves the current bar out
        ("donchian", "upperBand", lambda a: np.append(np.nan, donchian(a["high"], a["low"], 20)[0][:-1])),
        ("donchian", "lowerBand", lambda a: np.append(np.nan, donchian(a["high"], a["low"], 20)[1][:-1])),
        ("ichimoku", "tenkanSen", lambda a: ichimoku(a["high"], a["low"])[0]),
        ("ichimoku", "kijunSen", lambda a: ichimoku(a["high"], a["low"])[1]),
        ("ichimoku", "senkouSpanA", lambda a: ichimoku(a["high"], a["low"])[2]),
        ("ichimoku", "senkouSpanB", lambda a: ichimoku(a["high"], a["low"])[3]),
    ],
)
def test_indicators_match_stock_indicators_after_warm_up(skender, name: str, key: str, function) -> None:
    quotes, load = skender
    expected = load(name, key)
    known = ~np.isnan(expected)
    assert known.sum() > 400
    np.testing.assert_allclose(function(arrays(quotes))[known], expected[known], rtol=1e-9)
