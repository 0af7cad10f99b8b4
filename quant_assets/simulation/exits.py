"""When a holding ends because its market does: the plan of forced exits of every holding window.

A holding window runs from one rebalance to the day before the next (the first starts with the simulated days, the
last ends with them). Within it, a symbol without a return on a day is *halted* while a later return exists, and
*realised at its last bar* when none does. A row whose return is NaN (a new asset under the same ticker, or an
unmatched re-denomination) cuts the window for its symbol: nothing is carried across it. Because the plan never looks
beyond the next rebalance, simulating window by window and simulating all windows at once give the same book.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_assets.simulation.inputs import Flags, Integers, Panel


@dataclass(frozen=True)
class ExitPlan:
    """Two (T, N) arrays of flags.

    ``no_market`` (set on the first day of a holding window): no bar continues the price the symbol is held at, so a
    position is closed at that price at once and an order is not filled. ``last_bar``: the position is closed at the
    end of this day, at its value after the day's return.
    """

    no_market: Flags
    last_bar: Flags


def plan_exits(panel: Panel) -> ExitPlan:
    """Find the forced exits of every symbol in every holding window."""
    no_market = np.zeros(panel.returns.shape, dtype=bool)
    last_bar = np.zeros(panel.returns.shape, dtype=bool)
    traded = np.isfinite(panel.returns)
    starts = np.flatnonzero(panel.rebalance >= 0)
    if starts.size == 0 or starts[0] != 0:
        starts = np.concatenate([[0], starts])
    for start, end in zip(starts, [*starts[1:], panel.days.size], strict=True):
        last = _last_bar(traded[start:end], panel.broken[start:end])
        no_market[start] = last < 0
        ends_early = (last >= 0) & (last < end - start - 1)
        last_bar[start + last[ends_early], np.flatnonzero(ends_early)] = True
    return ExitPlan(no_market, last_bar)


def _last_bar(traded: Flags, broken: Flags) -> Integers:
    """Index of each symbol's last return before the first break of the window, -1 where there is none."""
    usable = traded & ~np.logical_or.accumulate(broken, axis=0)
    from_end = np.argmax(usable[::-1], axis=0)
    return np.where(usable.any(axis=0), len(usable) - 1 - from_end, -1).astype(np.int64)
