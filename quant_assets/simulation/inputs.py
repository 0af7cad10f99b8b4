"""Validated inputs of a simulation as dense arrays.

Belongs here: column, key, type and value checks of targets, returns and days, and the pivot to arrays with symbols
sorted (so the order of rows or symbols can never change a result). Does not belong here: the simulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.simulation.book import BookState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]
DayList = pd.DatetimeIndex | Sequence[date] | Sequence[pd.Timestamp]

TARGET_COLUMNS = ("date", "symbol", "weight")
RETURN_COLUMNS = ("date", "symbol", "return")
FLAG_COLUMN = "flag"


@dataclass(frozen=True)
class Panel:
    """Inputs of one simulated window: T days, N symbols (sorted), K rebalances.

    ``targets`` (K, N) are the weights of each rebalance, ``rebalance`` (T,) is the row of ``targets`` traded at the
    start of that day or -1. ``returns`` (T, N) is NaN without a return; ``broken`` (T, N) marks rows whose return is
    NaN: the price before that day and the price after it do not belong to one holding.
    """

    days: Days
    symbols: tuple[str, ...]
    targets: Floats
    rebalance: Integers
    returns: Floats
    broken: Flags


def build_panel(
    targets: pd.DataFrame, returns: pd.DataFrame, opening: BookState, days: DayList, *, new_book: bool
) -> Panel:
    """Check all inputs and arrange them as arrays over the symbols that are targeted or held.

    Raises ``UsageError`` for wrong columns, types, keys or values and ``EmptyResult`` when there is no day, nothing
    to hold, or not a single return for what is to be held.
    """
    day_array = _window_days(days)
    require_columns(targets, TARGET_COLUMNS, "targets")
    require_columns(returns, RETURN_COLUMNS, "returns", optional=(FLAG_COLUMN,))
    if new_book and targets.empty:
        raise EmptyResult(
            f"targets are empty for {_span(day_array)} and there is no opening book: nothing to simulate; "
            "give at least one date of weights (weight 0.0 means cash) or the closing state of the window before"
        )
    target_days, target_symbols = _keys(targets, "targets")
    symbols = tuple(sorted(set(target_symbols.tolist()) | set(opening.positions)))
    weights, rebalance = _target_arrays(targets, target_days, target_symbols, symbols, day_array)
    values, broken = _return_arrays(returns, symbols, day_array)
    exposed = bool(opening.positions) or bool(np.any(weights != 0.0))
    if exposed and opening.status == "active" and not np.isfinite(values).any():
        raise EmptyResult(
            f"no return for any of {_some(symbols)} in {_span(day_array)}: "
            "materialize the returns of this window first, or check that both frames use the same symbols"
        )
    return Panel(day_array, symbols, weights, rebalance, values, broken)


def require_columns(frame: pd.DataFrame, required: Iterable[str], name: str, *, optional: Iterable[str] = ()) -> None:
    """Raise ``UsageError`` unless the frame has exactly the required (and perhaps the optional) columns."""
    columns = list(frame.columns)
    missing = [column for column in required if column not in columns]
    unknown = [column for column in columns if column not in {*required, *optional}]
    if missing or unknown or len(set(columns)) != len(columns):
        raise UsageError(
            f"{name}: columns are {columns}, expected {list(required)}"
            + (f" and perhaps {list(optional)}" if tuple(optional) else "")
            + f" (missing {missing}, unknown {unknown}): rename or drop columns so that they match"
        )


def require_finite(frame: pd.DataFrame, column: str, name: str, *, allow_nan: bool) -> Floats:
    """The column as floats; text, infinity and (unless allowed) NaN are a ``UsageError`` naming the first row."""
    try:
        values = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: column {column!r} is not numeric ({error}); give plain numbers") from error
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if bad.any():
        row = frame.iloc[int(np.argmax(bad))]
        raise UsageError(
            f"{name}: {int(bad.sum())} values of {column!r} are not finite, first {row['symbol']} on {row['date']}: "
            "remove or repair these rows"
        )
    return values


def day_values(column: pd.Series[pd.Timestamp], name: str) -> Days:
    """The column as ``datetime64[us]`` midnights; anything else is a ``UsageError``."""
    if not pd.api.types.is_datetime64_dtype(column.dtype):
        raise UsageError(
            f"{name}: column 'date' has type {column.dtype}; expected timezone-naive datetime64 (UTC days)"
        )
    values: Days = column.to_numpy().astype("datetime64[us]")
    _require_midnights(values, name)
    return values


def _require_midnights(values: Days, name: str) -> None:
    bad = np.isnat(values) | (values != values.astype("datetime64[D]"))
    if bad.any():
        raise UsageError(
            f"{name}: {int(bad.sum())} dates are not UTC midnights, first {values[int(np.argmax(bad))]}; "
            "normalise them to days"
        )


def _window_days(days: DayList) -> Days:
    values: Days = pd.DatetimeIndex(list(days)).to_numpy().astype("datetime64[us]")
    if values.size == 0:
        raise EmptyResult("no days to simulate: give the days of the window (for a week Monday to Sunday)")
    _require_midnights(values, "days")
    if np.any(values[1:] <= values[:-1]):
        raise UsageError("days: must be strictly increasing without duplicates; sort them and drop duplicates")
    return values


def _keys(frame: pd.DataFrame, name: str) -> tuple[Days, npt.NDArray[np.object_]]:
    symbols = frame["symbol"].to_numpy(dtype=object)
    if not all(isinstance(symbol, str) and symbol for symbol in symbols):
        raise UsageError(f"{name}: column 'symbol' holds empty or non-text values; give every row a symbol")
    return day_values(frame["date"], name), symbols


def _require_unique(day_index: Integers, symbol_index: Integers, frame: pd.DataFrame, name: str) -> None:
    key = day_index * (int(symbol_index.max(initial=0)) + 1) + symbol_index
    if np.unique(key).size != key.size:
        repeated = pd.Series(key).duplicated().to_numpy()
        row = frame.iloc[int(np.argmax(repeated))]
        raise UsageError(
            f"{name}: {int(repeated.sum())} duplicate (date, symbol) keys, first {row['symbol']} on {row['date']}: "
            "keep one row per date and symbol"
        )


def _target_arrays(
    targets: pd.DataFrame, days: Days, names: npt.NDArray[np.object_], symbols: tuple[str, ...], window: Days
) -> tuple[Floats, Integers]:
    values = require_finite(targets, "weight", "targets", allow_nan=False)
    outside = ~np.isin(days, window)
    if outside.any():
        raise UsageError(
            f"targets: {np.unique(days[outside]).size} dates are not days of the window {_span(window)}, "
            f"first {days[outside].min().astype('datetime64[D]')}: give the targets of this window only"
        )
    traded_days = np.unique(days)
    day_index = np.searchsorted(traded_days, days).astype(np.int64)
    symbol_index = pd.Index(symbols, dtype=object).get_indexer(pd.Index(names, dtype=object)).astype(np.int64)
    _require_unique(day_index, symbol_index, targets, "targets")
    weights = np.zeros((traded_days.size, len(symbols)))
    weights[day_index, symbol_index] = values
    rebalance = np.full(window.size, -1, dtype=np.int64)
    rebalance[np.searchsorted(window, traded_days)] = np.arange(traded_days.size)
    return weights, rebalance


def _return_arrays(returns: pd.DataFrame, symbols: tuple[str, ...], window: Days) -> tuple[Floats, Flags]:
    days = day_values(returns["date"], "returns")
    row_index = pd.Index(window).get_indexer(pd.Index(days)).astype(np.int64)
    column = pd.Index(symbols, dtype=object).get_indexer(pd.Index(returns["symbol"], dtype=object)).astype(np.int64)
    used = np.flatnonzero((row_index >= 0) & (column >= 0))
    inside, column, row_index = returns.iloc[used], column[used], row_index[used]
    values = require_finite(inside, "return", "returns", allow_nan=True)
    if np.any(values < -1.0):
        row = inside.iloc[int(np.argmax(values < -1.0))]
        raise UsageError(
            f"returns: {row['symbol']} on {row['date']} returned {row['return']}, below -100 %: "
            "simple returns of a positive price cannot do that; repair the bars"
        )
    _require_unique(row_index, column, inside, "returns")
    matrix = np.full((window.size, len(symbols)), np.nan)
    matrix[row_index, column] = values
    broken = np.zeros(matrix.shape, dtype=bool)
    broken[row_index, column] = np.isnan(values)
    return matrix, broken


def _span(days: Days) -> str:
    return f"{days[0].astype('datetime64[D]')}..{days[-1].astype('datetime64[D]')}"


def _some(symbols: tuple[str, ...]) -> str:
    return ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")
