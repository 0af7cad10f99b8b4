"""Planted look-ahead: ways in which a feature can know the future, as they are found in real notebooks.

Each leak takes the closes of one life (NumPy array, oldest first) and returns a value for every bar; it looks harmless
in a backtest and is wrong. The corpus exists to be caught.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Leak = Callable[[np.ndarray], np.ndarray]


def _days(prices: np.ndarray) -> pd.Series:
    return pd.Series(prices, index=pd.date_range("2021-01-01", periods=len(prices), freq="D"))


def _shifted(prices: np.ndarray, by: int) -> np.ndarray:
    return pd.Series(prices).shift(by).to_numpy()


def _weekly_bar(prices: np.ndarray) -> np.ndarray:
    """The close of the whole week, known on every day of it."""
    series = _days(prices)
    return (
        series.resample("W-SUN", label="left", closed="right").last().reindex(series.index, method="ffill").to_numpy()
    )


def _monthly_mean(prices: np.ndarray) -> np.ndarray:
    series = _days(prices)
    return series.groupby(series.index.to_period("M")).transform("mean").to_numpy()


def _week_labelled_by_its_first_day(prices: np.ndarray) -> np.ndarray:
    weeks = [prices[i : i + 7] for i in range(0, len(prices), 7)]
    return np.repeat([week.mean() for week in weeks], [len(week) for week in weeks])


def _backward_fill(prices: np.ndarray) -> np.ndarray:
    return pd.Series(np.where(np.arange(len(prices)) % 7 == 0, prices, np.nan)).bfill().to_numpy()


def _interpolated(prices: np.ndarray) -> np.ndarray:
    known = pd.Series(np.where(np.arange(len(prices)) % 5 == 0, prices, np.nan))
    return known.interpolate(limit_direction="both").to_numpy()


def _merged_forward(prices: np.ndarray) -> np.ndarray:
    """Each day joined with the next quarterly report instead of the last one."""
    days = pd.DataFrame({"date": pd.date_range("2021-01-01", periods=len(prices), freq="D")})
    reports = days.assign(value=prices).iloc[::9]
    return pd.merge_asof(days, reports, on="date", direction="forward")["value"].to_numpy()


def _merged_nearest(prices: np.ndarray) -> np.ndarray:
    days = pd.DataFrame({"date": pd.date_range("2021-01-01", periods=len(prices), freq="D")})
    reports = days.assign(value=prices).iloc[::9]
    return pd.merge_asof(days, reports, on="date", direction="nearest")["value"].to_numpy()


def _first_component(prices: np.ndarray) -> np.ndarray:
    """First principal component of three lags, fitted on all data."""
    lags = np.column_stack([np.roll(prices, k) for k in range(3)])
    lags[:2] = lags[-1]
    centred = lags - lags.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][0]


def _regression_on_all_data(prices: np.ndarray) -> np.ndarray:
    time = np.arange(len(prices), dtype=float)
    slope, level = np.polyfit(time, prices, 1)
    return prices - (level + slope * time)


def _quantile_buckets(prices: np.ndarray) -> np.ndarray:
    edges = np.quantile(prices, np.linspace(0, 1, 21))
    return np.searchsorted(edges, prices).astype(float) + prices / prices.sum()


def _winsorised_at_full_sample_quantiles(prices: np.ndarray) -> np.ndarray:
    return prices / np.quantile(prices, 0.99)


def _low_pass_filter(prices: np.ndarray) -> np.ndarray:
    """A Fourier low-pass filter of the whole history."""
    spectrum = np.fft.rfft(prices)
    spectrum[max(len(spectrum) // 8, 1) :] = 0.0
    return np.fft.irfft(spectrum, n=len(prices))


def _peak_labels(prices: np.ndarray) -> np.ndarray:
    """Distance to the highest price of the five days on either side: a peak is only known once it has passed."""
    return prices / pd.Series(prices).rolling(11, center=True, min_periods=1).max().to_numpy() - 1.0


def _target_encoding(prices: np.ndarray) -> np.ndarray:
    """Mean next-day return of the same weekday over the whole history."""
    ahead = pd.Series(_shifted(prices, -1) / prices - 1.0)
    return ahead.groupby(np.arange(len(prices)) % 5).transform("mean").to_numpy()


def _smoothed_both_ways(prices: np.ndarray) -> np.ndarray:
    forward = pd.Series(prices).ewm(span=10, adjust=False).mean()
    return forward[::-1].ewm(span=10, adjust=False).mean()[::-1].to_numpy()


LEAKS: dict[str, Leak] = {
    "next close (shift -1)": lambda p: _shifted(p, -1),
    "close five days later": lambda p: _shifted(p, -5),
    "forward return as a feature": lambda p: _shifted(p, -3) / p - 1.0,
    "return labelled a day early": lambda p: np.append(p[1:] / p[:-1] - 1.0, np.nan),
    "centred mean": lambda p: pd.Series(p).rolling(5, center=True).mean().to_numpy(),
    "centred volatility": lambda p: pd.Series(p).pct_change().rolling(9, center=True).std().to_numpy(),
    "full-sample z-score": lambda p: (p - p.mean()) / p.std(),
    "full-sample rank": lambda p: pd.Series(p).rank(pct=True).to_numpy(),
    "full-sample minimum and maximum": lambda p: (p - p.min()) / (p.max() - p.min()),
    "full-sample median": lambda p: p / np.median(p),
    "winsorised at full-sample quantiles": _winsorised_at_full_sample_quantiles,
    "buckets of full-sample quantiles": _quantile_buckets,
    "backward fill": _backward_fill,
    "interpolated gaps": _interpolated,
    "week labelled by its first day": _week_labelled_by_its_first_day,
    "the week's close on every day of it": _weekly_bar,
    "mean of the calendar month": _monthly_mean,
    "forward merge": _merged_forward,
    "nearest merge": _merged_nearest,
    "principal component of all data": _first_component,
    "residual of a regression on all data": _regression_on_all_data,
    "Fourier filter of all data": _low_pass_filter,
    "two-sided smoothing": lambda p: np.convolve(p, np.ones(9) / 9, mode="same"),
    "smoothed forwards and backwards": _smoothed_both_ways,
    "reversed exponential mean": lambda p: pd.Series(p[::-1]).ewm(span=10).mean().to_numpy()[::-1],
    "demeaned by the last value": lambda p: p - p[-1],
    "divided by the length of the history": lambda p: p / len(p),
    "distance to a centred peak": _peak_labels,
    "target encoding over all data": _target_encoding,
}
