"""Evidence for the L2 rules that recompute values: invariance to the future, and drift with a longer history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import Compute, available_bars
from quant_assets.features.matrix_range import BoolArray
from quant_assets.features.probes import FUTURES, build_probes
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray

RTOL = 1e-12
# Bars fabricated at a time: bounds memory at about 80 MB whatever the range.
_BARS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class PrefixEvidence:
    """Recomputed values (rows, features, futures) of the sampled bars, and where they differ from the stored ones."""

    rows: IntArray
    recomputed: FloatArray
    differs: BoolArray


@dataclass(frozen=True, eq=False)
class Drift:
    """How far a feature's values at ``rows`` (of ``days``) moved: relative, or as a share of the scale for ratings."""

    rows: IntArray
    days: IntArray
    moved: FloatArray


def sample_rows(series: BarSeries, rows: IntArray, start: IntArray, window: int, config: FeaturesConfig) -> IntArray:
    """Positions in ``rows`` to probe, drawn with seeds made of the days; ``rows`` is ordered by day.

    ``prefix_symbols`` for each day, fewer where that would be more than ``prefix_rows`` in all; where there are more
    days than that, one for each of ``prefix_rows`` days, the last one included. About two thirds of a day's sample come
    from symbols whose windows are full.
    """
    full = rows - start + 1 >= window
    days, begin = np.unique(series.day[rows], return_index=True)
    ends = np.append(begin, len(rows))[1:]
    wanted = max(min(config.prefix_symbols, config.prefix_rows // max(len(days), 1)), 1)
    chosen = []
    for place in _sampled_days(days, config.prefix_rows):
        low, high = begin[place], ends[place]
        order = low + np.random.default_rng(int(days[place]) & 0x7FFFFFFF).permutation(high - low)
        ready = order[full[order]][: -(-2 * wanted // 3)]
        rest = order[~np.isin(order, ready)]
        chosen.append(np.sort(np.concatenate([ready, rest])[:wanted]))
    return np.concatenate(chosen).astype(np.int64) if chosen else np.empty(0, dtype=np.int64)


def _sampled_days(days: IntArray, most: int) -> IntArray:
    """Places of at most ``most`` of the days, the last one among them."""
    if len(days) <= most:
        return np.arange(len(days))
    drawn = np.random.default_rng(int(days[-1]) & 0x7FFFFFFF).permutation(len(days) - 1)[: most - 1]
    return np.append(np.sort(drawn), len(days) - 1)


def prefix_evidence(
    series: BarSeries,
    rows: IntArray,
    start: IntArray,
    stored: FloatArray,
    features: Sequence[Feature],
    config: FeaturesConfig,
    compute: Compute,
) -> PrefixEvidence:
    """Recompute ``stored`` (rows, features) from each row's past alone, under the three futures."""
    longest = int((rows - start + 1).max(initial=1)) + config.prefix_future_bars
    step = max(_BARS_AT_ONCE // (len(FUTURES) * longest), 1)
    parts = [np.empty((0, len(features), len(FUTURES)))]
    for low in range(0, len(rows), step):
        some = slice(low, low + step)
        seed = int(series.day[rows[some][0]]) & 0x7FFFFFFF
        probes = build_probes(series, rows[some], start[some], config.prefix_future_bars, seed)
        values = compute(probes.series, probes.rows.ravel(), features)
        parts.append(np.stack([values[f.id].reshape(probes.rows.shape) for f in features], axis=1))
    recomputed = np.concatenate(parts)
    return PrefixEvidence(rows, recomputed, _differs(recomputed, stored[:, :, None]))


def warmup_drift(
    series: BarSeries, rows: IntArray, features: Sequence[Feature], config: FeaturesConfig, compute: Compute
) -> Mapping[str, Drift]:
    """For each feature with a declared drift, how far its values at ``rows`` move on ``warmup_multiple`` windows.

    Only rows that have that much history count; a feature without such a row is absent.
    """
    found: dict[str, Drift] = {}
    drifting = [f for f in features if f.drift > 0]
    for shape in sorted({f.shape for f in drifting}):
        alike = [f for f in drifting if f.shape == shape]
        longer = [_longer(f, config.warmup_multiple) for f in alike]
        enough = rows[available_bars(series, rows, longer[0]) >= longer[0].window]
        if not len(enough):
            continue
        near, far = compute(series, enough, alike), compute(series, enough, longer)
        for feature in alike:
            a, b = near[feature.id], far[feature.id]
            size = feature.upper - feature.lower if "rating" in feature.tags else _magnitude(series, enough, feature, b)
            found[feature.id] = Drift(enough, series.day[enough], np.abs(a - b) / size)
    return found


def _longer(feature: Feature, multiple: int) -> Feature:
    """The feature on a history so many times as long."""
    window = feature.window * multiple
    return replace(feature, window=window, min_bars=window, span_days=feature.span_days * multiple)


def _magnitude(series: BarSeries, rows: IntArray, feature: Feature, values: FloatArray) -> FloatArray:
    """What a difference is relative to: itself, or the price for a value in quote currency, which may be near zero."""
    if feature.unit == "quote currency":
        return series.close[rows]
    return np.maximum(np.abs(values), 1e-2)


def _differs(a: FloatArray, b: FloatArray) -> BoolArray:
    """Where two arrays differ by more than RTOL; NaN equals only NaN, an infinity only itself."""
    a, b = np.broadcast_arrays(a, b)
    with np.errstate(invalid="ignore"):
        close = (a == b) | (np.abs(a - b) <= RTOL * np.maximum(np.abs(a), np.abs(b)))
    close &= np.isfinite(a) | (a == b)
    same: BoolArray = close | (np.isnan(a) & np.isnan(b))
    return ~same
