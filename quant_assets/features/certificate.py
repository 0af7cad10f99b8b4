"""Evidence for the L2 rules that recompute values: invariance to the future, and drift with a longer history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quant_assets.features.across_symbols import RTOL, recomputed_at_dates, roots
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.declaring import ROUNDING
from quant_assets.features.engine import Columns, Compute, available_bars
from quant_assets.features.matrix_range import BoolArray, MatrixRange
from quant_assets.features.probes import FUTURES, Probes, build_probes
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray

DRIFT_SLACK = 1e-9
"""Rounding allowed at a declared drift, relative."""
# Bars fabricated at a time: bounds memory at about 80 MB whatever the range.
_BARS_AT_ONCE = 1_000_000
# A day alone says little about a feature's code: where fewer rows were drawn, bars of the days before are probed too.
_ENOUGH_ROWS, _DAYS_BEFORE = 90, 60


def measured(feature: Feature) -> Feature:
    """``feature``, its drift measured against rounding where it is recursive and declares none; so is a base's."""
    if not feature.memory:
        return feature
    base = measured(feature.base) if feature.base is not None else None
    return replace(feature, drift=max(feature.drift, ROUNDING), base=base)


@dataclass(frozen=True, eq=False)
class PrefixEvidence:
    """Recomputed values (rows, features, futures) of the sampled bars, and where they differ from the stored ones."""

    rows: IntArray
    recomputed: FloatArray
    differs: BoolArray
    alone: Mapping[str, FloatArray]
    """Values at ``rows`` by feature id, bases of cross-sections included: from each row's past, nothing after it."""


