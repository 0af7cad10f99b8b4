"""The matrix and its rules on real bars: crashes, halts, re-used tickers and delistings included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.features import ratings
from quant_assets.features.any_bars import whole_history
from quant_assets.features.catalogue import build_registry, selected_features
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.declaring import ROUNDING
from quant_assets.features.engine import compute_features
from quant_assets.features.matrix import features_frame
from quant_assets.features.registry import Feature
from quant_assets.features.rules import feature_verdicts
from quant_assets.features.series import BarSeries, build_series

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


@pytest.fixture(scope="module")
def majors(shared_folder: Path) -> BarSeries:
    """Nine coins without a re-denomination since 2020, bitcoin since August 2017 on the same venue."""
    names = [f"{coin}/USDT" for coin in ("BTC", "ETH", "BNB", "XRP", "ADA", "DOGE", "LTC", "LINK", "TRX")]
    spot = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet", filters=[("symbol", "in", names)])
    before = pd.read_csv(shared_folder / "oracles" / "skender" / "quotes_bitcoin.csv")
    before = before[before["date"] < "2020"].assign(symbol="BTC/USDT", quote_volume=np.nan)
    bars = pd.concat([before, spot.assign(date=spot["date"].astype("str"))], ignore_index=True)
    bars = bars.assign(date=pd.to_datetime(bars["date"]), symbol=bars["symbol"].astype("str"), adj_factor=1.0)
    return build_series(bars.assign(life_start=bars.groupby("symbol")["date"].transform("min")))


def test_every_day_of_two_years_is_certified(real) -> None:
    config = FeaturesConfig(prefix_symbols=2, warmup_multiples=(2,))
    days = list(pd.date_range("2022-01-01", "2023-12-29"))
    series = build_series(real)
    frame = features_frame(series, days, config, 365.0)
    verdicts = feature_verdicts(frame, series, days, config, 365.0)
    assert len(verdicts) == 728
    assert [v.summary() for v in verdicts.values() if not v.passed] == []


def after_exactly(series: BarSeries, rows: np.ndarray, bars: int) -> tuple[BarSeries, np.ndarray]:
    """The last ``bars`` bars up to each row as lives of their own, with the rows at which they end."""
    source = (rows[:, None] - np.arange(bars)[::-1]).ravel()
    code = np.repeat(np.arange(len(rows)), bars)
    columns = {n: getattr(series, n)[source] for n in ("open", "high", "low", "close", "volume", "quote_value")}
    names, life = tuple(f"{i:06d}" for i in range(len(rows))), series.life_start[source]
    lives = BarSeries(names, code, series.day[source], code * bars, **columns, life_start=life)
    return lives, np.arange(1, len(rows) + 1) * bars - 1


def movement(series: BarSeries, rows: np.ndarray, features: list[Feature]) -> dict[str, np.ndarray]:
    """How far values on exactly the declared memory lie from those on the whole history, as L2.WARMUP measures it."""
    whole = [whole_history(f) for f in features]
    full = compute_features(series, rows, whole)
    lives, ends = after_exactly(series, rows, features[0].window)
    short = compute_features(lives, ends, whole)
    price, found = series.close[rows], {}
    for f in features:
        size = f.upper - f.lower if "rating" in f.tags else price if f.unit == "quote currency" else np.abs(full[f.id])
        np.testing.assert_array_equal(np.isnan(short[f.id]), np.isnan(full[f.id]), err_msg=f.id)
        found[f.id] = np.nan_to_num(np.abs(short[f.id] - full[f.id]) / np.maximum(size, 1e-2))
    return found


@pytest.mark.parametrize(("memory", "step"), [(400, 1), (250, 3)])
def test_every_declared_drift_holds_on_bitcoin_and_none_is_loose(majors, memory: int, step: int) -> None:
    """Default parameters and the shortest memory allowed; bitcoin since 2017, eight other coins for the worst.

    A rating's least movement is a vote, so one vote is declared; on the shortest memory two may differ at once.
    """
    features = [f for f in build_registry(FeaturesConfig(memory_bars=memory), 365.0) if f.memory]
    assert len(features) > 50
    place = np.arange(len(majors)) - majors.first
    bitcoin = majors.code == majors.symbols.index("BTC/USDT")
    rows = np.flatnonzero((place >= memory - 1) & (np.arange(len(majors)) % np.where(bitcoin, step, 10) == 0))
    moved, of_bitcoin = movement(majors, rows, features), bitcoin[rows]
    assert of_bitcoin.sum() > 600
    for f in features:
        worst, slack = float(moved[f.id].max()), f.drift * (1.0 + 1e-9)
        over = float((moved[f.id][of_bitcoin] > slack).mean())
        assert over <= (1e-3 if "rating" in f.tags else 0.0), (f.id, f.drift, over, worst)
        if "rating" in f.tags:
            assert f.drift <= 1.0 / 11.0
        else:
            assert worst <= slack, (f.id, f.drift, worst)
            assert f.drift <= max(100.0 * worst, ROUNDING if worst or f.drift else 0.0), (f.id, f.drift, worst)


def test_a_window_has_no_drift_at_all(majors) -> None:
    features = [f for f in build_registry(FeaturesConfig(), 365.0) if not f.memory]
    assert len(features) > 20 and all(f.drift == 0.0 for f in features)
    rows = np.flatnonzero(np.arange(len(majors)) - majors.first >= 640)[::97]
    full = compute_features(majors, rows, features)
    for window in {f.window for f in features}:
        lives, ends = after_exactly(majors, rows, window)
        alike = [f for f in features if f.window == window]
        for name, values in compute_features(lives, ends, alike).items():
            np.testing.assert_array_equal(values, full[name], err_msg=name)


def test_an_average_of_200_needs_1400_bars_for_a_millionth(majors) -> None:
    """A profile asks for it with `features.memory_bars`; the default leaves percents."""
    bitcoin = majors.code == majors.symbols.index("BTC/USDT")
    rows = np.flatnonzero(bitcoin & (np.arange(len(majors)) - majors.first >= 1399))[::3]
    worst = {}
    for memory in (400, 1400):
        config = FeaturesConfig(features=("ema_200",), memory_bars=memory)
        (line,) = selected_features(config, 365.0)
        worst[memory] = float(movement(majors, rows, [line])["ema_200"].max())
        engine = compute_features(majors, rows, [line])["ema_200"]
        full = compute_features(majors, rows, [whole_history(line)])["ema_200"]
        assert np.abs(engine / full - 1.0).max() <= worst[memory] <= line.drift
    assert len(rows) > 300 and worst[400] > 1e-2 and worst[1400] <= 1e-6


def test_ratings_of_a_short_memory_differ_by_one_vote_on_few_bars(real) -> None:
    series = build_series(real[real["symbol"] == "BINANCE:BTC/USDT"])
    rows = np.arange(1200, len(series))
    config = FeaturesConfig(features=("recommend_ma",))
    values = compute_features(series, rows, selected_features(config, 365.0))
    full = ratings.recommend_ma(series.high, series.low, series.close, series.volume)[rows]
    changed = np.abs(values["recommend_ma"] - full)
    assert changed.max() <= 2 / 15 + 1e-12
    assert (changed > 1e-9).mean() < 0.01


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
