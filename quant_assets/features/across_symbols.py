"""Cross-sections of a day: their columns beside those of single symbols, and what L2.PREFIX can say about them.

Every other feature is a function of one symbol's own bars. A rank or score compares all symbols with a bar on the day,
so it is computed after its base is, from the base's whole day, and no other day can enter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from quant_assets.features.cross_section import DateFunction, among_dates
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray

RTOL = 1e-12
"""Relative difference up to which a recomputed value is the same."""
Columns = dict[str, FloatArray]
Engine = Callable[[BarSeries, IntArray, Sequence[Feature]], Columns]


def with_cross_sections(series: BarSeries, rows: IntArray, features: Sequence[Feature], compute: Engine) -> Columns:
    """Columns of ``features`` at ``rows``; ``compute`` gives those of one symbol's own bars.

    A cross-section takes every symbol with a bar on the row's day, whichever rows are asked for.
    """
    own = compute(series, rows, [f for f in features if f.base is None])
    everyone = series.rows_on(np.unique(series.day[rows]))
    place = np.searchsorted(everyone, rows)
    bases = {f.root.id: f.root for f in features if f.base is not None}
    whole = np.array_equal(np.sort(rows), everyone)
    known = {f.id for f in features if whole and bases.get(f.id) == f}
    values = compute(series, everyone, [base for base in bases.values() if base.id not in known])
    for name in known:  # a base that is a column of all these bars anyway is not computed again
        values[name] = np.empty(len(everyone))
        values[name][place] = own[name]
    for feature in (f for f in features if f.base is not None):
        own[feature.id] = _at(feature, series.day[everyone], values[feature.root.id])[place]
    return {f.id: own[f.id] for f in features}


def roots(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """What must be computed from single symbols' bars for ``features``: each once, bases in place of cross-sections."""
    return tuple(({f.root.id: f.root for f in features} | {f.id: f for f in features if f.base is None}).values())


def recomputed_at_dates(
    series: BarSeries, rows: IntArray, feature: Feature, futures: FloatArray, engine: Engine
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """A cross-section at ``rows`` recomputed for L2.PREFIX, and where its base reads later bars: both (rows, futures).

    ``futures`` (rows, futures) are the base's values at ``rows`` recomputed from the symbols' pasts under other
    futures. The base of the other symbols comes from the bars as they are, and each day is evaluated with nothing but
    its own values at hand: a function that mixes days cannot agree. Probing every symbol of the day would make one row
    as costly as the day; its base is probed on the sampled rows like any feature instead.
    """
    everyone = series.rows_on(np.unique(series.day[rows]))
    base = engine(series, everyone, [feature.root])[feature.root.id]
    place = np.searchsorted(everyone, rows)
    changed = ~np.isclose(futures, base[place, None], rtol=RTOL, atol=0.0, equal_nan=True)
    found = np.empty(futures.shape)
    order = np.argsort(series.day[everyone], kind="stable")
    for number in np.unique(series.day[rows]):
        day = order[slice(*np.searchsorted(series.day[everyone], [number, number + 1], sorter=order).tolist())]
        sampled = np.flatnonzero(series.day[rows] == number)
        at = np.searchsorted(day, place[sampled])
        found[sampled] = _at(feature, series.day[everyone[day]], base[day])[at, None]
        for i, v in np.argwhere(changed[sampled]):
            with_future = base[day]
            with_future[at[i]] = futures[sampled[i], v]
            found[sampled[i], v] = _at(feature, series.day[everyone[day]], with_future)[at[i]]
    return found, changed


def _at(feature: Feature, dates: IntArray, values: FloatArray) -> FloatArray:
    return among_dates(cast(DateFunction, feature.function), dates, values)
