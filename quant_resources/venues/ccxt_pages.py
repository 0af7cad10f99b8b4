"""The walk through the pages of one symbol: no page is believed that could hide a loss.

An exchange tells no total. So an empty page ends the walk only when another question, for the newest bar, agrees (or,
where that cannot be asked, when it stays empty); a page with days missing inside is asked a second time, rows of an
earlier page (the start time was ignored) are asked again, and order is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_resources.venues.ccxt_klines import DAY_MS, BarBlock, UnusableBars, joined

Fetch = Callable[[int], BarBlock]
"""Return the bars from a first millisecond on."""
Newest = Callable[[], BarBlock]
"""Return the newest bar up to the end of the range, asked without a start time."""


@dataclass(frozen=True)
class Walked:
    """All bars of a symbol in the range, oldest first, as received except for exact repetitions.

    ``received = len(block) + repeated + unclosed``. A day told twice with different values stays twice, for the
    contracts to judge. `reached` is whether the last day asked for came.
    """

    block: BarBlock
    received: int
    repeated: int
    unclosed: int
    reached: bool


@dataclass(frozen=True)
class Patience:
    """How often an answer is doubted: `empty` unconfirmed ones are believed, `stale` wrong ones are an error."""

    empty: int
    stale: int


def walk_pages(
    fetch: Fetch, first_ms: int, last_ms: int, closed_ms: int, patience: Patience, newest_bar: Newest | None = None
) -> Walked:
    """Return the bars that open at `first_ms`..`last_ms`; one that opens after `closed_ms` is counted and dropped.

    `fetch(cursor)` may cap its pages as it likes. Raises UnusableBars when bars do not open at 00:00 UTC or when the
    exchange keeps ignoring the start time or keeps back what it has; whatever `fetch` raises ends the walk, never a
    shorter answer.
    """
    parts: list[BarBlock] = []
    end = _End(last_ms, patience, newest_bar)
    cursor = first_ms
    while cursor <= last_ms:
        newest = _page(fetch, cursor, cursor > first_ms, end, parts)
        if newest is None:
            break
        cursor = newest + DAY_MS
    return _gathered(parts, first_ms, last_ms, closed_ms)


@dataclass(frozen=True)
class _End:
    """How the end of a walk is recognised."""

    last_ms: int
    patience: Patience
    newest_bar: Newest | None

    def is_confirmed(self, cursor: int, empty: int) -> bool:
        """Whether nothing lies from `cursor` on, after `empty` empty answers; UnusableBars if that stays denied."""
        told = self.newest_bar().open_ms if self.newest_bar is not None else np.empty(0, dtype=np.int64)
        within = told[told <= self.last_ms]
        if len(within) and within.max() >= cursor and empty >= self.patience.stale:
            raise UnusableBars(f"no bars told from {cursor} on, although the newest one is of {within.max()}")
        if len(within) or (self.newest_bar is not None and len(told) == 0):
            return len(within) == 0 or bool(within.max() < cursor)
        return empty >= self.patience.empty


def _page(fetch: Fetch, cursor: int, continued: bool, end: _End, parts: list[BarBlock]) -> int | None:
    """Ask for one page until it can be believed; all rows go to `parts`. Its newest open time, None at the end."""
    empty = stale = 0
    seen: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    doubted = False
    while True:
        block = fetch(cursor)
        _require_utc_days(block)
        parts.append(block)
        fresh = block.open_ms[block.open_ms >= cursor]
        if len(block) == 0 and not doubted:
            empty += 1
            if end.is_confirmed(cursor, empty):
                return None
            continue
        if len(fresh) == 0 and not doubted:
            stale += 1
            if stale >= end.patience.stale:
                raise UnusableBars(
                    f"asked for bars from {cursor}, got bars up to {block.open_ms.max()}: "
                    "the exchange ignores the start time"
                )
            continue
        seen = fresh if len(seen) == 0 and _is_increasing(fresh) else np.union1d(seen, fresh)
        if doubted or not _has_hole(seen, cursor if continued else int(seen[0])):
            return min(int(seen[-1]), end.last_ms)
        doubted = True


def _is_increasing(values: NDArray[np.int64]) -> bool:
    return bool((np.diff(values) > 0).all())


def _without_repetitions(block: BarBlock) -> BarBlock:
    """Return the rows oldest first, without those that repeat an earlier one in every value."""
    ordered = block.take(np.argsort(block.open_ms, kind="stable"))
    rows = pd.DataFrame(ordered.values).assign(open_ms=ordered.open_ms)
    return ordered.take(~rows.duplicated().to_numpy())


def _has_hole(days: NDArray[np.int64], since: int) -> bool:
    return len(days) != (int(days[-1]) - since) // DAY_MS + 1


def _require_utc_days(block: BarBlock) -> None:
    odd = block.open_ms % DAY_MS != 0
    if odd.any():
        raise UnusableBars(f"a daily bar opens at {block.open_ms[odd][0]} ms, which is not 00:00 UTC")


def _gathered(parts: list[BarBlock], first_ms: int, last_ms: int, closed_ms: int) -> Walked:
    block = joined(parts)
    unclosed = int((block.open_ms > closed_ms).sum())
    inside = block.take((block.open_ms >= first_ms) & (block.open_ms <= min(last_ms, closed_ms)))
    kept = inside if _is_increasing(inside.open_ms) else _without_repetitions(inside)
    reached = bool(len(kept)) and int(kept.open_ms[-1]) >= min(last_ms, closed_ms)
    return Walked(kept, len(inside) + unclosed, len(inside) - len(kept), unclosed, reached)
