"""Daily bars as an exchange tells them, turned into arrays: units of time, shape of the rows.

For Binance the raw kline is read, because ccxt's common candle drops quote volume and trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import QuantError

DAY_MS = 86_400_000
VALUE_COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
# An epoch of 1990..2100 is about 1e9..4e9 in seconds; each finer unit is a thousand times larger.
_MS_RANGE = (6e11, 5e12)
_UNITS = (1e-3, 1.0, 1e3, 1e6)
"""How many of each unit (seconds, milli-, micro-, nanoseconds) one millisecond holds."""
_KLINE_VALUES = (1, 2, 3, 4, 5, 7, 8)


@dataclass(frozen=True)
class BarBlock:
    """Bars of one symbol: `open_ms` (n) is the first millisecond of each, `values` (n x 7) are `VALUE_COLUMNS`.

    Values are as told, NaN where the exchange does not tell; rows are in the order received.
    """

    open_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.open_ms)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> BarBlock:
        """Return the chosen rows (a mask or positions)."""
        return BarBlock(self.open_ms[chosen], self.values[chosen])


class UnusableBars(QuantError):
    """The exchange answered, but not with daily UTC bars; the message is the reason for the fetch report."""


class MalformedAnswer(QuantError):
    """An answer that is not JSON: cut, or a page of something in between. Worth asking again."""


class MalformedRows(QuantError):
    """JSON, but not what was asked for: another object, rows of another shape. Worth asking again."""


def empty_block() -> BarBlock:
    """Return no bars."""
    return BarBlock(np.empty(0, dtype=np.int64), np.empty((0, len(VALUE_COLUMNS))))


def joined(blocks: Sequence[BarBlock]) -> BarBlock:
    """Return all rows, one block after the other."""
    if not blocks:
        return empty_block()
    return BarBlock(np.concatenate([b.open_ms for b in blocks]), np.concatenate([b.values for b in blocks]))


def epoch_to_ms(value: float) -> int:
    """Return an epoch in seconds, milli-, micro- or nanoseconds as milliseconds, judged by its size."""
    return int(epochs_to_ms(np.array([value], dtype=np.float64))[0])


def epochs_to_ms(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return epochs, each of the unit that puts it into 1990..2100, as milliseconds; UnusableBars if none does."""
    found = np.full(len(values), -1, dtype=np.int64)
    for unit in _UNITS:
        milliseconds = values / unit
        fits = (milliseconds >= _MS_RANGE[0]) & (milliseconds < _MS_RANGE[1])
        found[fits] = np.floor(milliseconds[fits]).astype(np.int64)
    if (found < 0).any():
        raise UnusableBars(f"open time {values[found < 0][0]!r} is no epoch of 1990..2100 in any unit")
    return found


def block_of_klines(rows: object) -> BarBlock:
    """Return Binance klines [open time, o, h, l, c, volume, close time, quote volume, trades, ...] as a block."""
    return _block(rows, least=9, chosen=_KLINE_VALUES)


def block_of_candles(rows: object) -> BarBlock:
    """Return ccxt's common candles [time, o, h, l, c, volume] as a block; quote volume and trades are unknown (NaN)."""
    return _block(rows, least=6, chosen=(1, 2, 3, 4, 5))


def _block(rows: object, least: int, chosen: tuple[int, ...]) -> BarBlock:
    if not isinstance(rows, list):
        raise MalformedRows(f"expected a list of bars, got {str(rows)[:80]!r}")
    if not rows:
        return empty_block()
    if set(map(type, rows)) != {list} or min(map(len, rows)) < least:
        odd = next(row for row in rows if not isinstance(row, list) or len(row) < least)
        raise MalformedRows(f"a bar needs at least {least} fields, got {str(odd)[:80]}")
    columns = list(zip(*rows, strict=False))
    values = np.full((len(rows), len(VALUE_COLUMNS)), np.nan)
    for position, source in enumerate(chosen):
        values[:, position] = _numbers(columns[source])
    return BarBlock(epochs_to_ms(_numbers(columns[0])), values)


def _numbers(column: tuple[Any, ...]) -> NDArray[np.float64]:
    """Return floats; null is NaN (for the contracts to find), anything else that is no number is refused."""
    try:
        numbers = np.array(column, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    return numbers if numbers.ndim == 1 else np.array([_number(value) for value in column])


def _number(value: object) -> float:
    if value is None:
        return float("nan")
    try:
        return float(str(value))
    except ValueError as error:
        raise MalformedRows(f"a field of a bar is no number: {str(value)[:80]!r}") from error
