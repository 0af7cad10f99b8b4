"""Feature functions of volatility, tails, memory, complexity and liquidity on the windows of a bar series.

Each takes (series, start, end, parameters) and returns one array per output, each as long as ``end``; output ``i``
reads only the bars ``start[i] .. end[i]``. Returns are those inside the window: its first bar has none. The definitions
are the functions of one window in ``volatility``, ``tails``, ``dependence``, ``complexity`` and ``liquidity``;
undefined is NaN. Kernels are imported on first use, so that a registry can be read without paying for the compiler.
"""

from __future__ import annotations

import importlib
import math
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.features import complexity, dependence, liquidity, statistics
from quant_assets.features.movement import FLAT
from quant_assets.features.series import BarSeries, FloatArray, IntArray
from quant_assets.features.windowed import Parameters

Outputs = tuple[FloatArray, ...]


def return_statistics(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Mean return, volatility and the reciprocal of that volatility; parameter ``annualisation``."""
    mean, variance = variances(series.returns, start, end)
    volatility = np.sqrt(variance * parameters["annualisation"])
    return mean * parameters["annualisation"], volatility, statistics.reciprocal(volatility)


def efficiency(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Efficiency ratio on returns; no parameters."""
    net, path = (_sums(values, start, end, skip=1) for values in (series.returns, np.abs(series.returns)))
    return (_share(np.abs(net), path, path > statistics.NOTHING),)


def parkinson(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Parkinson volatility of the window's bars; parameter ``annualisation``."""
    terms = _logs(_ratio(series.high, series.low)) ** 2
    variance = _sums(terms, start, end) / ((end - start + 1) * 4.0 * math.log(2.0))
    return (np.sqrt(variance * parameters["annualisation"]),)


def yang_zhang(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Yang-Zhang volatility of the window's bars after its first; parameter ``annualisation``; NaN below three bars."""
    opened, high, low, close = _logs(series.open), _logs(series.high), _logs(series.low), series.log_close
    overnight = np.full(len(close), np.nan)
    overnight[1:] = opened[1:] - close[:-1]
    inside, up, down = close - opened, high - opened, low - opened
    n = (end - start).astype(np.float64)
    share = 0.34 / (1.34 + (n + 1.0) / np.where(n > 1, n - 1.0, np.nan))
    drift_free = _sums(up * (up - inside) + down * (down - inside), start, end, skip=1) / np.where(n > 0, n, np.nan)
    variance = variances(overnight, start, end)[1] + share * variances(inside, start, end)[1] + (1 - share) * drift_free
    return (np.sqrt(variance * parameters["annualisation"]),)


def downside(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Downside deviation of the returns; parameter ``annualisation``."""
    square = _sums(np.minimum(series.returns, 0.0) ** 2, start, end, skip=1)
    return (np.sqrt(square / _returns_inside(start, end) * parameters["annualisation"]),)


def shape(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Skewness and excess kurtosis of the returns; no parameters."""
    m2, m3, m4 = (np.empty(len(end)) for _ in range(3))
    _kernels("moment").central_moments(series.returns, start, end, 1, FLAT, m2, m3, m4)
    n = (end - start).astype(np.float64)
    for_skew, for_kurtosis = np.where(n > 2, n, np.nan), np.where(n > 3, n, np.nan)
    skew = m3 / (m2 * np.sqrt(m2)) * np.sqrt(for_skew * (for_skew - 1)) / (for_skew - 2)
    scale = (for_kurtosis - 1) / ((for_kurtosis - 2) * (for_kurtosis - 3))
    return skew, scale * ((for_kurtosis + 1) * (m4 / (m2 * m2) - 3.0) + 6.0)


def tail(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Mean of the worst and of the best ``share`` of the returns (0 < share <= 0.5); the first is CVaR as a return."""
    share = parameters["share"]
    if not 0.0 < share <= 0.5:
        raise UsageError(f"the tail share must lie in (0, 0.5], not {share}; 0.05 is the usual one")
    lower, upper = np.empty(len(end)), np.empty(len(end))
    _kernels("order").tail_means(series.returns, start, end, 1, share, lower, upper)
    return lower, upper


def drawdown(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Deepest fall of the close from its high inside the window; no parameters."""
    out = np.empty(len(end))
    _kernels("moment").worst_falls(series.close, start, end, out)
    return (out - 1.0,)


def antifragility(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Antifragility score of the returns; parameters ``share`` of a tail and ``full_history`` in returns."""
    return (distribution(series, start, end, parameters)[3],)


def distribution(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Skewness, excess kurtosis, worst tail and antifragility; parameters as of ``antifragility``."""
    skew, kurtosis = shape(series, start, end, parameters)
    lower, upper = tail(series, start, end, parameters)
    gain, loss = np.maximum(upper, 0.0), np.maximum(-lower, 0.0)
    bounded = (1.0 + skew / (1.0 + np.abs(skew))) / 2.0
    both = np.where(gain + loss > 0.0, gain + loss, np.nan)
    score = (bounded + gain / both) * np.minimum(1.0, (end - start) / parameters["full_history"])
    return skew, kurtosis, lower, score


def autocorrelation(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Autocorrelation of the returns at ``lag``, and of their absolute values (clustering of volatility)."""
    lag = int(parameters["lag"])
    return tuple(_autocorrelations(values, start, end, lag) for values in (series.returns, np.abs(series.returns)))


def half_life(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Half-life of mean reversion of the log price, in bars, at most the window's; no parameters."""
    level, n = series.log_close, (end - start).astype(np.float64)
    mean, square = _spreads(level, start, end - 1)
    # (level - mean) * change is half of what the square of the one gains by the other, less half of its square: the
    # gains add up to the last square less the first
    before, after = level[start] - mean, level[end] - mean
    product = 0.5 * ((after - before) * (after + before) - _sums(_changes(level, 1) ** 2, start, end, skip=1))
    moving = (n > 1.0) & (square > n * FLAT * (1.0 + mean * mean))
    return (dependence.half_life_of_slope(_share(product, square, moving), n + 1.0),)


def hurst_variance_ratio(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Hurst exponent from the variance ratio of the log price at ``horizon`` bars, and that ratio."""
    horizon = int(parameters["horizon"])
    if horizon < 2:
        raise UsageError(f"a variance ratio compares at least two bars with one; horizon {horizon} is too short")
    level = series.log_close
    n = np.where(end - start > horizon, (end - start).astype(np.float64), np.nan)
    slope, pairs = (level[end] - level[start]) / n, n - horizon + 1.0
    _, one = _spreads(_changes(level, 1), start, end, skip=1)
    mean, many = _spreads(_changes(level, horizon), start, end, skip=horizon)
    many += pairs * (mean - horizon * slope) ** 2
    scale = (n - 1.0) / (horizon * pairs * (1.0 - horizon / n))
    ratio = _share(many * scale, one, one > n * FLAT * (slope * slope + FLAT))
    return 0.5 + _logs(ratio) / (2.0 * math.log(horizon)), ratio


def unit_root(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """p-value and statistic of the Dickey-Fuller test of the log price with ``lags`` lagged changes."""
    statistic = np.empty(len(end))
    _kernels("regression").dickey_fuller(_logs(series.close), start, end, int(parameters["lags"]), statistic)
    return dependence.unit_root_probability(statistic), statistic


def permutation_entropy(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Permutation entropy of the returns, as a share of log2(order!) and in bits; parameters ``order``, ``delay``.

    NaN where the window holds too few patterns for the order (``complexity.required_patterns``).
    """
    order, delay = int(parameters["order"]), int(parameters.get("delay", 1))
    states, kernels = math.factorial(order), _kernels("complexity")
    patterns, bits = np.empty(len(series), dtype=np.int64), np.empty(len(end))
    kernels.ordinal_patterns(series.returns, order, delay, patterns)
    skip = 1 + (order - 1) * delay
    kernels.pattern_entropies(patterns, start, end, skip, states, complexity.required_patterns(order), bits)
    return np.minimum(bits / math.log2(states), 1.0), bits


def hurst_rescaled_range(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Hurst exponent of the returns by rescaled range, corrected for the window's size; no parameters."""
    out = np.empty(len(end))
    expected = complexity.log_expected_ranges(int((end - start).max(initial=1)))
    _kernels("complexity").rescaled_range_slopes(series.returns, start, end, 1, expected, out)
    return (out + 0.5,)


def haar_detail(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Share of the returns' energy in Haar detail coefficients; parameter ``levels``."""
    out = np.empty(len(end))
    _kernels("spectral").haar_shares(series.returns, start, end, 1, int(parameters["levels"]), out)
    return (out,)


def spectral_entropy(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Spectral entropy of the newest ``size`` returns, as a share of log2(size / 2) and in bits.

    ``size`` is a power of two from 4 on; NaN where the window has fewer returns.
    """
    size = int(parameters["size"])
    if size < 4 or size & (size - 1):
        raise UsageError(f"the spectrum is taken of 4, 8, 16, ... returns; {size} is not a power of two from 4 on")
    out = np.empty(len(end))
    _kernels("spectral").spectral_entropies(series.returns, start + 1, end, size, out)
    return np.clip(out / math.log2(size // 2), 0.0, 1.0), out


def value_traded(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Average value traded a bar, in quote currency; NaN where more than half are unknown; no parameters."""
    value = liquidity.traded_value(series.close, series.volume, series.quote_value)
    known = ~np.isnan(value)
    count = _sums(known.astype(np.float64), start, end)
    total = _sums(np.where(known, value, 0.0), start, end)
    return (total / np.where(2 * count >= end - start + 1, count, np.nan),)


def amihud(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Amihud illiquidity of the bars after the window's first, per million of quote currency; no parameters."""
    value = liquidity.traded_value(series.close, series.volume, series.quote_value)
    traded = value > 0.0
    impact = np.divide(np.abs(series.returns), value, out=np.zeros(len(value)), where=traded)
    count = _sums(traded.astype(np.float64), start, end, skip=1)
    enough = (2 * count >= end - start) & (count > 0)
    mean = _sums(impact, start, end, skip=1) / np.where(enough, count, np.nan)
    return (_finite(mean * liquidity.IMPACT_UNIT),)


def execution_cost(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Execution cost index; parameters ``order_value`` in quote currency and ``annualisation``."""
    (value,) = value_traded(series, start, end, parameters)
    deviation = np.sqrt(variances(series.returns, start, end)[1] * parameters["annualisation"])
    return (_finite(deviation * np.sqrt(parameters["order_value"] / np.where(value > 0.0, value, np.nan))),)


def volume_score(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Robust score of the newest volume among the window's log volumes; no parameters."""
    out = np.empty(len(end))
    _kernels("order").robust_scores(_logs(series.volume), start, end, liquidity.MAD_TO_DEVIATION, out)
    return (out,)


def age(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Calendar days since the first day of the life; no parameters."""
    return (listing_age(series.day, series.life_start, end),)


def survival_score(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> Outputs:
    """Survival score; parameters ``bars_per_day`` and ``span_days``."""
    bars_per_day, span_days = parameters["bars_per_day"], int(parameters["span_days"])
    return (survival(series, series.life_start, start, end, bars_per_day, span_days),)


def listing_age(day: IntArray, life_start: IntArray, end: IntArray) -> FloatArray:
    """Calendar days from the first day of each row's life to the row's day, both included; at least 1.

    ``day`` and ``life_start`` count days since 1970 for every row of the series, so that the age does not depend on how
    much history is loaded.
    """
    return (day[end] - life_start[end] + 1).astype(np.float64)


def survival(
    series: BarSeries, life_start: IntArray, start: IntArray, end: IntArray, bars_per_day: float, span_days: int
) -> FloatArray:
    """Survival score of each row: age since listing, and completeness of the bars of the last ``span_days`` days.

    A younger symbol is measured over its life. ``start`` must be at most one bar per day back, as
    ``BarSeries.start_of`` gives it; ``bars_per_day`` is 1 for markets open every day, 252/365 for sessions.
    """
    age = listing_age(series.day, life_start, end)
    expected = np.maximum(np.minimum(age, span_days) * bars_per_day, 1.0)
    first = np.maximum(start, np.searchsorted(series.key, series.key[end] - span_days + 1))
    return np.minimum(1.0, (end - first + 1) / expected) / (1.0 + (365.0 / age) ** 2)


def variances(values: FloatArray, start: IntArray, end: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance (ddof 1) of each window after its first row; NaN below two values."""
    mean, square = _spreads(values, start, end, skip=1)
    n = end - start
    return mean, square / np.where(n > 1, n - 1, np.nan)


def _kernels(name: str) -> ModuleType:
    return importlib.import_module(f"quant_assets.features.{name}_kernels")


def _logs(values: FloatArray) -> FloatArray:
    from quant_assets.features import lanes

    out = np.empty(len(values))
    lanes.logarithms(values, out)
    return out


def _finite(values: FloatArray) -> FloatArray:
    out: FloatArray = np.where(np.isfinite(values), values, np.nan)
    return out


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    out: FloatArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0.0)
    return out


def _returns_inside(start: IntArray, end: IntArray) -> FloatArray:
    return np.where(end > start, end - start, np.nan)


def _sums(values: FloatArray, start: IntArray, end: IntArray, skip: int = 0) -> FloatArray:
    out = np.empty(len(end))
    _kernels("moment").window_sums(np.ascontiguousarray(values), start, end, skip, out)
    return out


def _spreads(values: FloatArray, start: IntArray, end: IntArray, skip: int = 0) -> tuple[FloatArray, FloatArray]:
    """Mean of each window, and the sum of squares about it."""
    mean, square = np.empty(len(end)), np.empty(len(end))
    _kernels("moment").window_spreads(values, start, end, skip, mean, square)
    return mean, square


def _changes(values: FloatArray, lag: int) -> FloatArray:
    """Value less the value ``lag`` rows before; NaN in the first rows."""
    out = np.full(len(values), np.nan)
    np.subtract(values[lag:], values[:-lag], out=out[lag:])
    return out


def _share(part: FloatArray, whole: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    out: FloatArray = np.divide(part, whole, out=np.full(len(part), np.nan), where=where)
    return out


def _autocorrelations(values: FloatArray, start: IntArray, end: IntArray, lag: int) -> FloatArray:
    """Sum of products of deviations from the window's mean ``lag`` rows apart / sum of their squares.

    Twice such a product is the sum of both squares less the square of the difference; only the first and last ``lag``
    squares enter once.
    """
    mean, square = _spreads(values, start, end, skip=1)
    twice = 2.0 * square - _sums(_changes(values, lag) ** 2, start, end, skip=1 + lag)
    for k in range(lag):
        for edge in (np.minimum(start + 1 + k, end), np.maximum(end - k, start)):
            twice -= (values[edge] - mean) ** 2
    n = end - start
    return _share(0.5 * twice, square, (n > lag) & (square > n * FLAT * mean * mean))
