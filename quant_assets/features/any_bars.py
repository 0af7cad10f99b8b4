"""Bars of any interval as a series whose rows count bars, so that features can be computed without the platform.

Where the bars lie on a grid, holes or not, ``day`` is the number of the grid step; otherwise (months, say) it is the
running number of the bar of its symbol. Every symbol is one life, and its prices are taken as they are: what looks like
another coin under an old name, a split or a long halt is noted, not mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.features.catalogue import build_registry
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.registry import Feature
from quant_assets.features.series import PRICES, THREADS, BarSeries, FloatArray, IntArray, stable_order, symbol_codes

DAY = 86_400_000_000  # microseconds
YEAR_DAYS, SESSION_YEAR = 365.0, 252.0
WHOLE_HISTORY = 10**7  # "days" of memory: more than any series has rows, less than the key of symbol and day holds
MOST_STEPS = 1 << 23
FULL_GRID, WEEKEND_SHARE = 0.9, 0.05
ENOUGH_BARS = 30
"""A symbol with fewer bars says nothing about its calendar."""
LONG_HOLE, LARGEST_MOVE, PRICE_ROUNDING = 30, 10.0, 1e-12
"""Beyond these a note is told: grid steps without a bar, a factor between two closes, prices that contradict others."""
VOLUME_INPUTS = ("volume", "quote_volume", "quote_value")


@dataclass(frozen=True, eq=False)
class AnyBars:
    """``series`` with the row ``order[i]`` of the frame that row ``i`` came from.

    ``step`` is the grid's in microseconds (0: no grid) and ``annualisation`` the periods in a year that follow
    from it, NaN where nothing follows; ``told`` says how both were found. ``aligned``: whether the same ``day`` of two
    symbols is the same time, and their bars as long. ``notes``: what a reader of the values should know of these bars.
    """

    series: BarSeries
    order: IntArray
    step: int
    annualisation: float
    told: str
    aligned: bool
    notes: tuple[str, ...]


def any_bars(frame: pd.DataFrame, micros: IntArray) -> AnyBars:
    """Series of ``frame`` (symbol, open, high, low, close; volume, quote_volume if known) at ``micros`` since 1970.

    Raises EmptyResult without rows; UsageError for an unnamed symbol, a price or volume that cannot be, or two bars of
    a symbol at one time.
    """
    if frame.empty:
        raise EmptyResult("no bars: the file holds a header and no rows; there is nothing to compute features from")
    numbers = _numbers(frame, micros)
    codes, names = symbol_codes(frame["symbol"])
    if unnamed := int((codes < 0).sum()):
        raise UsageError(f"{unnamed} rows have no symbol; name it in every row, or leave the column out")
    order = _by_symbol_and_time(codes, micros)
    codes, at = codes[order], micros[order]
    _refuse_repeated(names, codes, at)
    same = codes[1:] == codes[:-1]
    steps = np.diff(at)[same]
    new = np.append(True, ~same)
    first = np.maximum.accumulate(np.where(new, np.arange(len(at)), 0)).astype(np.int64)
    step, annualisation, told = _calendar(at, steps, int(new.sum()))
    odd = _unlike_others(names, codes, at, step)
    if odd:
        annualisation, told = np.nan, odd
    fits = step > 0 and (int(at.max()) - int(at.min())) // step < MOST_STEPS
    position = (at - at.min()) // step if fits else np.arange(len(at), dtype=np.int64) - first
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        sorted_numbers = pool.map(lambda values: values.take(order), numbers.values())
        arrays = dict(zip(numbers, sorted_numbers, strict=True))
    series = BarSeries(names, codes, position, first, life_start=position[first], **arrays)
    aligned = len(names) == 1 or (fits and not odd and bool(((at - at.min()) % step == 0).all()))
    regular = step > 0 and not np.isnan(annualisation)
    notes = _notes(series, at, in_order=bool((np.diff(order)[same] > 0).all()), regular=regular)
    return AnyBars(series, order, step, annualisation, told, aligned, notes)


def _by_symbol_and_time(codes: IntArray, micros: IntArray) -> IntArray:
    """Order of the bars by symbol, then time."""
    if (micros[1:] >= micros[:-1]).all():  # one time after the other: the symbols alone decide
        return stable_order(codes)
    return np.lexsort((micros, codes)).astype(np.int64)


def whole_history(feature: Feature) -> Feature:
    """``feature`` from the first bar of each symbol on, as a chart shows it, instead of a bounded memory.

    A recursive one then has a value as soon as its own formula has; a windowed one reads its window of bars. A
    cross-section compares such values.
    """
    base = whole_history(feature.base) if feature.base is not None else None
    return replace(feature, span_days=WHOLE_HISTORY, min_bars=1 if feature.memory else feature.min_bars, base=base)


def annualised_ids(config: FeaturesConfig) -> frozenset[str]:
    """Ids of the features whose values depend on the number of periods in a year."""
    pairs = zip(build_registry(config, YEAR_DAYS), build_registry(config, SESSION_YEAR), strict=True)
    return frozenset(f.id for f, g in pairs if _value_of(f) != _value_of(g))


def needs_volume(feature: Feature) -> bool:
    """Whether a feature reads a bar's volume."""
    return any(name in VOLUME_INPUTS for name in feature.inputs)


