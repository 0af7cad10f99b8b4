"""Statistics of rolling windows: ours on the whole panel, other libraries and `rolling.apply` window by window."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pandas as pd

from benchmarks.measure import Comparison, Found, LeftOut, least_cpu
from quant_assets.features import complexity
from quant_assets.features.catalogue import build_registry
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray
from quant_assets.features.windowed import WindowFunction
from tests.quant_assets.features.other_libraries import part_of

YEAR = 365.0
LEAST = 100.0
"""The bar: entropy and rescaled range at a hundredth of the other library's time."""
MILLION = 1e6
Window = Callable[[FloatArray], float]


def per_window(series: BarSeries, runs: int = 3, sample: int = 200) -> Iterator[Found]:
    """One window of ours (whole panel / windows) against one call of antropy or nolds on the same definition."""
    for (name, feature, other), library in _pairs():
        if other is None:
            yield LeftOut(name, library)
            continue
        ours = _ours(series, feature, runs)
        windows = _windows(series, feature.window, sample)
        theirs = least_cpu(lambda f=other, w=windows: [f(x) for x in w], runs) / len(windows)
        yield Comparison(name, library, f"window of {feature.window - 1} returns", ours, theirs, LEAST, "one core")


def _pairs() -> Iterator[tuple[tuple[str, Feature, Window | None], str]]:
    """Name, our feature, the other's function of one window (None: not installed), and the library."""
    entropy, hurst = feature_of("permutation_entropy"), feature_of("hurst_rs")
    lengths = complexity.segment_lengths(hurst.window - 1)
    antropy: Any = part_of("antropy", "entropy") if importlib.util.find_spec("antropy") else None
    nolds: Any = part_of("nolds", "measures") if importlib.util.find_spec("nolds") else None
    if antropy is None:
        yield ("permutation entropy of order 3", entropy, None), "antropy"
    else:
        yield ("permutation entropy of order 3", entropy, lambda x: antropy.perm_entropy(x, 3)), "antropy"
    if nolds is None:
        yield ("R/S Hurst exponent", hurst, None), "nolds"
        return
    same: Window = lambda x: nolds.hurst_rs(x, nvals=lengths, fit="poly", unbiased=False)  # noqa: E731
    yield ("R/S Hurst exponent, our segments", hurst, same), "nolds"
    yield ("R/S Hurst exponent, its own segments", hurst, lambda x: nolds.hurst_rs(x, fit="poly")), "nolds"


ROLLING: dict[str, tuple[str, Window]] = {
    "realised volatility": ("realised_volatility", lambda x: float(np.std(x, ddof=1) * np.sqrt(YEAR))),
    "efficiency ratio": ("efficiency", lambda x: float(abs(x.sum()) / np.abs(x).sum())),
    "skewness": ("skew", lambda x: float(((x - x.mean()) ** 3).mean() / x.std() ** 3)),
    "expected shortfall 5 %": ("cvar_5", lambda x: float(np.sort(x)[: max(len(x) // 20, 1)].mean())),
    "autocorrelation": ("autocorrelation", lambda x: float(np.corrcoef(x[1:], x[:-1])[0, 1])),
}
"""Feature id, and the statistic of one window as one would write it for `rolling.apply`."""


def rolling_apply(series: BarSeries, runs: int = 1, sample: int = 2) -> Iterator[Found]:
    """Ours on the whole panel against pandas on ``sample`` symbols, both for a million values."""
    ends = [np.flatnonzero(series.code == code) for code in range(min(sample, len(series.symbols)))]
    some = [pd.Series(series.returns[rows]) for rows in ends]
    for name, (identifier, statistic) in ROLLING.items():
        feature = feature_of(identifier)
        length = feature.window - 1
        values = sum(max(len(returns) - length, 0) for returns in some)
        ours = _ours(series, feature, max(runs, 2)) * MILLION

        def theirs(f: Window = statistic, n: int = length) -> None:
            for returns in some:
                returns.rolling(n).apply(f, raw=True)

        cost = least_cpu(theirs, runs) / values * MILLION
        note = f"windows of {length} returns, pandas on {len(some)} symbols"
        yield Comparison(name, "pandas rolling.apply", "1e6 values", ours, cost, None, note)


def feature_of(identifier: str) -> Feature:
    """The registered feature at its defaults."""
    (feature,) = build_registry(FeaturesConfig(), YEAR).select([identifier])
    return feature


def _ours(series: BarSeries, feature: Feature, runs: int) -> float:
    """CPU seconds for one full window, from all of the panel's."""
    function = cast(WindowFunction, feature.function)
    end = np.arange(len(series), dtype=np.int64)
    end = end[end - series.first >= feature.window - 1]
    start = end - feature.window + 1
    function(series, start[:256], end[:256], feature.parameters)
    return least_cpu(lambda: function(series, start, end, feature.parameters), runs) / len(end)


def _windows(series: BarSeries, length: int, count: int) -> list[FloatArray]:
    """Returns of ``count`` full windows, spread over the panel."""
    end = np.arange(len(series), dtype=np.int64)
    end = end[end - series.first >= length - 1]
    return [series.returns[e - length + 2 : e + 1] for e in end[:: max(len(end) // count, 1)][:count]]
