"""One symbol's files, read in order: its bars, the days still to be asked of REST, and what could not be read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from quant_resources.venues.archive_client import ArchiveClient
from quant_resources.venues.archive_plan import ArchiveFile, daily_file, days_between, may_still_appear
from quant_resources.venues.archive_zip import ArchiveFault, Klines


@dataclass
class SymbolRead:
    """What the archive said of one symbol.

    `pending`: days whose file may only be late. `holes`: names of files that are absent between files that exist - a
    halt of trading, or a hole in the archive. `faults`: files that exist and cannot be used, with the reason.
    """

    klines: list[Klines] = field(default_factory=list)
    pending: list[date] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    faults: dict[ArchiveFile, str] = field(default_factory=dict)
    seconds: float = 0.0


def read_symbol(
    client: ArchiveClient, pair: str, files: Sequence[ArchiveFile], today: date, last: date, *, days_of: str | None
) -> SymbolRead:
    """Return what `files` hold, oldest first.

    Where a recent month has no file yet, its days up to `last` are asked one by one in the market `days_of`; with None
    they are pending, as REST gives them all at once.
    """
    began = time.perf_counter()
    result = SymbolRead()
    absent: list[str] = []
    queue = list(reversed(files))
    while queue:
        file = queue.pop()
        try:
            rows = client.bars(file)
        except ArchiveFault as fault:
            result.faults[file] = str(fault)
            continue
        if rows is not None:
            result.klines.append(rows)
            result.holes += absent if len(result.klines) > 1 else []
            absent = []
        elif not may_still_appear(file, today):
            absent.append(file.name)
        elif file.monthly and days_of is not None:
            queue += [daily_file(days_of, pair, day) for day in reversed(_days(file, last))]
        else:
            result.pending += _days(file, last)
    result.seconds = time.perf_counter() - began
    return result


def _days(file: ArchiveFile, last: date) -> list[date]:
    return days_between(file.first, min(file.last, last))


def spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return rising days as stretches without a hole, first and last inclusive."""
    stretches: list[tuple[date, date]] = []
    for day in days:
        if stretches and stretches[-1][1] + timedelta(days=1) == day:
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches
