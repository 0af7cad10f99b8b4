"""Fabricated histories for the look-ahead check: the same past under three futures.

For each probed bar: its past cut there, the past followed by bars that never happened, and the past followed by the
real later bars out of order. Each is a life of its own in one bar series, so one call checks a whole range.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quant_assets.features.series import BarSeries, FloatArray, IntArray

FUTURES = ("cut", "altered", "shuffled")


@dataclass(frozen=True, eq=False)
class Probes:
    """``series`` of fabricated lives; ``rows[k, v]`` is the probed bar ``k`` under future ``FUTURES[v]``."""

    series: BarSeries
    rows: IntArray

    def onward(self, blocks: Iterable[int]) -> IntArray:
        """The probed rows, and the last bars that recursions over ``blocks`` of days may be shown along with them.

        A recursion is shown the bars of its block up to the last row that is asked for: here to the block's end, or to
        that of the fabricated bars, which stand on consecutive days.
        """
        probed, day = self.rows.ravel(), self.series.day
        after = np.append(self.series.first[probed][1:], len(self.series)) - 1 - probed
        ends = [probed + np.minimum(after, block - 1 - day[probed] % block) for block in sorted(set(blocks))]
        return np.unique(np.concatenate([probed, *ends]))


def build_probes(series: BarSeries, rows: IntArray, start: IntArray, future: int, seed: int) -> Probes:
    """Past ``start[k] .. rows[k]`` of each probed row, under the three futures of ``future`` bars (cut: none)."""
    rng = np.random.default_rng(seed)
    past = rows - start + 1
    extra = np.array([0, future, future])
    length = (past[:, None] + extra).ravel()
    offset = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64).reshape(len(rows), len(FUTURES))
    source = np.empty(int(length.sum()), dtype=np.int64)
    within = np.arange(past.sum()) - np.repeat(np.cumsum(past) - past, past)
    for v in range(len(FUTURES)):
        source[np.repeat(offset[:, v], past) + within] = np.repeat(start, past) + within
    ahead = (offset + past[:, None])[:, 1:, None] + np.arange(future)
    source[ahead[:, 0]] = rows[:, None] - rng.integers(0, past[:, None], (len(rows), future))
    source[ahead[:, 1]] = _shuffled_later(series, rows, future, rng)
    scale = np.ones((2, len(source)))
    scale[0, ahead[:, 0]] = rng.lognormal(0.0, 0.5, (len(rows), future))
    scale[1, ahead[:, 0]] = rng.lognormal(0.0, 1.0, (len(rows), future))
    origin = np.repeat(rows, len(FUTURES))
    code = np.repeat(np.arange(len(length)), length)
    position = np.arange(len(source)) - np.repeat(offset.ravel(), length)
    beyond = position - np.repeat(past.repeat(len(FUTURES)) - 1, length)
    day = np.where(beyond > 0, np.repeat(series.day[origin], length) + beyond, series.day[source])
    names = tuple(f"{series.symbols[series.code[r]]}#{FUTURES[i % len(FUTURES)]}{i}" for i, r in enumerate(origin))
    first = np.repeat(offset.ravel(), length)
    return Probes(_gathered(series, source, scale, names, code, day, first), offset + past[:, None] - 1)


def _shuffled_later(series: BarSeries, rows: IntArray, future: int, rng: np.random.Generator) -> IntArray:
    """Rows (k, future) of the real later bars of the same life in random order; earlier bars where there are none."""
    later = np.minimum(series.last[rows] - rows, future)
    order = rng.permuted(np.tile(np.arange(future), (len(rows), 1)), axis=1)
    real = rows[:, None] + 1 + order % np.maximum(later, 1)[:, None]
    past = rows - series.first[rows]
    own = (rows - np.minimum(past, 1))[:, None] - order % np.maximum(past, 1)[:, None]
    chosen: IntArray = np.where(later[:, None] > 0, real, own).astype(np.int64)
    return chosen


def _gathered(
    series: BarSeries,
    source: IntArray,
    scale: FloatArray,
    names: tuple[str, ...],
    code: IntArray,
    day: IntArray,
    first: IntArray,
) -> BarSeries:
    """Series of the ``source`` bars under new identities; prices times ``scale[0]``, volumes times ``scale[1]``."""
    prices = (getattr(series, name)[source] * scale[0] for name in ("open", "high", "low", "close"))
    volumes = (getattr(series, name)[source] * scale[1] for name in ("volume", "quote_value"))
    codes, days, starts = (part.astype(np.int64) for part in (code, day, first))
    opened, high, low, close = prices
    volume, value = volumes
    life = series.life_start[source]
    return BarSeries(names, codes, days, starts, opened, high, low, close, volume, value, life)
