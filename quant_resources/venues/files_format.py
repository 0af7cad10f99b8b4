"""Reads the user's own bar files into one long raw frame, or says exactly what does not fit.

Refused as a whole: files that cannot be read, lack columns, or hold dates that are no dates - nothing can be said
about such rows. Everything else (impossible prices, duplicates, hostile names) passes through for the contracts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from quant_assets.errors import EmptyResult, UsageError

REQUIRED = ("symbol", "open", "high", "low", "close", "volume")
OPTIONAL = ("quote_volume", "trades")
TIME_COLUMNS = ("date", "timestamp")
NUMERIC = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
SUFFIXES = (".parquet", ".csv")
EXPECTED = (
    "symbol, date (or timestamp), open, high, low, close, volume; optional: quote_volume, trades; more are ignored"
)
NULL_WORDS = ("", "NA", "NaN", "nan", "null", "NULL", "None", "none")
# (lowest number, factor to microseconds as multiply, divide) of seconds, milli-, micro- and nanoseconds: epochs of
# 1985..2128 fill one decade per unit, so the size alone tells the unit.
_EPOCH_UNITS = ((5e8, 1_000_000, 1), (5e11, 1_000, 1), (5e14, 1, 1), (5e17, 1, 1_000))


def find_files(path: Path) -> list[Path]:
    """Return the Parquet and CSV files at `path` (a file, or a folder without its subfolders), sorted by name."""
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"bars file {path}: found a {path.suffix or 'suffixless'} file, expected {_suffixes()}")
        return [path]
    if not path.is_dir():
        raise UsageError(f"bars path {path} does not exist; give a {_suffixes()} file or a folder of them")
    files = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise EmptyResult(
            f"bars folder {path} holds no {_suffixes()} file (found {_found_names(path)}); "
            f"put long bar files there with columns {EXPECTED}"
        )
    return files


def read_files(files: list[Path]) -> pd.DataFrame:
    """Return all rows of `files`: symbol (str), date (midnight, us), open..volume, quote_volume, trades (float)."""
    frames = [_read_file(path) for path in files]
    table = pd.concat(frames, ignore_index=True)
    if table.empty:
        raise EmptyResult(f"bars {_names(files)}: no rows; fill the file, expected columns {EXPECTED}")
    return table


def _read_file(path: Path) -> pd.DataFrame:
    columns = _column_names(path)
    time_column = _require_columns(path, columns)
    wanted = [*REQUIRED, time_column, *(name for name in OPTIONAL if name in columns)]
    raw = _load(path, wanted)
    frame = pd.DataFrame({"symbol": raw["symbol"].astype("str").fillna(""), "date": _dates(path, raw[time_column])})
    for name in NUMERIC:
        frame[name] = _numbers(path, raw[name]) if name in raw else float("nan")
    return frame


def read_columns(
    files: list[Path], names: tuple[str, ...], called: str, numbers: tuple[str, ...], flag: str
) -> pd.DataFrame:
    """Return symbol, date, `numbers`, the first of `names` as `called`, and `flag`, of the files that have one.

    `called` is 1.0 where the file has null or 0; `flag` is an object column of True, False or None (not said).
    """
    frames = []
    for path in files:
        columns = _column_names(path)
        time_column = _require_columns(path, columns)
        if present := [name for name in names if name in columns]:
            flags = [flag] if flag in columns else []
            raw = _load(path, ["symbol", time_column, *numbers, present[0], *flags])
            frame = pd.DataFrame(
                {"symbol": raw["symbol"].astype("str").fillna(""), "date": _dates(path, raw[time_column])}
            )
            for name in numbers:
                frame[name] = _numbers(path, raw[name])
            frame[called] = _numbers(path, raw[present[0]]).fillna(1.0).replace(0.0, 1.0)
            frame[flag] = raw[flag].astype(object).where(raw[flag].notna(), None) if flags else None
            frames.append(frame)
    empty = pd.DataFrame(columns=["symbol", "date", *numbers, called, flag])
    return pd.concat(frames, ignore_index=True) if frames else empty


def _column_names(path: Path) -> list[str]:
    try:
        if path.suffix.lower() == ".parquet":
            return [str(name) for name in pa_parquet.read_schema(path).names]
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return [name.strip('"') for name in lines.readline().rstrip("\r\n").split(",")]
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _require_columns(path: Path, columns: list[str]) -> str:
    """Return the name of the time column, or raise UsageError with found and expected columns."""
    found_time = [name for name in TIME_COLUMNS if name in columns]
    missing = [name for name in REQUIRED if name not in columns]
    if missing or not found_time:
        wanting = [*missing, *([] if found_time else ["date (or timestamp)"])]
        raise UsageError(
            f"bars file {path}: columns missing: {', '.join(wanting)}; found: {', '.join(columns) or 'none'}; "
            f"expected: {EXPECTED}; rename the columns and run again"
        )
    if repeated := sorted({name for name in (*REQUIRED, *OPTIONAL, *TIME_COLUMNS) if columns.count(name) > 1}):
        raise UsageError(f"bars file {path}: columns occur more than once: {', '.join(repeated)}; keep one of each")
    return found_time[0]


def _load(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            table = pa_parquet.read_table(path, columns=columns, partitioning=None)
            return pd.DataFrame(table.to_pandas(date_as_object=False))
        convert = pa_csv.ConvertOptions(
            include_columns=columns,
            column_types={"symbol": pa.string()},
            null_values=list(NULL_WORDS),
            strings_can_be_null=False,
        )
        return pd.DataFrame(pa_csv.read_csv(path, convert_options=convert).to_pandas(date_as_object=False))
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _dates(path: Path, raw: pd.Series) -> pd.Series:
    """Return UTC midnights as datetime64[us]; zones are converted to UTC, a time of day other than 00:00 is refused."""
    parsed = _parse_times(path, raw)
    if unreadable := int(parsed.isna().sum()):
        examples = raw[parsed.isna()].astype("str").head(3).tolist()
        raise UsageError(
            f"bars file {path}: {unreadable} rows with an unreadable {raw.name}, e.g. {examples}; use YYYY-MM-DD"
        )
    dates: pd.Series = parsed.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    off_midnight = dates != dates.dt.normalize()
    if off_midnight.any():
        raise UsageError(
            f"bars file {path}: {int(off_midnight.sum())} rows are not daily UTC bars, "
            f"e.g. {dates[off_midnight].iloc[0]}; expected 00:00 UTC: aggregate to UTC days first"
        )
    return dates


def _parse_times(path: Path, raw: pd.Series) -> pd.Series:
    try:
        if pd.api.types.is_numeric_dtype(raw):
            microseconds = _epoch_microseconds(path, raw.to_numpy(dtype="float64", na_value=np.nan), str(raw.name))
            return pd.Series(pd.to_datetime(microseconds, unit="us", utc=True), index=raw.index)
        layout = None if pd.api.types.is_datetime64_any_dtype(raw) else "ISO8601"
        return pd.Series(pd.to_datetime(raw, utc=True, errors="coerce", format=layout), index=raw.index)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"bars file {path}: column {raw.name} holds no dates ({error}); use YYYY-MM-DD") from error


def _epoch_microseconds(path: Path, values: NDArray[np.float64], name: str) -> NDArray[np.int64]:
    """Return epoch numbers as microseconds; each value tells its own unit, since spliced files mix milli and micro."""
    result = np.zeros(len(values), dtype=np.int64)
    open_question = np.ones(len(values), dtype=bool)
    for lowest, multiply, divide in _EPOCH_UNITS:
        fits = (values >= lowest) & (values < 10 * lowest)
        result[fits] = values[fits].astype(np.int64) * multiply // divide
        open_question &= ~fits
    if open_question.any():
        raise UsageError(
            f"bars file {path}: column {name} has {int(open_question.sum())} numbers that are no epoch of 1985..2128, "
            f"e.g. {values[open_question][0]:g}; use YYYY-MM-DD"
        )
    return result


def _numbers(path: Path, raw: pd.Series) -> pd.Series:
    """Return floats; text where a number should be is refused, because a NaN would hide what was written there."""
    if pd.api.types.is_numeric_dtype(raw):
        return raw.astype("float64")
    numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
    wrong = numbers.isna() & raw.notna() & ~raw.astype("str").isin(NULL_WORDS)
    if wrong.any():
        examples = raw[wrong].astype("str").head(3).tolist()
        raise UsageError(
            f"bars file {path}: column {raw.name} has {int(wrong.sum())} values that are no numbers: {examples}"
        )
    return numbers


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(
        f"bars file {path} cannot be read as {path.suffix[1:]}: {reason}; check that the file is complete"
    )


def _suffixes() -> str:
    return " or ".join(SUFFIXES)


def _found_names(path: Path) -> str:
    names = sorted(p.name for p in path.iterdir())
    return "nothing" if not names else f"{len(names)} entries such as {', '.join(names[:3])}"


def _names(files: list[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"folder {files[0].parent} ({len(files)} files)"
