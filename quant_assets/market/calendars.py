"""Open days of a market: every day of `24/7`, or the sessions of an exchange.

Belongs here: which UTC days a calendar has open. A half day is a session like any other: it has a bar. Rules on gaps,
halts, stalls, freshness and padding take the days from here and count open days only.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError

ALWAYS_OPEN = "24/7"
CLOSED_PURPOSE = "session: closed"
"""Why a partition of a closed day is empty on purpose."""
_REFERENCE_YEARS = (2021, 2023)


def open_days(calendar: str, start: date, end: date) -> pd.DatetimeIndex:
    """Return the open days from `start` to `end` inclusive as naive midnights in microseconds, rising.

    `calendar` is `24/7` or a code of exchange-calendars such as XNYS. Empty where `end` precedes `start`.
    Raises UsageError for a calendar that is not known, or that does not reach as far.
    """
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    every = pd.date_range(first, last, freq="D", unit="us")
    if calendar == ALWAYS_OPEN or not len(every):
        return every
    sessions = _sessions(calendar, first.year, last.year)
    return sessions[(sessions >= first) & (sessions <= last)]


def closed_days(calendar: str, start: date, end: date) -> pd.DatetimeIndex:
    """Return the days from `start` to `end` inclusive that are not open; none for `24/7`."""
    every = pd.date_range(pd.Timestamp(start), pd.Timestamp(end), freq="D", unit="us")
    return every[~every.isin(open_days(calendar, start, end))]


def last_open_days(calendar: str, before: date, count: int) -> pd.DatetimeIndex:
    """Return the last `count` open days strictly before `before`, rising."""
    last = pd.Timestamp(before).date() - timedelta(days=1)
    reach = count
    while len(days := open_days(calendar, last - timedelta(days=reach - 1), last)) < count:
        reach += 7 + 2 * (count - len(days))  # at least two days further back for each that is lacking
    return days[len(days) - count :]


def next_open_days(calendar: str, days: pd.Series) -> pd.Series:
    """Return for each day the first open day strictly after it; NaT stays NaT. Same index, datetime64[us]."""
    known = days.dropna()
    if known.empty:
        return days.astype("datetime64[us]")
    first, last = known.min().date(), known.max().date() + timedelta(days=31)
    opened = open_days(calendar, first, last)
    place = np.searchsorted(opened.to_numpy(), known.to_numpy().astype("datetime64[us]"), side="right")
    return pd.Series(opened[place], index=known.index).reindex(days.index).astype("datetime64[us]")


def require_calendar(calendar: str) -> str:
    """Return the name of a known calendar; UsageError that lists some names for any other."""
    if calendar == ALWAYS_OPEN:
        return calendar
    import exchange_calendars

    known = exchange_calendars.get_calendar_names(include_aliases=False)
    if calendar not in known or not calendar.isalnum():
        codes = [name for name in known if name.isalnum()]
        raise UsageError(f"calendar {calendar!r} is not known; use '{ALWAYS_OPEN}' or one of {', '.join(codes)}")
    return calendar


def sessions_a_year(calendar: str) -> float:
    """Return the mean number of open days a year (365.25 for `24/7`), for comparison with an annualisation factor."""
    if calendar == ALWAYS_OPEN:
        return 365.25
    first, last = _REFERENCE_YEARS
    return len(open_days(calendar, date(first, 1, 1), date(last, 12, 31))) / (last - first + 1)


def require_annualisation(calendar: str, annualisation: float) -> None:
    """Raise UsageError where a session calendar is annualised by a factor that is not its own within 5 %.

    365 with an exchange's sessions would overstate every yearly figure by a fifth; it is never guessed instead.
    """
    if calendar == ALWAYS_OPEN:
        return
    own = sessions_a_year(calendar)
    if abs(annualisation / own - 1.0) > 0.05:
        raise UsageError(
            f"annualisation {annualisation:g} does not fit calendar {calendar}, which has about {own:.0f} sessions a "
            f"year; set annualisation: {own:.0f}"
        )


@lru_cache(maxsize=64)
def _sessions(calendar: str, first_year: int, last_year: int) -> pd.DatetimeIndex:
    """Return the sessions of these years; read by decades where the calendar reaches that far, so that few reads do."""
    decades = first_year // 10 * 10, last_year // 10 * 10 + 9
    if decades == (first_year, last_year):
        return _read(calendar, *decades)
    try:
        return _sessions(calendar, *decades)
    except UsageError:
        return _read(calendar, first_year, last_year)


def _read(calendar: str, first_year: int, last_year: int) -> pd.DatetimeIndex:
    require_calendar(calendar)
    import exchange_calendars

    try:
        found = exchange_calendars.get_calendar(calendar, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    except ValueError as error:  # the years lie outside what the calendar knows
        raise UsageError(
            f"calendar {calendar} has no sessions for {first_year} to {last_year}: {str(error)[:160]}"
        ) from error
    return pd.DatetimeIndex(found.sessions).as_unit("us")
