"""What to ask of an exchange's bulk archive for a range of days, and whether its REST interface is cheaper.

Belongs here: names of files, months and days, counts of requests - pure arithmetic. Does not belong here: any request.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MONTH_LAG_DAYS = 14
"""Days after a month's end within which its monthly file may not be published yet."""
DAY_LAG_DAYS = 3
"""Days after a day's end within which its daily file may not be published yet."""
REQUESTS_PER_FILE = 2
"""The zip and its checksum."""
_FOLDERS = {"spot": "data/spot", "um": "data/futures/um"}


class Route(StrEnum):
    """Where the bars of a range come from: one REST walk, monthly files and REST for the rest, or files alone."""

    REST = "rest"
    MONTHS = "months"
    FILES = "files"


@dataclass(frozen=True)
class ArchiveFile:
    """One zip of daily bars: its path below the base URL and the days it may hold bars of, both inclusive."""

    path: str
    first: date
    last: date

    @property
    def name(self) -> str:
        """File name of the zip."""
        return self.path.rpartition("/")[2]

    @property
    def monthly(self) -> bool:
        """Whether it is the file of a whole month."""
        return "/monthly/" in self.path


def market_id(pair: str) -> str:
    """Return the archive's name of a pair: ``BTC/USDT`` and ``BTC/USDT:USDT`` are both ``BTCUSDT``."""
    return pair.partition(":")[0].replace("/", "")


def monthly_file(market: str, pair: str, month: date) -> ArchiveFile:
    """Return the file of the month in which `month` lies; `market` is 'spot' or 'um' (USDT-margined futures)."""
    first = month.replace(day=1)
    name = market_id(pair)
    path = f"{_FOLDERS[market]}/monthly/klines/{name}/1d/{name}-1d-{first:%Y-%m}.zip"
    return ArchiveFile(path, first, _next_month(first) - timedelta(days=1))


def daily_file(market: str, pair: str, day: date) -> ArchiveFile:
    """Return the file of one day."""
    name = market_id(pair)
    return ArchiveFile(f"{_FOLDERS[market]}/daily/klines/{name}/1d/{name}-1d-{day:%Y-%m-%d}.zip", day, day)


def months_between(start: date, end: date) -> list[date]:
    """Return the first days of the months that `start`..`end` touches; none where `start` is after `end`."""
    months, month = [], start.replace(day=1)
    while month <= end and start <= end:
        months.append(month)
        month = _next_month(month)
    return months


def days_between(start: date, end: date) -> list[date]:
    """Return the days `start`..`end`, both inclusive."""
    return [start + timedelta(days=k) for k in range((end - start).days + 1)]


def planned_files(market: str, pair: str, start: date, end: date, today: date) -> list[ArchiveFile]:
    """Return the files that hold `start`..`end` as seen on `today`: closed months whole, the running month by days."""
    running = today.replace(day=1)
    last = min(end, today - timedelta(days=1))
    closed = [monthly_file(market, pair, m) for m in months_between(start, min(last, running - timedelta(days=1)))]
    return closed + [daily_file(market, pair, d) for d in days_between(max(start, running), last)]


def may_still_appear(file: ArchiveFile, today: date) -> bool:
    """Whether a file that is absent on `today` may only be late; a later absence means that there are no bars."""
    return (today - file.last).days <= (MONTH_LAG_DAYS if file.monthly else DAY_LAG_DAYS)


def rest_requests(start: date, end: date, page_size: int) -> int:
    """Return how many pages of `page_size` daily bars cover `start`..`end`; 0 for no day."""
    return -(-max((end - start).days + 1, 0) // page_size)


def cheaper_route(files: Collection[ArchiveFile], cached: Collection[str], rest_page_size: int | None) -> Route:
    """Return the route that needs the fewest requests for the days of `files`.

    A file costs two requests, none where its path is in `cached`. `rest_page_size` is the number of daily bars a REST
    request returns, None where there is no REST interface or it does not know the market. On a tie files win: they are
    checksummed, and they do not spend the exchange's request weight.
    """
    if rest_page_size is None or not files:
        return Route.FILES
    months = [f for f in files if f.monthly]
    days = [f for f in files if not f.monthly]
    months_cost, days_cost = (_cost(part, cached) for part in (months, days))
    remainder = rest_requests(days[0].first, days[-1].last, rest_page_size) if days else 0
    whole = rest_requests(min(f.first for f in files), max(f.last for f in files), rest_page_size)
    costs = {Route.FILES: months_cost + days_cost, Route.MONTHS: months_cost + remainder, Route.REST: whole}
    return min(costs, key=lambda route: costs[route])


def _cost(files: Collection[ArchiveFile], cached: Collection[str]) -> int:
    return REQUESTS_PER_FILE * sum(f.path not in cached for f in files)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
