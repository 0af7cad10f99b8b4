"""Archive files made on demand from a frame of bars: Binance-shaped zips of daily klines, their checksums, and faults.

Belongs here: the body of a path. Does not belong here: HTTP, and anything the archive venue itself is made of - paths
are parsed and zips written independently of it.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
MICROSECONDS_FROM = pd.Timestamp("2025-01-01")
FAULTS = (
    "corrupt_zip", "truncated_zip", "wrong_checksum", "no_checksum", "zip_bomb", "extra_member", "wrong_member",
    "not_a_day", "other_month", "no_number", "short_row", "empty_csv",
)  # fmt: skip
"""Faults a file can be given by name."""
_PATH = re.compile(
    r"/data/(?P<market>spot|futures/um)/(?P<span>monthly|daily)/klines/(?P<id>[A-Z0-9]+)/1d/"
    r"(?P=id)-1d-(?P<date>\d{4}-\d{2}(?:-\d{2})?)\.zip(?P<sum>\.CHECKSUM)?"
)


@dataclass(frozen=True)
class ArchiveOptions:
    """How files look: with a header row or not, which file names are faulty and how, and what is not published yet.

    `today`: monthly files of this month and later, and daily files of this day and later, do not exist.
    `monthly_late`: months (YYYY-MM) whose monthly file is not published yet. `first_daily_missing`: daily files from
    this day on are not published yet.
    """

    header: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)
    today: pd.Timestamp | None = None
    monthly_late: tuple[str, ...] = ()
    first_daily_missing: pd.Timestamp | None = None


class ArchiveFiles:
    """The archive made from one frame; bodies are made at the first request and kept."""

    def __init__(self, bars: pd.DataFrame, options: ArchiveOptions | None = None) -> None:
        """`bars`: symbol (``BTC/USDT``, with or without a venue), date, open .. volume, quote_volume, trades."""
        self.bars = bars
        self.options = options or ArchiveOptions()
        self._of_id = {name: rows.sort_values("date", kind="stable") for name, rows in bars.groupby(_ids(bars))}
        self._bodies: dict[str, bytes | None] = {}

    def respond(self, path: str) -> bytes | None:
        """Return the body of a path, None where the archive has no such file."""
        match = _PATH.fullmatch(path)
        if match is None or not _published(match["span"], match["date"], self.options):
            return None
        name = f"{match['id']}-1d-{match['date']}"
        fault = self.options.faults.get(f"{name}.zip", "")
        zipped = path.removesuffix(".CHECKSUM")
        if zipped not in self._bodies:
            rows = self._rows(match["id"], match["date"])
            content = _content(rows, self.options.header, fault, spot=match["market"] == "spot")
            self._bodies[zipped] = None if rows.empty else _zipped(name, content, fault)
        body = self._bodies[zipped]
        return body if body is None or not match["sum"] else _checksum(f"{name}.zip", body, fault)

    def _rows(self, market: str, text: str) -> pd.DataFrame:
        rows = self._of_id.get(market, self.bars.iloc[:0])
        span = pd.Period(text, freq="M" if len(text) == 7 else "D")
        return rows[(rows["date"] >= span.start_time) & (rows["date"] <= span.end_time)]


_made: dict[int, ArchiveFiles] = {}


def respond(path: str, bars: pd.DataFrame) -> bytes | None:
    """Return the body of an archive path made from `bars` without any fault, None where there is no such file."""
    if id(bars) not in _made or _made[id(bars)].bars is not bars:
        _made.clear()
        _made[id(bars)] = ArchiveFiles(bars)
    return _made[id(bars)].respond(path)


def _ids(bars: pd.DataFrame) -> pd.Series:
    """``BINANCE:BTC/USDT:USDT``, ``BTC/USDT`` and the like as ``BTCUSDT``."""
    pair = bars["symbol"].astype("str").str.extract(r"(?:^|:)([A-Z0-9]+/[A-Z0-9]+)", expand=False)
    return pair.str.replace("/", "")


def _published(span: str, text: str, options: ArchiveOptions) -> bool:
    first = pd.Timestamp(text)
    if span == "monthly":
        running = options.today is not None and first >= options.today.normalize().replace(day=1)
        return not running and text not in options.monthly_late
    missing = [day for day in (options.today, options.first_daily_missing) if day is not None]
    return all(first < day for day in missing)


def _content(rows: pd.DataFrame, header: bool, fault: str, *, spot: bool) -> str:
    if rows.empty:
        return ""
    if fault == "zip_bomb":
        return "0" * 30_000_000
    lines = [HEADER] if header else []
    if fault != "empty_csv":
        lines += [_line(row, spot) for row in rows.itertuples()]
    last = lines[-1] if lines else ""
    if fault == "not_a_day":
        lines[-1] = _moved(last, 3_600)
    elif fault == "other_month":
        lines[-1] = _moved(last, 86_400 * 40)
    elif fault == "no_number":
        lines[-1] = last.replace(last.split(",")[2], "n/a", 1)
    elif fault == "short_row":
        lines[-1] = last.rpartition(",")[0]
    return "\n".join(lines) + "\n"


def _line(row, spot: bool) -> str:
    """One kline; `repr` of a float is the shortest text that reads back as the same float."""
    micro = spot and row.date >= MICROSECONDS_FROM
    unit = 1_000_000 if micro else 1_000
    opened = int(row.date.timestamp()) * unit
    trades = "" if pd.isna(row.trades) else int(row.trades)
    numbers = [repr(float(v)) for v in (row.open, row.high, row.low, row.close, row.volume)]
    return ",".join(map(str, [opened, *numbers, opened + 86_400 * unit - 1, repr(float(row.quote_volume)), trades,
                              0.5, 0.5, 0]))  # fmt: skip


def _moved(line: str, seconds: int) -> str:
    opened, _, rest = line.partition(",")
    return f"{int(opened) + seconds * (1_000_000 if len(opened) > 13 else 1_000)},{rest}"


def _zipped(name: str, content: str, fault: str) -> bytes:
    member = "../escape.csv" if fault == "wrong_member" else f"{name}.csv"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed time makes equal content equal bytes.
        archive.writestr(_member(member), content)
        if fault == "extra_member":
            archive.writestr(_member("readme.txt"), "more")
    body = buffer.getvalue()
    if fault == "corrupt_zip":
        return body[:40] + bytes(255 - b for b in body[40:60]) + body[60:]
    return body[: len(body) // 2] if fault == "truncated_zip" else body


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2023, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _checksum(name: str, body: bytes, fault: str) -> bytes | None:
    if fault == "no_checksum":
        return None
    hashed = hashlib.sha256(body + (b"!" if fault == "wrong_checksum" else b"")).hexdigest()
    return f"{hashed}  {name}\n".encode()
