"""Reads a file of bars of any interval: its keys unchanged for the output, their times understood beside them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import EmptyResult, UsageError
from quant_resources.venues.files_format import NULL_WORDS

SYMBOL_COLUMNS = ("symbol", "Symbol", "SYMBOL")
TIME_COLUMNS = ("timestamp", "date", "time")
PRICES = ("open", "high", "low", "close")
OPTIONAL = ("volume", "quote_volume")
EXPECTED = "symbol (if there are several), date or timestamp, open, high, low, close, volume; more are ignored"
SUFFIXES = (".csv", ".parquet")
# Microseconds in one unit of an epoch, by the least number of 1985..2128 in that unit: the size alone tells it.
_EPOCHS = ((5e8, 1e6), (5e11, 1e3), (5e14, 1.0), (5e17, 1e-3))


@dataclass(frozen=True, eq=False)
class BarsFile:
    """``frame``: symbol (categories) and numbers; ``times`` as the file has them, and as ``micros`` since 1970 UTC."""

    path: Path
    frame: pd.DataFrame
    times: pd.Series
    micros: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def has_volume(self) -> bool:
        """Whether the file knows the volume of any bar."""
        return "volume" in self.frame.columns and bool(self.frame["volume"].notna().any())

    def keys(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        """Symbol and time of these rows as the file has them."""
        symbols = self.frame["symbol"].array
        names = symbols.categories.array.take(symbols.codes.take(rows))
        return pd.DataFrame({"symbol": names, str(self.times.name): self.times.array.take(rows)})


def read_bars(path: Path) -> BarsFile:
    """Read a long CSV or Parquet file of bars.

    Raises UsageError for a file that cannot be read, lacks columns, or holds text for numbers or times; EmptyResult
    for one without rows.
    """
    raw = _plain_names(read_table(path, categories=SYMBOL_COLUMNS))
    time_column = _columns(path, raw)
    if raw.empty:
        raise EmptyResult(f"{path}: no rows; expected columns {EXPECTED}")
    notes = []
    if "symbol" not in raw.columns:
        raw = raw.assign(symbol=path.stem)
        notes.append(f"the file names no symbol: its bars are one series, called {path.stem}")
    if len(times := _times(raw)) > 1:
        notes.append(f"the file has {' and '.join(times)}: {time_column} is the time of a bar")
    found = [name for name in (*PRICES, *OPTIONAL) if name in raw.columns]
    columns = {"symbol": raw["symbol"].astype("category"), **{name: numbers(path, raw[name]) for name in found}}
    frame, at = pd.DataFrame(columns, copy=False), raw[time_column]
    return BarsFile(path, frame, at, _micros(path, at), tuple(notes))


def read_table(path: Path, categories: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV or Parquet file with numbers as exact as written; `symbol` is text, whatever it says.

    Texts of a Parquet file in the columns ``categories`` are read as categories, which takes a fraction of the time.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a {path.suffix or 'suffixless'} file; give a {' or a '.join(SUFFIXES)} file")
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path, read_dictionary=list(categories))
            return frame.reset_index() if any(frame.index.names) else frame
        names = _header(path)
        # A coin may be called NA.
        nothing = {name: [""] if name in SYMBOL_COLUMNS else list(NULL_WORDS) for name in names}
        return pd.read_csv(
            path,
            converters=dict.fromkeys(SYMBOL_COLUMNS, str),
            na_values=nothing,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except pd.errors.EmptyDataError as error:
        raise EmptyResult(f"{path}: the file is empty; expected columns {EXPECTED}") from error
    except (ValueError, OSError, csv.Error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path}: cannot be read as {path.suffix[1:]}: {reason}") from error


def _header(path: Path) -> list[str]:
    """Column names of a CSV file; UsageError where one of those that are read occurs twice."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        names = next(csv.reader(lines), [])
    known = [n for n in names if n.lower() in {"symbol", *TIME_COLUMNS, *PRICES, *OPTIONAL}]
    if twice := sorted({n for n in known if known.count(n) > 1}):
        raise UsageError(f"{path}: columns occur more than once: {', '.join(twice)}; keep one of each")
    return names


def _plain_names(raw: pd.DataFrame) -> pd.DataFrame:
    """Number columns under their lower-case names (`Close` is `close`), where no column has that name already."""
    wanted = {str(c): str(c).lower() for c in raw.columns if str(c).lower() in {*PRICES, *OPTIONAL, "symbol"}}
    taken = set(map(str, raw.columns))
    return raw.rename(columns={name: low for name, low in wanted.items() if low not in taken})


def _columns(path: Path, raw: pd.DataFrame) -> str:
    """The time column; UsageError where columns are missing or occur twice."""
    times = _times(raw)
    missing = [*([] if times else ["date (or timestamp)"]), *(n for n in PRICES if n not in raw.columns)]
    if missing:
        raise UsageError(
            f"{path}: columns missing: {', '.join(missing)}; found: {', '.join(map(str, raw.columns)) or 'none'}; "
            f"expected: {EXPECTED}"
        )
    return times[0]


def _times(raw: pd.DataFrame) -> list[str]:
    """The columns that may be the time of a bar, the finest first, as they are called."""
    return [str(c) for name in TIME_COLUMNS for c in raw.columns if str(c).lower() == name]


def numbers(path: Path, raw: pd.Series) -> pd.Series:
    """A column as floats; UsageError that names the first places of anything else, whatever it says."""
    if raw.dtype == np.float64:
        return raw
    found = pd.to_numeric(raw, errors="coerce").astype("float64")
    wrong = found.isna() & raw.notna()
    if wrong.any():
        examples = _examples(raw, wrong)
        raise UsageError(f"{path}: column {raw.name} has {int(wrong.sum())} values that are no numbers: {examples}")
    return found


def _examples(raw: pd.Series, wrong: pd.Series) -> str:
    """The first values that are ``wrong``, and the rows of the file that they stand in."""
    rows = np.flatnonzero(wrong)[:3].tolist()
    return ", ".join(f"{str(raw.iloc[row])!r} in row {row + 1}" for row in rows)


def _micros(path: Path, raw: pd.Series) -> NDArray[np.int64]:
    """Microseconds since 1970 UTC of ISO text, dates, or epochs in s, ms, us or ns; what has no zone is UTC."""
    if pd.api.types.is_numeric_dtype(raw):
        return _epochs(path, raw)
    layout = None if pd.api.types.is_datetime64_any_dtype(raw) else "ISO8601"
    try:
        parsed = pd.Series(pd.to_datetime(raw, utc=True, errors="coerce", format=layout))
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"{path}: column {raw.name} holds no times ({error}); use ISO text or epochs") from error
    if (wrong := parsed.isna()).any():
        examples = _examples(raw, wrong)
        raise UsageError(
            f"{path}: {int(wrong.sum())} rows have an unreadable {raw.name}, e.g. {examples}; use YYYY-MM-DD, ISO "
            "times or epochs"
        )
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)


def _epochs(path: Path, raw: pd.Series) -> NDArray[np.int64]:
    values = raw.to_numpy(dtype=np.float64, na_value=np.nan)
    for least, unit in _EPOCHS:
        if ((values >= least) & (values < 1e3 * least)).all():
            exact = raw.to_numpy(dtype=np.int64) if pd.api.types.is_integer_dtype(raw) else None
            if exact is None:
                return np.rint(values * unit).astype(np.int64)
            return exact * int(unit) if unit >= 1 else exact // 1000
    raise UsageError(
        f"{path}: column {raw.name} holds numbers that are no epoch in one unit (s, ms, us, ns), e.g. {values[0]:g}; "
        "use YYYY-MM-DD"
    )
