"""Accepted bars of each life in time order, history included: what rules with a trailing window look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from quant_assets.market.identity import Lives
from quant_assets.market.table import BarTable, Bools, Floats, Ints, day_numbers, order_by_code

_SPAN = 1 << 32
"""Larger than any ordinal, so that (group, ordinal) packs into one integer."""


@dataclass(frozen=True)
class Sequence:
    """Accepted bars sorted by (symbol, life, time). `row` is the row of the table, -1 for a bar of the history.

    `ordinal` counts open days, `life` is the ordinal of the first day of the bar's life, `group` numbers the lives.
    `close` and `volume` are adjusted for mapped re-denominations; `flat` means high = low.
    """

    row: Ints
    group: Ints
    ordinal: Ints
    life: Ints
    close: Floats
    volume: Floats
    flat: Bools

    @property
    def current(self) -> Ints:
        """Positions of the bars that belong to the table."""
        return np.flatnonzero(self.row >= 0)

    def first_from(self, positions: Ints, ordinals: Ints) -> Ints:
        """Return the first position of each bar's own life at or after the given ordinal."""
        low = np.maximum(ordinals, self.life[positions])
        guess = np.maximum(positions - (self.ordinal[positions] - low), 0)
        hit = (self.group[guess] == self.group[positions]) & (self.ordinal[guess] == low)
        out = guess
        if not hit.all():
            key = self.group * _SPAN + self.ordinal
            miss = ~hit
            out[miss] = np.searchsorted(key, self.group[positions[miss]] * _SPAN + low[miss])
        return np.asarray(out, dtype=np.int64)


def line_up(table: BarTable, accepted: Bools, lives: Lives, history: pd.DataFrame, window: int) -> Sequence:
    """Return the accepted rows of the table after the bars of the history that a window of `window` days can reach."""
    calendar = table.calendar
    codes = pd.Index(table.names).get_indexer(pd.Index(history["symbol"]))
    days = day_numbers(history["date"])
    reach = calendar.ordinal(days) >= calendar.ordinal(calendar.days[:1])[0] - window - 1
    past = np.flatnonzero((codes >= 0) & reach)
    past = past[np.argsort(days[past], kind="stable")]
    rows = np.flatnonzero(accepted)
    old = history.iloc[past]

    def joined(name: str) -> Floats:
        return np.concatenate([old[name].to_numpy(dtype=np.float64), table.numbers[name][rows]])

    code = np.concatenate([codes[past], table.codes[rows]])
    ordinal = calendar.ordinal(np.concatenate([days[past], table.day[rows]]))
    life = calendar.ordinal(np.concatenate([day_numbers(old["life_start"]), lives.life[rows]]))
    factor = np.concatenate([old["adj_factor"].to_numpy(dtype=np.float64), lives.factor[rows]])
    row = np.concatenate([np.full(len(past), -1, dtype=np.int64), rows])
    order = order_by_code(code)  # both parts are in time order, and the history comes first
    code, life = code[order], life[order]
    fresh = (np.diff(code, prepend=-1) != 0) | (np.diff(life, prepend=-1) != 0)
    close, volume = joined("close") * factor, joined("volume") / factor
    flat = joined("high") == joined("low")
    return Sequence(row[order], np.cumsum(fresh), ordinal[order], life, close[order], volume[order], flat[order])


def trailing(values: Floats, first: Ints, end: Ints, width: int) -> Floats:
    """Return a row of `values[first:end]` for each pair, right-aligned in `width` columns, NaN before it.

    Shapes: first and end (n), result (n, width). A longer slice than `width` is cut at its start.
    """
    padded = np.concatenate([np.full(width, np.nan), values])
    windows = sliding_window_view(padded, width)[end]
    short = np.flatnonzero(end - first < width)
    before = np.arange(width) < (width - end + first)[short, None]
    windows[short] = np.where(before, np.nan, windows[short])
    return windows


def row_median(windows: Floats) -> tuple[Floats, Ints]:
    """Return the median of the known values of each row (NaN for none) and how many there are.

    Exact: it depends on the row's own values alone.
    """
    counts = (~np.isnan(windows)).sum(axis=1)
    ordered = np.sort(windows, axis=1)
    rows = np.arange(len(windows))
    low, high = np.maximum((counts - 1) // 2, 0), np.minimum(counts // 2, windows.shape[1] - 1)
    return (ordered[rows, low] + ordered[rows, high]) / 2.0, counts.astype(np.int64)


def robust_spread(windows: Floats, centre: Floats) -> NDArray[np.float64]:
    """Return the median absolute deviation of each row from its centre."""
    return row_median(np.abs(windows - centre[:, None]))[0]
