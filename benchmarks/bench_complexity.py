"""Window features on the whole panel, and entropy and rescaled range next to antropy and nolds, window by window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.measure import Measurement, median_of
from benchmarks.panel import accepted_bars
from quant_assets.features import complexity, rolling
from quant_assets.features.series import BarSeries, FloatArray, build_series
from tests.quant_assets.features.other_libraries import part_of

RETURNS = 120
YEAR = {"annualisation": 365.0}
FEATURES: dict[str, tuple[Callable, dict[str, float]]] = {
    "Parkinson": (rolling.parkinson, YEAR),
    "Yang-Zhang": (rolling.yang_zhang, YEAR),
    "downside deviation": (rolling.downside, YEAR),
    "skew, kurtosis": (rolling.shape, {}),
    "CVaR": (rolling.tail, {"share": 0.05}),
    "drawdown": (rolling.drawdown, {}),
    "antifragility": (rolling.antifragility, {"share": 0.05, "full_history": 365.0}),
    "autocorrelation": (rolling.autocorrelation, {"lag": 1}),
    "half-life": (rolling.half_life, {}),
    "variance ratio": (rolling.hurst_variance_ratio, {"horizon": 8}),
    "permutation entropy": (rolling.permutation_entropy, {"order": 3}),
    "R/S": (rolling.hurst_rescaled_range, {}),
    "Haar": (rolling.haar_detail, {"levels": 3}),
    "spectral entropy": (rolling.spectral_entropy, {"size": 64}),
    "value traded": (rolling.value_traded, {}),
    "Amihud": (rolling.amihud, {}),
    "execution cost": (rolling.execution_cost, {"order_value": 1e6, **YEAR}),
    "volume score": (rolling.volume_score, {}),
}
OFFERED = {"unit root (off by default)": (rolling.unit_root, {"lags": 1})}


def measurements() -> Iterator[Measurement]:
    """Each feature on 500 symbols x 5 years with windows of 120 returns, compiled; then the comparisons."""
    series = build_series(accepted_bars())
    end = np.arange(len(series), dtype=np.int64)
    end = end[end - series.first >= RETURNS]
    start = end - RETURNS
    total = 0.0
    for name, (function, parameters) in {**FEATURES, **OFFERED}.items():
        function(series, start[:1000], end[:1000], parameters)
        one = median_of(
            f"window feature: {name}",
            lambda f=function, p=parameters: f(series, start, end, p),
            runs=3,
            note=f"{len(end):,} windows of {RETURNS} returns, one thread",
        )
        total += one.cpu if name in FEATURES else 0.0
        yield one
    yield Measurement(
        "all window features, one core", total, total, 3, 4.0, "sum of the CPU times above, without the last"
    )
    yield from _comparisons(series, start, end)


def _comparisons(series: BarSeries, start: np.ndarray, end: np.ndarray) -> Iterator[Measurement]:
    """One window of ours (whole panel / windows) against one call of the other library on the same definition."""
    antropy, nolds = part_of("antropy", "entropy"), part_of("nolds", "measures")
    lengths = complexity.segment_lengths(RETURNS)

    def rescaled(x: FloatArray) -> float:
        value: float = nolds.hurst_rs(x, nvals=lengths, fit="poly", unbiased=False)
        return value

    pairs = {
        "permutation entropy": (FEATURES["permutation entropy"], lambda x: antropy.perm_entropy(x, 3), "antropy"),
        "R/S Hurst": (FEATURES["R/S"], rescaled, "nolds"),
        "R/S Hurst, the other's own segments": (FEATURES["R/S"], lambda x: nolds.hurst_rs(x, fit="poly"), "nolds"),
        "spectral entropy": (
            FEATURES["spectral entropy"],
            lambda x: antropy.spectral_entropy(x[-64:], 1.0, "fft"),
            "antropy",
        ),
    }
    windows = [series.returns[a + 1 : b + 1] for a, b in zip(start[:2000:10], end[:2000:10], strict=True)]
    for name, ((function, parameters), other, library) in pairs.items():
        ours = _cpu(lambda f=function, p=parameters: f(series, start, end, p), 3) / len(end)
        theirs = _cpu(lambda f=other: [f(x) for x in windows], 3) / len(windows)
        note = f"{library} {theirs * 1e6:.0f} us per window: {theirs / ours:.0f} times ours"
        yield Measurement(f"one window: {name}", ours, ours, 3, theirs / 100.0, note)


def _cpu(work: Callable[[], object], runs: int) -> float:
    """Least CPU time of this thread in seconds: what else the machine does must not flatter either side."""
    best = np.inf
    for _ in range(runs):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return float(best)
