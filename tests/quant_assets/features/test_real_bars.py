"""The matrix and its rules on real bars: crashes, halts, re-used tickers and delistings included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.features import ratings
from quant_assets.features.catalogue import selected_features
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import compute_features
from quant_assets.features.matrix import features_frame
from quant_assets.features.rules import feature_verdicts
from quant_assets.features.series import build_series
from quant_assets.features.trend import adx_di

SYMBOLS = ("BTC/USDT", "ETH/USDT", "FTT/USDT", "LUNA/USDT", "QUICK/USDT", "SUN/USDT", "DOGE/USDT", "UST/USDT")


@pytest.fixture(scope="module")
def real(shared_folder: Path) -> pd.DataFrame:
    path = shared_folder / "data" / "binance_spot_daily.parquet"
    bars = pd.read_parquet(path, filters=[("symbol", "in", SYMBOLS)])
    bars["date"] = pd.to_datetime(bars["date"])
    bars["symbol"] = ("BINANCE:" + bars["symbol"]).astype("str")
    luna = (bars["symbol"] == "BINANCE:LUNA/USDT") & (bars["date"] >= "2022-05-31")
    first = bars.groupby("symbol")["date"].transform("min")
    return bars.assign(life_start=first.where(~luna, pd.Timestamp("2022-05-31")), adj_factor=1.0)


def test_every_day_of_two_years_is_certified(real) -> None:
    config = FeaturesConfig(prefix_symbols=2, warmup_multiple=2)
    days = list(pd.date_range("2022-01-01", "2023-12-29"))
    series = build_series(real)
    frame = features_frame(series, days, config, 365.0)
    verdicts = feature_verdicts(frame, series, days, config, 365.0)
    assert len(verdicts) == 728
    assert [v.summary() for v in verdicts.values() if not v.passed] == []


def test_the_declared_drift_holds_on_bitcoin(real) -> None:
    """RSI and ADX windows forget what came before to 1e-6; few ratings differ, each by one vote."""
    config = FeaturesConfig(features=("adx_14", "rsi_14", "recommend_ma"))
    series = build_series(real[real["symbol"] == "BINANCE:BTC/USDT"])
    rows = np.arange(1200, len(series))
    values = compute_features(series, rows, selected_features(config, 365.0))
    adx = adx_di(series.high, series.low, series.close)[0][rows]
    np.testing.assert_allclose(values["adx_14"], adx, rtol=1e-6)
    full = ratings.recommend_ma(series.high, series.low, series.close, series.volume)[rows]
    changed = np.abs(values["recommend_ma"] - full)
    assert changed.max() <= 2 / 15 + 1e-12
    assert (changed > 1e-9).mean() < 0.05


def test_terra_and_its_successor_do_not_share_a_window(real) -> None:
    config = FeaturesConfig()
    series = build_series(real)
    frame = features_frame(series, [pd.Timestamp("2022-05-13"), pd.Timestamp("2022-06-30")], config, 365.0)
    luna = frame[frame["symbol"] == "BINANCE:LUNA/USDT"].set_index("date")
    assert luna.loc["2022-05-13", "close"] < 0.001 < luna.loc["2022-05-13", "sma_50"]
    assert np.isnan(luna.loc["2022-06-30", "sma_50"])
    assert luna.loc["2022-06-30", "donchian_upper_20"] < 20


def test_declaring_features_does_not_load_the_compiler() -> None:
    code = "import sys, quant_assets.features.catalogue, quant_assets.features.rules; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