def needs_days(feature: Feature) -> bool:
    """Whether a feature counts calendar days, so that only daily bars can give it."""
    return "survival" in feature.tags


def _value_of(feature: Feature) -> tuple[object, ...]:
    return feature.parameters, 0 if feature.memory else feature.window


def _numbers(frame: pd.DataFrame, micros: IntArray) -> dict[str, FloatArray]:
    """Price and volume columns as floats; unknown volumes are NaN."""
    found = {name: frame[name].to_numpy(np.float64) for name in PRICES}
    known = np.logical_and.reduce([np.isfinite(values) for values in found.values()])
    if not known.all():
        unknown = ~known
        raise UsageError(
            f"{int(unknown.sum())} bars have no finite open, high, low and close, first {_bar(frame, micros, unknown)}"
            "; leave such bars out of the file or correct them"
        )
    if (worthless := np.logical_or.reduce([values <= 0 for values in found.values()])).any():
        raise UsageError(
            f"{int(worthless.sum())} bars have a price of zero or less, first {_bar(frame, micros, worthless)}; leave "
            "such bars out of the file or correct them"
        )
    for column, name in (("volume", "volume"), ("quote_volume", "quote_value")):
        values = frame[column].to_numpy(np.float64) if column in frame else np.full(len(frame), np.nan)
        wrong = (values < 0) | np.isinf(values)
        if wrong.any():
            raise UsageError(
                f"{int(wrong.sum())} bars have a negative or infinite {column}, first {_bar(frame, micros, wrong)}"
            )
        found[name] = values
    return found


def _bar(frame: pd.DataFrame, micros: IntArray, where: np.typing.NDArray[np.bool_]) -> str:
    row = int(np.flatnonzero(where)[0])
    return f"{frame['symbol'].iloc[row]} at {_time(int(micros[row]))}"


def _time(micros: int) -> str:
    return str(np.datetime64(micros, "us").astype("datetime64[s]"))


