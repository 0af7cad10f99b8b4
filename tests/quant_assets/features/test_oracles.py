"""Every published indicator value that is at hand: TradingView's at every bar, Stock.Indicators' after warm-up."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.features import channels, moving_averages, oscillators, trend, volume_indicators

RELATIVE = 1e-9
BARS = {"time", "open", "high", "low", "close", "volume"}

# One function of the bars per column of TradingView's tables; the columns' names are its own expressions.
TRADINGVIEW = {
    "bb": {
        "ta.bb(close, 20, 2).base": lambda b: channels.bollinger(b.close, 20, 2)[0],
        "ta.bb(close, 20, 2).upper": lambda b: channels.bollinger(b.close, 20, 2)[1],
        "ta.bb(close, 20, 2).lower": lambda b: channels.bollinger(b.close, 20, 2)[2],
        "ta.bbw(close, 20, 2.1)": lambda b: channels.bollinger_width(b.close, 20, 2.1),
    },
    "cci+cmo+cog": {
        "ta.cmo(close, 20)": lambda b: oscillators.chande_momentum(b.close, 20),
        "ta.cci(close, 20)": lambda b: oscillators.channel_index(b.close, 20),
        "ta.cog(close, 21)": lambda b: oscillators.centre_of_gravity(b.close, 21),
    },
    # the table does not say of what: of the EMA 10 and the SMA 20 of the close
    "correlation": {
        "correlation": lambda b: channels.correlation(
            moving_averages.ema(b.close, 10), moving_averages.sma(b.close, 20), 20
        )
    },
    "highest+lowest": {
        "ta.highest(10)": lambda b: channels.donchian(b.high, b.low, 10)[0],
        "ta.highest(close, 10)": lambda b: channels.donchian(b.close, b.close, 10)[0],
        "ta.lowest(10)": lambda b: channels.donchian(b.high, b.low, 10)[1],
        "ta.lowest(close, 10)": lambda b: channels.donchian(b.close, b.close, 10)[1],
        "ta.highestbars(10)": lambda b: -channels.extreme_ages(b.high, 10)[0],
        "ta.highestbars(close, 10)": lambda b: -channels.extreme_ages(b.close, 10)[0],
        "ta.lowestbars(10)": lambda b: -channels.extreme_ages(b.low, 10)[1],
        "ta.lowestbars(close, 10)": lambda b: -channels.extreme_ages(b.close, 10)[1],
    },
    "iii+nvi+obv": {
        "ta.iii": lambda b: volume_indicators.intraday_intensity(b.high, b.low, b.close, b.volume),
        "ta.nvi": lambda b: volume_indicators.negative_volume_index(b.close, b.volume),
        "ta.obv": lambda b: volume_indicators.on_balance_volume(b.close, b.volume),
    },
    "linreg": {
        "ta.linreg(close, 20, 0)": lambda b: moving_averages.linear_regression(b.close, 20, 0),
        "ta.linreg(close, 20, 10)": lambda b: moving_averages.linear_regression(b.close, 20, 10),
    },
    "ma": {
        "ta.sma(close, 10)": lambda b: moving_averages.sma(b.close, 10),
        "ta.sma(hl2, 20)": lambda b: moving_averages.sma(b.hl2, 20),
        "ta.sma(hlc3, 15)": lambda b: moving_averages.sma(b.hlc3, 15),
        "ta.ema(close, 20)": lambda b: moving_averages.ema(b.close, 20),
        "ta.ema(ohlc4, 10)": lambda b: moving_averages.ema(b.ohlc4, 10),
        "ta.rma(hlcc4, 5)": lambda b: moving_averages.rma(b.hlcc4, 5),
        "ta.rma(high, 15)": lambda b: moving_averages.rma(b.high, 15),
        "ta.alma(close, 5, 0.85, 6)": lambda b: moving_averages.alma(b.close, 5, 0.85, 6),
        "ta.alma(close, 10, 0.55, 12)": lambda b: moving_averages.alma(b.close, 10, 0.55, 12),
        "ta.wma(close, 5)": lambda b: moving_averages.wma(b.close, 5),
        "ta.wma(close, 20)": lambda b: moving_averages.wma(b.close, 20),
        "ta.hma(close, 9)": lambda b: moving_averages.hma(b.close, 9),
        "ta.hma(close, 20)": lambda b: moving_averages.hma(b.close, 20),
        "ta.swma(hlc3)": lambda b: moving_averages.swma(b.hlc3),
        "ta.vwma(close, 20)": lambda b: moving_averages.vwma(b.close, b.volume, 20),
    },
    "mfi+rsi+stoch": {
        "ta.mfi(close, 14)": lambda b: volume_indicators.money_flow(b.close, b.volume, 14),
        "ta.rsi(close, 14)": lambda b: oscillators.rsi(b.close, 14),
        "ta.stoch(close, high, low, 20)": lambda b: oscillators.place_in_range(b.close, b.high, b.low, 20),
    },
    "range": {"ta.range(close, 20)": lambda b: np.subtract(*channels.donchian(b.close, b.close, 20))},
    "sar": {"ta.sar(0.02, 0.02, 0.2)": lambda b: trend.parabolic_sar(b.high, b.low, b.close, 0.02, 0.02, 0.2)},
    "wpr": {"ta.wpr(20)": lambda b: oscillators.williams_r(b.high, b.low, b.close, 20)},
}

STOCK_INDICATORS = {
    "awesome": {
        "oscillator": lambda b: oscillators.awesome(b.high, b.low),
        "normalized": lambda b: 100.0 * oscillators.awesome(b.high, b.low) / b.hl2,
    },
    "bb": {
        "sma": lambda b: channels.bollinger(b.close)[0],
        "upperBand": lambda b: channels.bollinger(b.close)[1],
        "lowerBand": lambda b: channels.bollinger(b.close)[2],
        "percentB": lambda b: channels.bollinger_percent(b.close),
        "zScore": lambda b: 4.0 * (channels.bollinger_percent(b.close) - 0.5),
        "width": lambda b: channels.bollinger_width(b.close) / 100.0,
    },
    "cci": {"cci": lambda b: oscillators.cci(b.high, b.low, b.close)},
    # that library's Donchian channel leaves the current bar out
    "donchian": {
        "upperBand": lambda b: before(channels.donchian(b.high, b.low)[0]),
        "lowerBand": lambda b: before(channels.donchian(b.high, b.low)[1]),
        "centerline": lambda b: before(sum(channels.donchian(b.high, b.low)) / 2),
        "width": lambda b: before(
            np.subtract(*channels.donchian(b.high, b.low)) / (sum(channels.donchian(b.high, b.low)) / 2)
        ),
    },
    "ema": {"ema": lambda b: moving_averages.ema(b.close, 20)},
    "hma": {"hma": lambda b: moving_averages.hma(b.close, 14)},
    "ichimoku": {
        "tenkanSen": lambda b: trend.ichimoku(b.high, b.low)[0],
        "kijunSen": lambda b: trend.ichimoku(b.high, b.low)[1],
        "senkouSpanA": lambda b: trend.ichimoku(b.high, b.low)[2],
        "senkouSpanB": lambda b: trend.ichimoku(b.high, b.low)[3],
        # the close drawn 26 bars back; at its own bar it is the future, so no function of ours gives it
        "chikouSpan": lambda b: np.append(b.close[26:], np.full(26, np.nan)),
    },
    # that library keeps the stop out of the last two bars before it tests for a reversal
    "psar": {"sar": lambda b: trend.parabolic_sar(b.high, b.low, b.close, limit_first=True)},
    "rsi": {"rsi": lambda b: oscillators.rsi(b.close)},
    "sma": {"sma": lambda b: moving_averages.sma(b.close, 20)},
    "stoch": {
        "oscillator": lambda b: oscillators.stochastic(b.high, b.low, b.close)[0],
        "signal": lambda b: oscillators.stochastic(b.high, b.low, b.close)[1],
        "percentJ": lambda b: three_k_less_two_d(b),
        "k": lambda b: oscillators.stochastic(b.high, b.low, b.close)[0],
        "d": lambda b: oscillators.stochastic(b.high, b.low, b.close)[1],
        "j": lambda b: three_k_less_two_d(b),
    },
}
# TradingView's correlation loses seven digits to cancellation (E[xy] - E[x] E[y] of prices near 1 that hardly move): it
# is 2.4e-7 off the value in exact fractions, which ours has (see test_correlation_in_exact_fractions).
LOOSER = {"correlation": 1e-6}
# A parabolic stop begins with a guess of the direction; the two guesses differ here until both have turned.
LATER = {"psar": 40}
NOT_A_VALUE = {"timestamp", "isReversal"}


class Bars:
    """Prices and volume as arrays, with the composite prices of Pine."""

    def __init__(self, frame: pd.DataFrame) -> None:
        names = {c.lower(): c for c in frame.columns}
        self.open, self.high, self.low, self.close, self.volume = (
            frame[names[n]].to_numpy(float) for n in ("open", "high", "low", "close", "volume")
        )
        self.hl2 = (self.high + self.low) / 2
        self.hlc3 = (self.high + self.low + self.close) / 3
        self.ohlc4 = (self.open + self.high + self.low + self.close) / 4
        self.hlcc4 = (self.high + self.low + 2 * self.close) / 4


def before(values: np.ndarray) -> np.ndarray:
    return np.append(np.nan, values[:-1])


def three_k_less_two_d(bars: Bars) -> np.ndarray:
    k, d = oscillators.stochastic(bars.high, bars.low, bars.close)
    return 3 * k - 2 * d


def cases(tables: dict[str, dict]) -> list[tuple[str, str]]:
    return [(table, column) for table, columns in tables.items() for column in columns]


@pytest.fixture(scope="module")
def oracles(shared_folder: Path) -> Path:
    return shared_folder / "oracles"


@pytest.mark.parametrize(("table", "column"), cases(TRADINGVIEW))
def test_tradingview_at_every_bar_with_its_warm_up(oracles: Path, table: str, column: str) -> None:
    frame = pd.read_csv(oracles / "tradingview" / f"{table}.csv")
    np.testing.assert_allclose(
        TRADINGVIEW[table][column](Bars(frame)),
        frame[column],
        rtol=LOOSER.get(table, RELATIVE),
        atol=0.0,
        equal_nan=True,
    )


@pytest.mark.parametrize(("table", "key"), cases(STOCK_INDICATORS))
def test_stock_indicators_after_warm_up(oracles: Path, table: str, key: str) -> None:
    folder = oracles / "skender"
    records = json.loads((folder / f"{table}.standard.json").read_text())
    expected = np.array([np.nan if r[key] is None else r[key] for r in records], dtype=float)
    known = ~np.isnan(expected) & (np.arange(len(expected)) >= LATER.get(table, 0))
    assert known.sum() > 400
    result = STOCK_INDICATORS[table][key](Bars(pd.read_csv(folder / "quotes_default.csv")))
    np.testing.assert_allclose(result[known], expected[known], rtol=RELATIVE, atol=0.0)


def test_correlation_in_exact_fractions(oracles: Path) -> None:
    close = pd.read_csv(oracles / "tradingview" / "correlation.csv")["close"].to_numpy(float)
    left, right = moving_averages.ema(close, 10), moving_averages.sma(close, 20)
    result = channels.correlation(left, right, 20)
    for i in (40, 90, 149):
        a, b = ([Fraction(v) for v in side[i - 19 : i + 1].tolist()] for side in (left, right))
        a, b = ([v - sum(side) / 20 for v in side] for side in (a, b))
        both, one, two = (sum(x * y for x, y in zip(p, q, strict=True)) for p, q in ((a, b), (a, a), (b, b)))
        assert result[i] == pytest.approx(float(both) / math.sqrt(float(one * two)), rel=1e-12)


def test_no_published_column_is_left_out(oracles: Path) -> None:
    for path in (oracles / "tradingview").glob("*.csv"):
        assert {c for c in pd.read_csv(path, nrows=0) if c.lower() not in BARS} == set(TRADINGVIEW[path.stem])
    for path in (oracles / "skender").glob("*.standard.json"):
        keys = set(json.loads(path.read_text())[0]) - NOT_A_VALUE
        assert keys == set(STOCK_INDICATORS[path.name.split(".")[0]])
