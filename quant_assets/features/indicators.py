"""Indicator features: the public indicator functions bound to the rows of a panel.

Each takes (panel, parameters) and returns one array per output, as long as the panel. The definitions, their sources
and their warm-ups are in ``moving_averages``, ``trend``, ``channels``, ``oscillators`` and ``ratings``.
"""

from __future__ import annotations

from collections.abc import Mapping

from quant_assets.features import channels, moving_averages, oscillators, ratings, trend
from quant_assets.features.causal import Panel
from quant_assets.features.lives import lagged
from quant_assets.features.series import FloatArray

Parameters = Mapping[str, float]
Outputs = tuple[FloatArray, ...]


def _length(parameters: Parameters, name: str = "length") -> int:
    return int(parameters[name])


def _prices(panel: Panel) -> tuple[FloatArray, FloatArray, FloatArray]:
    return panel.high, panel.low, panel.close


def close(panel: Panel, parameters: Parameters) -> Outputs:
    """Adjusted close of the row's own bar."""
    return (panel.close,)


def sma(panel: Panel, parameters: Parameters) -> Outputs:
    """Simple moving average of the close."""
    return (panel.once(moving_averages.sma, panel.close, _length(parameters), panel.first),)


def ema(panel: Panel, parameters: Parameters) -> Outputs:
    """Exponential moving average of the close."""
    return (panel.once(moving_averages.ema, panel.close, _length(parameters), panel.first),)


def rma(panel: Panel, parameters: Parameters) -> Outputs:
    """Wilder's average of the close."""
    return (moving_averages.rma(panel.close, _length(parameters), panel.first),)


def hma(panel: Panel, parameters: Parameters) -> Outputs:
    """Hull moving average of the close."""
    return (panel.once(moving_averages.hma, panel.close, _length(parameters), panel.first),)


def vwma(panel: Panel, parameters: Parameters) -> Outputs:
    """Volume-weighted moving average of the close."""
    return (panel.once(moving_averages.vwma, panel.close, panel.volume, _length(parameters), panel.first),)


def macd(panel: Panel, parameters: Parameters) -> Outputs:
    """MACD line, signal and histogram."""
    fast, slow, signal = (_length(parameters, name) for name in ("fast", "slow", "signal"))
    return panel.once(trend.macd, panel.close, fast, slow, signal, panel.first)


def ichimoku(panel: Panel, parameters: Parameters) -> Outputs:
    """Conversion line, base line and the two leading spans, displaced by 26 bars."""
    # Undisplaced, as the rating reads them: one computation serves both.
    *lines, span_a, span_b = panel.once(trend.ichimoku, panel.high, panel.low, 9, 26, 52, 0, panel.first)
    return *lines, lagged(span_a, panel.first, 26), lagged(span_b, panel.first, 26)


def adx(panel: Panel, parameters: Parameters) -> Outputs:
    """ADX, +DI, -DI."""
    lengths = _length(parameters, "di_length"), _length(parameters, "adx_length")
    return panel.once(trend.adx_di, *_prices(panel), *lengths, panel.first)


def atr(panel: Panel, parameters: Parameters) -> Outputs:
    """Average true range."""
    return (trend.atr(panel.high, panel.low, panel.close, _length(parameters), panel.first),)


def elder_ray(panel: Panel, parameters: Parameters) -> Outputs:
    """Bull and bear power."""
    return panel.once(trend.elder_ray, *_prices(panel), _length(parameters), panel.first)


def supertrend(panel: Panel, parameters: Parameters) -> Outputs:
    """Supertrend line and direction."""
    length, factor = _length(parameters), parameters["factor"]
    return trend.supertrend(panel.high, panel.low, panel.close, length, factor, panel.first)


def rsi(panel: Panel, parameters: Parameters) -> Outputs:
    """Relative strength index."""
    return (panel.once(oscillators.rsi, panel.close, _length(parameters), panel.first),)


def stochastic(panel: Panel, parameters: Parameters) -> Outputs:
    """%K and %D."""
    return panel.once(oscillators.stochastic, *_prices(panel), _length(parameters), 3, 3, panel.first)


def stochastic_rsi(panel: Panel, parameters: Parameters) -> Outputs:
    """%K and %D of the RSI."""
    n = _length(parameters)
    return panel.once(oscillators.stochastic_rsi, panel.close, n, 14, 3, 3, panel.first)


def cci(panel: Panel, parameters: Parameters) -> Outputs:
    """Commodity channel index of the typical price."""
    return (panel.once(oscillators.cci, *_prices(panel), _length(parameters), panel.first),)


def awesome(panel: Panel, parameters: Parameters) -> Outputs:
    """Awesome oscillator."""
    return (panel.once(oscillators.awesome, panel.high, panel.low, 5, 34, panel.first),)


def momentum(panel: Panel, parameters: Parameters) -> Outputs:
    """Change of the close over some bars, and the same in percent."""
    n = _length(parameters)
    change = panel.once(oscillators.momentum, panel.close, n, panel.first)
    return change, oscillators.rate_of_change(panel.close, n, panel.first)


def williams_r(panel: Panel, parameters: Parameters) -> Outputs:
    """Williams %R."""
    return (panel.once(oscillators.williams_r, *_prices(panel), _length(parameters), panel.first),)


def ultimate(panel: Panel, parameters: Parameters) -> Outputs:
    """Ultimate oscillator."""
    return (panel.once(oscillators.ultimate, *_prices(panel), 7, 14, 28, panel.first),)


def bollinger(panel: Panel, parameters: Parameters) -> Outputs:
    """Upper band, lower band, width and place of the close in the bands."""
    return channels.bollinger_all(panel.close, _length(parameters), first=panel.first)


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
    return panel.once(_average_rating_of, panel)


def _oscillator_rating(panel: Panel) -> FloatArray:
    return panel.once(_oscillator_rating_of, panel)


def _average_rating_of(panel: Panel) -> FloatArray:
    return ratings.recommend_ma(*_prices(panel), panel.volume, panel.first, once=panel.once)


def _oscillator_rating_of(panel: Panel) -> FloatArray:
    return ratings.recommend_other(*_prices(panel), panel.first, once=panel.once)