def _length(step: int) -> str:
    """A step in the largest unit that counts it: 30 min, 1 d."""
    units = (("d", DAY), ("h", DAY // 24), ("min", DAY // 1440), ("s", 1_000_000), ("ms", 1_000))
    return next((f"{step // size} {unit}" for unit, size in units if step % size == 0), f"{step} us")


def _refuse_repeated(names: Sequence[str], codes: IntArray, at: IntArray) -> None:
    twice = np.flatnonzero((codes[1:] == codes[:-1]) & (at[1:] == at[:-1]))
    if len(twice):
        row = int(twice[0])
        raise UsageError(
            f"{len(twice)} bars repeat the symbol and time of another, first {names[codes[row]]} at "
            f"{_time(int(at[row]))}; keep one bar for each"
        )


def _unlike_others(names: Sequence[str], codes: IntArray, at: IntArray, step: int) -> str:
    """Why one year does not fit all symbols: other intervals, or weekends with some only; empty where it does."""
    begin = np.flatnonzero(np.diff(codes, prepend=-1))
    count = np.diff(np.append(begin, len(codes)))
    gaps = np.append(np.diff(at), 0)
    gaps[np.append(begin[1:], len(at)) - 1] = np.iinfo(np.int64).max  # no gap between two symbols
    shortest = np.minimum.reduceat(gaps, begin)
    weekends = np.add.reduceat(((at // DAY + 3) % 7 >= 5).astype(np.float64), begin) / count
    told = np.flatnonzero(count >= ENOUGH_BARS)
    slow = told[shortest[told] != step] if step else told[:0]
    if len(slow) and len(slow) < len(told):
        fast = told[shortest[told] == step][0]
        return f"{names[fast]} every {_length(step)}, {names[slow[0]]} every {_length(int(shortest[slow[0]]))}"
    never, always = told[weekends[told] == 0.0], told[weekends[told] >= WEEKEND_SHARE]
    if step == DAY and len(never) and len(always):
        return f"{names[always[0]]} all year round, {names[never[0]]} without weekends"
    return ""


def _notes(series: BarSeries, at: IntArray, in_order: bool, regular: bool) -> tuple[str, ...]:
    """What a reader of values of these bars should know: none of it is mended."""
    told = [] if in_order else ["the bars were not in order of time; they were sorted by symbol and time"]
    inner = series.first != np.arange(len(series))
    top, bottom = np.maximum(series.open, series.close), np.minimum(series.open, series.close)
    ratio = np.append(1.0, series.close[1:] / series.close[:-1])
    crossed = (series.high * (1 + PRICE_ROUNDING) < top) | (series.low * (1 - PRICE_ROUNDING) > bottom)
    jumped = inner & ((ratio > LARGEST_MOVE) | (ratio < 1 / LARGEST_MOVE))
    halted = inner & (np.append(0, np.diff(series.day)) > LONG_HOLE) & regular
    for where, what in (
        (crossed, "bars have an open or close outside low .. high; what reads highs and lows is wrong there"),
        (jumped, "closes are over ten times, or under a tenth of, the one before: another coin, a split, an error"),
        (halted, f"bars follow more than {LONG_HOLE} missing ones; windows reach over the hole"),
    ):
        if len(rows := np.flatnonzero(where)):
            first = f"{series.symbols[series.code[rows[0]]]} at {_time(int(at[rows[0]]))}"
            told.append(f"{len(rows)} {what}; first {first} (of daily bars, `quant check bars` tells all)")
    return tuple(told)


def _calendar(at: IntArray, steps: IntArray, symbols: int) -> tuple[int, float, str]:
    """Grid step (0: none), periods in a year (NaN: unknown), and how they were found."""
    if not len(steps):
        return 0, np.nan, "one bar for each symbol: no interval"
    step = int(steps.min())
    on_grid = bool((steps % step == 0).all())
    full = (len(steps) + symbols) / (int(steps.sum()) // step + symbols) >= FULL_GRID
    if not on_grid:
        return 0, np.nan, "bars without a regular interval"
    weekday = (at // DAY + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    weekends = float((weekday >= 5).mean())
    if full or (step == DAY and weekends >= WEEKEND_SHARE):
        return step, YEAR_DAYS * DAY / step, f"bars every {_length(step)}, all year round"
    if step == DAY and weekends == 0.0:
        return step, SESSION_YEAR, "daily sessions without weekends"
    return step, np.nan, f"bars every {_length(step)} with long breaks (sessions or gaps)"
