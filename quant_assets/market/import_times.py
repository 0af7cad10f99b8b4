"""Times of a foreign file of bars as days: units of epochs by their size, zones, and the refusal of other frequencies.

Belongs here: what a time stamp means. Does not belong here: which column holds it.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError

# An epoch of 1985..2128 fills one decade for each unit, so that its size tells the unit.
_UNITS = (
    ("seconds", 5e8, 1_000_000, 1),
    ("milliseconds", 5e11, 1_000, 1),
    ("microseconds", 5e14, 1, 1),
    ("nanoseconds", 5e17, 1, 1_000),
)
_LOCAL_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[ T]00:00(?::00)?(?:\.0+)?\s?[+-]\d{2}:?\d{2}")
_WEEKLY_DAYS = 5.0
"""A typical distance of this many days or more means weekly or monthly bars."""


def bar_days(times: pd.Series, symbols: pd.Series, file: str, *, session_midnights: bool) -> tuple[pd.Series, str]:
    """Return the days (naive UTC midnights, us) of `times`, and a statement of how they were written.

    `session_midnights`: a midnight in another zone than UTC names the session of that day, as Yahoo writes it. Raises
    UsageError for what is no time, and for bars that are not daily: nothing is aggregated here.
    """
    days, told = _read(times, file, session_midnights)
    if unreadable := int(days.isna().sum()):
        examples = times[days.isna()].astype("str").head(3).tolist()
        raise UsageError(f"{file}: {unreadable} rows have an unreadable {times.name}, e.g. {examples}; use YYYY-MM-DD")
    inside = days != days.dt.normalize()
    if inside.any():
        raise UsageError(
            f"{file} holds no daily bars: {int(inside.sum())} of {len(days)} rows are inside a day, e.g. "
            f"{days[inside].iloc[0]}, typically {_distance(days, symbols)} apart; aggregate to UTC days "
            "(00:00 to 24:00) first"
        )
    typical = _typical(days, symbols)
    if typical >= _WEEKLY_DAYS:
        raise UsageError(f"{file} holds no daily bars: they are typically {typical:g} days apart; export daily bars")
    return days, told


def _read(times: pd.Series, file: str, session_midnights: bool) -> tuple[pd.Series, str]:
    if pd.api.types.is_datetime64_any_dtype(times.dtype):
        return _stamps(times, session_midnights)
    numbers = pd.to_numeric(times, errors="coerce")
    if numbers.notna().all():
        return _epochs(numbers, file)
    texts = times.astype("str").str.strip()
    local = texts.str.fullmatch(_LOCAL_MIDNIGHT)
    if session_midnights and bool(local.all()):
        days = pd.to_datetime(texts.str[:10], format="%Y-%m-%d", errors="coerce")
        return days.astype("datetime64[us]"), "midnights of the exchange, taken as its session days"
    parsed = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
    return parsed.dt.tz_localize(None).astype("datetime64[us]"), "ISO dates, UTC"


def _stamps(times: pd.Series, session_midnights: bool) -> tuple[pd.Series, str]:
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        return times.astype("datetime64[us]"), "dates without a zone, taken as UTC"
    local = times.dt.tz_localize(None)
    zone = str(times.dt.tz)
    if session_midnights and zone != "UTC" and bool((local == local.dt.normalize()).all()):
        return local.astype("datetime64[us]"), f"midnights in {zone}, taken as session days"
    return times.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]"), f"times in {zone}, as UTC"


def _epochs(numbers: pd.Series, file: str) -> tuple[pd.Series, str]:
    """Return epoch numbers as days; each row tells its own unit, since archives are spliced."""
    values = numbers.to_numpy(dtype=np.float64)
    whole = numbers.to_numpy(dtype=np.int64)
    micros: NDArray[np.int64] = np.full(len(values), np.iinfo(np.int64).min, dtype=np.int64)
    told = []
    for unit, lowest, multiply, divide in _UNITS:
        fits = (values >= lowest) & (values < 10 * lowest)
        micros[fits] = whole[fits] * multiply // divide
        told += [f"{unit} ({int(fits.sum())} rows)"] if fits.any() else []
    unknown = micros == np.iinfo(np.int64).min
    if unknown.any():
        raise UsageError(
            f"{file}: {int(unknown.sum())} values of {numbers.name} are no epoch of 1985..2128 in s, ms, us or ns, "
            f"e.g. {values[unknown][0]:g}; use YYYY-MM-DD"
        )
    return pd.Series(micros.view("datetime64[us]"), index=numbers.index), "epochs in " + ", ".join(told)


def _typical(days: pd.Series, symbols: pd.Series) -> float:
    """Return the median distance of a symbol's neighbouring bars in days; 0 where there are too few to tell."""
    ordered = pd.DataFrame({"symbol": symbols.to_numpy(), "day": days.to_numpy()}).drop_duplicates()
    steps = ordered.sort_values(["symbol", "day"]).groupby("symbol")["day"].diff().dropna()
    return float(steps.dt.total_seconds().median() / 86_400) if len(steps) >= 3 else 0.0


def _distance(days: pd.Series, symbols: pd.Series) -> str:
    typical = _typical(days, symbols)
    return f"{pd.Timedelta(days=typical)}" if typical else "unknown"
