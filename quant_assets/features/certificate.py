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
    """Positions in ``rows`` to probe: ``prefix_symbols`` for each day, drawn with a seed made of the day.

    ``rows`` is ordered by day. About two thirds of a day's sample come from symbols whose windows are full.
    """
    full = rows - start + 1 >= window
    days, begin = np.unique(series.day[rows], return_index=True)
    ends = np.append(begin, len(rows))[1:]
    wanted, chosen = config.prefix_symbols, []
    for day, low, high in zip(days, begin, ends, strict=True):
        order = low + np.random.default_rng(int(day) & 0x7FFFFFFF).permutation(high - low)
        ready = order[full[order]][: -(-2 * wanted // 3)]
        rest = order[~np.isin(order, ready)]
        chosen.append(np.sort(np.concatenate([ready, rest])[:wanted]))
    return np.concatenate(chosen).astype(np.int64) if chosen else np.empty(0, dtype=np.int64)


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
    for feature in features:
        if feature.drift <= 0:
            continue
        window, span = feature.window * config.warmup_multiple, feature.span_days * config.warmup_multiple
        longer = replace(feature, window=window, min_bars=window, span_days=span)
        enough = rows[available_bars(series, rows, longer) >= window]
        if len(enough):
            near, far = (compute(series, enough, [f])[feature.id] for f in (feature, longer))
            size = feature.upper - feature.lower if "rating" in feature.tags else np.maximum(np.abs(far), 1e-2)
            found[feature.id] = Drift(enough, series.day[enough], np.abs(near - far) / size)
    return found


def _differs(a: FloatArray, b: FloatArray) -> BoolArray:
    """Where two arrays differ by more than RTOL; NaN equals only NaN, an infinity only itself."""
    a, b = np.broadcast_arrays(a, b)
    with np.errstate(invalid="ignore"):
        close = (a == b) | (np.abs(a - b) <= RTOL * np.maximum(np.abs(a), np.abs(b)))
    close &= np.isfinite(a) | (a == b)
    same: BoolArray = close | (np.isnan(a) & np.isnan(b))
    return ~same
