"""Indicator features: the public indicator functions bound to the rows of a panel.

Each takes (panel, parameters) and returns one array per output, as long as the panel. The definitions, their sources
and their warm-ups are in ``moving_averages``, ``trend``, ``channels``, ``oscillators`` and ``ratings``.
"""

from __future__ import annotations

from collections.abc import Mapping

from quant_assets.features import channels, moving_averages, oscillators, ratings, trend
from quant_assets.features.causal import Panel
from quant_assets.features.series import FloatArray

Parameters = Mapping[str, float]
Outputs = tuple[FloatArray, ...]


def _length(parameters: Parameters, name: str = "length") -> int:
    return int(parameters[name])


def close(panel: Panel, parameters: Parameters) -> Outputs:
    """Adjusted close of the row's own bar."""
    return (panel.close,)


def sma(panel: Panel, parameters: Parameters) -> Outputs:
    """Simple moving average of the close."""
    return (moving_averages.sma(panel.close, _length(parameters), panel.first),)


def ema(panel: Panel, parameters: Parameters) -> Outputs:
    """Exponential moving average of the close."""
    return (moving_averages.ema(panel.close, _length(parameters), panel.first),)


def rma(panel: Panel, parameters: Parameters) -> Outputs:
    """Wilder's average of the close."""
    return (moving_averages.rma(panel.close, _length(parameters), panel.first),)


def hma(panel: Panel, parameters: Parameters) -> Outputs:
    """Hull moving average of the close."""
    return (moving_averages.hma(panel.close, _length(parameters), panel.first),)


def vwma(panel: Panel, parameters: Parameters) -> Outputs:
    """Volume-weighted moving average of the close."""
    return (moving_averages.vwma(panel.close, panel.volume, _length(parameters), panel.first),)


def macd(panel: Panel, parameters: Parameters) -> Outputs:
    """MACD line, signal and histogram."""
    fast, slow, signal = (_length(parameters, name) for name in ("fast", "slow", "signal"))
    return trend.macd(panel.close, fast, slow, signal, panel.first)


def ichimoku(panel: Panel, parameters: Parameters) -> Outputs:
    """Conversion line, base line and the two leading spans, displaced by 26 bars."""
    return trend.ichimoku(panel.high, panel.low, first=panel.first)


def adx(panel: Panel, parameters: Parameters) -> Outputs:
    """ADX, +DI, -DI."""
    lengths = _length(parameters, "di_length"), _length(parameters, "adx_length")
    return trend.adx_di(panel.high, panel.low, panel.close, *lengths, panel.first)


def atr(panel: Panel, parameters: Parameters) -> Outputs:
    """Average true range."""
    return (trend.atr(panel.high, panel.low, panel.close, _length(parameters), panel.first),)


def elder_ray(panel: Panel, parameters: Parameters) -> Outputs:
    """Bull and bear power."""
    return trend.elder_ray(panel.high, panel.low, panel.close, _length(parameters), panel.first)


def supertrend(panel: Panel, parameters: Parameters) -> Outputs:
    """Supertrend line and direction."""
    length, factor = _length(parameters), parameters["factor"]
    return trend.supertrend(panel.high, panel.low, panel.close, length, factor, panel.first)


def rsi(panel: Panel, parameters: Parameters) -> Outputs:
    """Relative strength index."""
    return (oscillators.rsi(panel.close, _length(parameters), panel.first),)


def stochastic(panel: Panel, parameters: Parameters) -> Outputs:
    """%K and %D."""
    return oscillators.stochastic(panel.high, panel.low, panel.close, _length(parameters), first=panel.first)


def stochastic_rsi(panel: Panel, parameters: Parameters) -> Outputs:
    """%K and %D of the RSI."""
    return oscillators.stochastic_rsi(panel.close, _length(parameters), first=panel.first)


def cci(panel: Panel, parameters: Parameters) -> Outputs:
    """Commodity channel index of the typical price."""
    return (oscillators.cci(panel.high, panel.low, panel.close, _length(parameters), panel.first),)


def awesome(panel: Panel, parameters: Parameters) -> Outputs:
    """Awesome oscillator."""
    return (oscillators.awesome(panel.high, panel.low, first=panel.first),)


def momentum(panel: Panel, parameters: Parameters) -> Outputs:
    """Change of the close over some bars, and the same in percent."""
    n = _length(parameters)
    return oscillators.momentum(panel.close, n, panel.first), oscillators.rate_of_change(panel.close, n, panel.first)


def williams_r(panel: Panel, parameters: Parameters) -> Outputs:
    """Williams %R."""
    return (oscillators.williams_r(panel.high, panel.low, panel.close, _length(parameters), panel.first),)


def ultimate(panel: Panel, parameters: Parameters) -> Outputs:
    """Ultimate oscillator."""
    return (oscillators.ultimate(panel.high, panel.low, panel.close, first=panel.first),)


def bollinger(panel: Panel, parameters: Parameters) -> Outputs:
    """Upper band, lower band, width and place of the close in the bands."""
    n = _length(parameters)
    _, upper, lower = channels.bollinger(panel.close, n, first=panel.first)
    width = channels.bollinger_width(panel.close, n, first=panel.first)
    return upper, lower, width, channels.bollinger_percent(panel.close, n, first=panel.first)


def donchian(panel: Panel, parameters: Parameters) -> Outputs:
    """Highest high and lowest low."""
    return channels.donchian(panel.high, panel.low, _length(parameters), panel.first)


def keltner(panel: Panel, parameters: Parameters) -> Outputs:
    """Upper and lower Keltner channel."""
    _, upper, lower = channels.keltner(panel.high, panel.low, panel.close, _length(parameters), first=panel.first)
    return upper, lower


def recommend_ma(panel: Panel, parameters: Parameters) -> Outputs:
    """Moving-average rating."""
    return (_average_rating(panel),)


def recommend_other(panel: Panel, parameters: Parameters) -> Outputs:
    """Oscillator rating."""
    return (_oscillator_rating(panel),)


def recommend_all(panel: Panel, parameters: Parameters) -> Outputs:
    """Summary rating, and the one by the regression on a single snapshot."""
    averages, others = _average_rating(panel), _oscillator_rating(panel)
    return ratings.summary(averages, others), ratings.summary(averages, others, "snapshot_regression")


def _average_rating(panel: Panel) -> FloatArray:
    prices = panel.high, panel.low, panel.close
    return panel.once("average rating", lambda: ratings.recommend_ma(*prices, panel.volume, panel.first))


def _oscillator_rating(panel: Panel) -> FloatArray:
    prices = panel.high, panel.low, panel.close
    return panel.once("oscillator rating", lambda: ratings.recommend_other(*prices, panel.first))
