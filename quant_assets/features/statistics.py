"""Return statistics of whole one-dimensional arrays of closes; the annualisation factor is always handed in."""

from __future__ import annotations

import numpy as np

from quant_assets.features.moving_averages import padded, windows
from quant_assets.features.series import FloatArray

# Below this a volatility or a path length is rounding, and its reciprocal says nothing.
NOTHING = 1e-12


def simple_returns(close: FloatArray) -> FloatArray:
    """close / previous close - 1; NaN on the first bar."""
    prices = np.asarray(close, dtype=np.float64)
    return padded(prices[1:] / prices[:-1] - 1.0, len(prices))


def momentum(close: FloatArray, length: int, annualisation: float) -> FloatArray:
    """Mean of the last ``length`` simple returns times ``annualisation`` (arithmetic, per year)."""
    return padded(windows(simple_returns(close), length).mean(axis=1), len(close)) * annualisation


def realised_volatility(close: FloatArray, length: int, annualisation: float) -> FloatArray:
    """Standard deviation (ddof 1) of the last ``length`` simple returns times sqrt(``annualisation``)."""
    deviation = padded(windows(simple_returns(close), length).std(axis=1, ddof=1), len(close))
    return deviation * float(np.sqrt(annualisation))


def stability(close: FloatArray, length: int, annualisation: float) -> FloatArray:
    """1 / realised volatility, in years^0.5; NaN where the price did not move."""
    return reciprocal(realised_volatility(close, length, annualisation))


def efficiency(close: FloatArray, length: int) -> FloatArray:
    """Kaufman's ratio on returns, |sum r| / sum |r| of the last ``length``, in [0, 1]; NaN without movement."""
    window = windows(simple_returns(close), length)
    path = np.abs(window).sum(axis=1)
    ratio = np.divide(np.abs(window.sum(axis=1)), path, out=np.full(len(path), np.nan), where=path > NOTHING)
    return padded(ratio, len(close))


def reciprocal(volatility: FloatArray) -> FloatArray:
    """1 / volatility; NaN where it is zero but for rounding."""
    out = np.full(len(volatility), np.nan)
    np.divide(1.0, volatility, out=out, where=volatility > NOTHING)
    return out