@dataclass(frozen=True, eq=False)
class Drift:
    """How far a feature's values moved on longer histories: each at ``rows`` (of ``days``), on ``windows`` windows.

    ``moved`` is relative, or a share of the scale for ratings; infinite where only one of the two has a value, and left
    out where neither has.
    """

    rows: IntArray
    days: IntArray
    windows: IntArray
    moved: FloatArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was computed again on a range: the matrix rows ``at`` that were drawn (rising), of ``days``.

    ``before`` counts, of each feature, the values of bars before the range that changed with later bars, out of
    ``probed_before``: evidence on the code, for its certificate; it says nothing about the values of these days.
    """

    at: IntArray
    days: IntArray
    prefix: PrefixEvidence
    drift: Mapping[str, Drift]
    before: IntArray
    probed_before: int


def gather_evidence(data: MatrixRange, compute: Compute) -> Evidence:
    """Values of sampled rows of the matrix under other futures and on longer histories, for the whole range at once."""
    located = np.flatnonzero(data.rows >= 0)
    start = np.minimum.reduce(list(data.first_read.values()))
    window = max(f.window for f in data.features)
    picked = sample_rows(data.series, data.rows[located], start, window, data.config)
    at, start = located[picked], start[picked]
    rows = data.rows[at]
    prefix = prefix_evidence(data.series, rows, start, data.values[at], data.features, data.config, compute)
    drift = warmup_drift(data.series, rows, prefix.alone, data.features, data.config, compute)
    before, probed = _changed_before(data, _ENOUGH_ROWS - len(rows), compute)
    return Evidence(at, data.series.day[rows], prefix, drift, before, probed)


def _changed_before(data: MatrixRange, most: int, compute: Compute) -> tuple[IntArray, int]:
    """How many values of each feature changed with later bars on bars of the days before; and how many were probed.

    At most ``most`` bars are. A cross-section is judged by its base.
    """
    first, own = int(data.days[0]), roots(data.features)
    near = np.flatnonzero((data.series.day < first) & (data.series.day >= first - _DAYS_BEFORE))
    drawn = np.random.default_rng(first & 0x7FFFFFFF).permutation(len(near))[: max(most, 0)]
    rows = np.sort(near[drawn])
    if not len(rows):
        return np.zeros(len(data.features), dtype=np.int64), 0
    start = np.minimum.reduce([f.start_of(data.series, rows) for f in own])
    under = _under_futures(data.series, rows, start, own, data.config, compute)
    changed = _differs(under, under[:, :, :1]).sum(axis=(1, 2))
    of = {f.id: int(n) for f, n in zip(own, changed, strict=True)}
    return np.array([of[f.root.id] for f in data.features], dtype=np.int64), len(rows) * (len(FUTURES) - 1)


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
        ready = full[order] & (np.cumsum(full[order]) <= -(-2 * wanted // 3))
        chosen.append(np.sort(np.concatenate([order[ready], order[~ready]])[:wanted]))
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
    """Recompute ``stored`` (rows, features) from each row's past alone, under the three futures.

    A cross-section is recomputed from the whole day, its base at the row from the past alone; it differs too where that
    base does, stored as a column or not.
    """
    own = roots(features)
    under = dict(zip((f.id for f in own), _under_futures(series, rows, start, own, config, compute), strict=True))
    recomputed = np.empty((len(rows), len(features), len(FUTURES)))
    leaks = np.zeros(recomputed.shape, dtype=np.bool_)
    for k, feature in enumerate(features):
        recomputed[:, k] = under[feature.root.id]
        if feature.base is not None:
            found = recomputed_at_dates(series, rows, feature, under[feature.root.id], compute)
            recomputed[:, k], leaks[:, k] = found
    alone = {name: values[:, FUTURES.index("cut")] for name, values in under.items()}
    return PrefixEvidence(rows, recomputed, leaks | _differs(recomputed, stored[:, :, None]), alone)


def _under_futures(
    series: BarSeries,
    rows: IntArray,
    start: IntArray,
    features: Sequence[Feature],
    config: FeaturesConfig,
    compute: Compute,
) -> FloatArray:
    """Values (features, rows, futures) from each row's past alone, under the three futures."""
    longest = int((rows - start + 1).max(initial=1)) + config.prefix_future_bars
    step = max(_BARS_AT_ONCE // (len(FUTURES) * longest), 1)
    parts = [np.empty((len(features), 0, len(FUTURES)))]
    for low in range(0, len(rows), step):
        some = slice(low, low + step)
        seed = int(series.day[rows[some][0]]) & 0x7FFFFFFF
        probes = build_probes(series, rows[some], start[some], config.prefix_future_bars, seed)
        values = _at_probes(probes, features, compute)
        parts.append(np.stack([values[f.id].reshape(probes.rows.shape) for f in features]))
    return np.concatenate(parts, axis=1)


def _at_probes(probes: Probes, features: Sequence[Feature], compute: Compute) -> Columns:
    """Values at the probed rows, each feature having been shown the bars after them."""
    rows = probes.rows.ravel()
    found: Columns = {}
    if windowed := [f for f in features if not f.memory]:
        found |= compute(probes.series, rows, windowed)
    if recursive := [f for f in features if f.memory]:
        onward = probes.onward(f.span_days for f in recursive)
        at = np.searchsorted(onward, rows)
        found |= {name: values[at] for name, values in compute(probes.series, onward, recursive).items()}
    return found


def warmup_drift(
    series: BarSeries,
    rows: IntArray,
    alone: Mapping[str, FloatArray],
    features: Sequence[Feature],
    config: FeaturesConfig,
    compute: Compute,
) -> Mapping[str, Drift]:
    """For each feature with a declared drift, how far its values at ``rows`` move on each of ``warmup_multiples``.

    ``alone`` are the values of the declared window.

    Only rows that have that much history count; a feature without such a row is absent. A cross-section has the drift
    of its base.
    """
    found: dict[str, Drift] = {}
    drifting = [f for f in roots(features) if f.drift > 0]
    for history in sorted({(f.shape, f.window) for f in drifting}):
        alike = [f for f in drifting if (f.shape, f.window) == history]
        found |= _drifts_of(series, rows, alone, alike, config.warmup_multiples, compute)
    return {f.id: found[f.root.id] for f in features if f.root.id in found}


def _drifts_of(
    series: BarSeries,
    rows: IntArray,
    alone: Mapping[str, FloatArray],
    alike: Sequence[Feature],
    multiples: Sequence[int],
    compute: Compute,
) -> dict[str, Drift]:
    """Drift of features of one shape and window on each of ``multiples``; empty where no row has such a history."""
    parts: dict[str, list[Drift]] = {}
    for multiple in multiples:
        longer = [_longer(f, multiple) for f in alike]
        has = available_bars(series, rows, longer[0]) >= longer[0].window
        if not has.any():
            continue
        at = rows[has]
        far = compute(series, at, longer)
        for feature in alike:
            a, b = alone[feature.id][has], far[feature.id]
            rating = "rating" in feature.tags
            size = feature.upper - feature.lower if rating else _magnitude(series, at, feature, b)
            moved = np.where(np.isnan(a) == np.isnan(b), np.abs(a - b) / size, np.inf)
            known = ~np.isnan(moved)
            windows = np.full(int(known.sum()), multiple, dtype=np.int64)
            parts.setdefault(feature.id, []).append(Drift(at[known], series.day[at[known]], windows, moved[known]))
    return {name: joined(some) for name, some in parts.items()}


def joined(parts: Sequence[Drift]) -> Drift:
    """All measurements, one part after the other."""
    none = np.empty(0, dtype=np.int64)
    return Drift(
        np.concatenate([none, *(p.rows for p in parts)]),
        np.concatenate([none, *(p.days for p in parts)]),
        np.concatenate([none, *(p.windows for p in parts)]),
        np.concatenate([np.empty(0), *(p.moved for p in parts)]),
    )


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
