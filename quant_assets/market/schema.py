"""Shape of bars: columns, types, empty frames, and reading a user's own bars into that shape.

Belongs here: names and types of columns, time stamps of any common form. Does not belong here: judging values.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.market.symbols import clean_text, is_canonical, qualify

PRICE_COLUMNS = ("open", "high", "low", "close")
REQUIRED_NUMBERS = (*PRICE_COLUMNS, "volume")
OPTIONAL_NUMBERS = ("quote_volume", "trades")
NUMBER_COLUMNS = (*REQUIRED_NUMBERS, *OPTIONAL_NUMBERS)
RECEIVED_COLUMNS = ("symbol", "date", *NUMBER_COLUMNS, "source", "ingested_at")
OHLCV_COLUMNS = (*RECEIVED_COLUMNS, "life_start", "adj_factor")
QUARANTINE_COLUMNS = (*OHLCV_COLUMNS, "rule", "reason")
HEALTH_COLUMNS = ("date", "symbol", "rule", "state", "reason")

_TIMES = ("date", "ingested_at", "life_start")
_NUMBERS = (*NUMBER_COLUMNS, "adj_factor")
_EPOCH_UNITS = ((1e8, 1e11, 1_000_000), (1e11, 1e14, 1_000), (1e14, 1e17, 1))
"""Magnitude from, to, and microseconds in one unit: seconds, milliseconds, microseconds (1973 to 5138 in seconds)."""


def empty_frame(columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a frame of no rows with these bar, quarantine or health columns in their types."""
    return pd.DataFrame({name: pd.Series(dtype=column_type(name)) for name in columns})


def column_type(name: str) -> str:
    """Return the type of a bar, quarantine or health column: datetime64[us], float64 or str."""
    if name in _TIMES:
        return "datetime64[us]"
    return "float64" if name in _NUMBERS else "str"


def canonical_bars(
    frame: pd.DataFrame,
    *,
    venue: str,
    default_quote: str | None = None,
    source: str = "file",
    ingested_at: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return a user's long frame of bars with the columns `RECEIVED_COLUMNS`, in its own row order.

    Needs symbol, date or timestamp, open, high, low, close, volume; quote_volume and trades are optional, further
    columns are dropped. Dates may be dates, datetimes, ISO strings or epochs in s, ms, us or ns (told apart by size);
    an aware time becomes UTC. Dirt stays for the rules to find: a time inside the day is not floored, an unreadable
    one is NaT, text in a number column stays text, a name that cannot be qualified stays as it is.
    `ingested_at` (naive UTC) fills rows that do not say when they were fetched; without it they stay NaT.
    Raises UsageError when a column is missing.
    """
    names = {str(name).strip().lower(): name for name in frame.columns}
    time_name = "date" if "date" in names else "timestamp"
    missing = [name for name in ("symbol", time_name, *REQUIRED_NUMBERS) if name not in names]
    if missing:
        raise UsageError(
            f"bars lack the column(s) {', '.join(missing)}; found: {', '.join(map(str, frame.columns)) or 'none'}; "
            "expected: symbol, date or timestamp, open, high, low, close, volume. Rename or add them"
        )
    bars = pd.DataFrame({"symbol": _qualified(frame[names["symbol"]], venue, default_quote)}, index=frame.index)
    bars["date"] = to_utc(frame[names[time_name]])
    for name in NUMBER_COLUMNS:
        bars[name] = _number(frame[names[name]]) if name in names else np.nan
    bars["source"] = frame[names["source"]].map(clean_text).astype("str") if "source" in names else source
    fetched = to_utc(frame[names["ingested_at"]]) if "ingested_at" in names else pd.Series(pd.NaT, index=frame.index)
    bars["ingested_at"] = fetched.astype("datetime64[us]").fillna(ingested_at)
    return bars[list(RECEIVED_COLUMNS)].reset_index(drop=True)


def to_utc(times: pd.Series) -> pd.Series:
    """Return times of any common form as naive UTC datetime64[us]; NaT where a value cannot be read."""
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(times.dtype):
        micros: NDArray[np.datetime64] = times.to_numpy().astype("datetime64[us]")
        return pd.Series(pd.DatetimeIndex(micros), index=times.index)
    readable = not pd.api.types.is_bool_dtype(times.dtype)
    numbers = pd.to_numeric(times, errors="coerce") if readable else pd.Series(np.nan, index=times.index)
    floats: NDArray[np.float64] = np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    micros = _from_epoch(floats)
    text = np.flatnonzero(np.isnan(floats) & times.notna().to_numpy(dtype=bool) & readable)
    if len(text):
        parsed = pd.to_datetime(times.iloc[text].astype("str"), utc=True, errors="coerce", format="ISO8601")
        micros[text] = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return pd.Series(pd.DatetimeIndex(micros), index=times.index)


def _from_epoch(numbers: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Return each epoch number as microseconds; a row decides for itself, since archives are spliced."""
    micros = np.full(len(numbers), np.iinfo(np.int64).min, dtype=np.int64)
    size = np.abs(numbers)
    for low, high, unit in _EPOCH_UNITS:
        chosen = (size >= low) & (size < high)
        micros[chosen] = np.rint(numbers[chosen] * unit).astype(np.int64)
    nanos = (size >= 1e17) & (size < 9e18)
    micros[nanos] = np.rint(numbers[nanos] / 1_000).astype(np.int64)
    return micros.view("datetime64[us]")


def _number(values: pd.Series) -> pd.Series:
    """Return float64 where every value is a number or missing, else the column unchanged, for L0.SCHEMA to find."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("float64")
    numbers = pd.to_numeric(values, errors="coerce")
    readable = bool((numbers.notna() | values.isna()).all()) and not pd.api.types.is_bool_dtype(values.dtype)
    return numbers.astype("float64") if readable else values.astype(object)


def _qualified(symbols: pd.Series, venue: str, default_quote: str | None) -> pd.Series:
    """Return canonical names; a name that has none stays as text for L0.SYMBOL to refuse."""
    codes, uniques = pd.factorize(symbols, use_na_sentinel=False)
    names = [_canonical_or_same(clean_text(name), venue, default_quote) for name in uniques]
    return pd.Series(names, dtype="str").take(codes).set_axis(symbols.index)


def _canonical_or_same(name: str, venue: str, default_quote: str | None) -> str:
    if is_canonical(name):
        return name
    try:
        return qualify(name, venue, default_quote)
    except UsageError:
        return name
