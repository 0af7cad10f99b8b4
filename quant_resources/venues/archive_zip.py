"""Reading one zip of daily klines: limits first, then checksum, then rows. Whatever does not fit is a named fault.

A zip from outside is hostile until proven otherwise: its directory may lie about sizes and names, so sizes are bounded
while reading, names are compared and never used as paths.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from quant_resources.venues.archive_plan import ArchiveFile

MAX_ZIP_BYTES = 4 * 1024 * 1024
MAX_CSV_BYTES = 16 * 1024 * 1024
MAX_RATIO = 100
"""Uncompressed over compressed size; kline text compresses about threefold."""
KLINE_COLUMNS = 12
NUMBERS = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
_POSITIONS = (1, 2, 3, 4, 5, 7, 8)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_DAY_US = 86_400_000_000
# Open times of 1990..2100: milliseconds are about 6e11..5e12; from 2025-01-01 on spot files count microseconds.
_MILLISECONDS = (6 * 10**11, 5 * 10**12)
_MICROSECONDS = (6 * 10**14, 5 * 10**15)
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*")


@dataclass(frozen=True)
class Klines:
    """Bars of one file in its order: open times (UTC midnights) and a row of `NUMBERS` for each."""

    times: NDArray[np.datetime64]
    numbers: NDArray[np.float64]


class ArchiveFault(Exception):
    """A file that exists and cannot be used; the message names the file and the reason."""

    def __init__(self, file: ArchiveFile, reason: str) -> None:
        super().__init__(f"{file.name}: {reason}")


class ChecksumMismatch(ArchiveFault):
    """The zip is not the one its checksum speaks of: damaged on the way, or replaced between the two requests."""


def require_checksum(file: ArchiveFile, body: bytes, checksum: bytes) -> None:
    """Raise ArchiveFault unless `checksum` (a ``sha256  name`` line) is of this file and `body` has that hash."""
    match = _CHECKSUM.fullmatch(checksum.decode("ascii", errors="replace").strip())
    if match is None:
        raise ArchiveFault(file, f"its CHECKSUM is no 'sha256  name' line: {checksum[:80]!r}")
    if match[2] != file.name:
        raise ArchiveFault(file, f"its CHECKSUM speaks of {match[2]!r:.80}")
    found = hashlib.sha256(body).hexdigest()
    if found != match[1].lower():
        raise ChecksumMismatch(file, f"sha256 is {found[:16]}..., its CHECKSUM says {match[1][:16].lower()}...")


def read_klines(file: ArchiveFile, body: bytes) -> Klines:
    """Return the bars of a zip.

    Rows stay in the file's order, impossible values included. Raises ArchiveFault for a zip beyond the limits, one that
    holds anything but the expected member, and rows that are no daily klines of the file's own days.
    """
    rows = _rows(file, _unzip(file, body))
    numbers = [[_number(file, row[position]) for position in _POSITIONS] for row in rows]
    return Klines(_times(file, [row[0] for row in rows]), np.array(numbers, dtype=np.float64))


def _unzip(file: ArchiveFile, body: bytes) -> bytes:
    """Return the only member's content; no more than the limit is ever unpacked, whatever the directory claims."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            member = _only_member(file, archive)
            with archive.open(member) as stream:
                content = stream.read(_limit(member) + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ArchiveFault(file, f"is no readable zip ({type(error).__name__}: {error})") from error
    if len(content) > _limit(member):
        raise ArchiveFault(file, f"unpacks to more than {_limit(member)} bytes from {member.compress_size}")
    return content


def _only_member(file: ArchiveFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = archive.infolist()
    expected = file.name.removesuffix(".zip") + ".csv"
    names = [member.filename for member in members]
    if names != [expected]:
        raise ArchiveFault(file, f"holds {len(names)} members {names[:3]!r:.120}, expected only {expected}")
    member = members[0]
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise ArchiveFault(file, f"is encrypted or packed by method {member.compress_type}; expected plain deflate")
    if member.file_size > _limit(member):
        raise ArchiveFault(file, f"declares {member.file_size} bytes from {member.compress_size}: over the limits")
    return member


def _limit(member: zipfile.ZipInfo) -> int:
    return min(MAX_CSV_BYTES, MAX_RATIO * max(member.compress_size, 1))


def _rows(file: ArchiveFile, content: bytes) -> list[list[str]]:
    """Return the rows without the header that newer files have."""
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("ascii"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArchiveFault(file, f"holds no plain CSV ({error})") from error
    if rows and rows[0][0].strip().lower() == "open_time":
        rows = rows[1:]
    if not rows:
        raise ArchiveFault(file, "holds no bar")
    if wrong := next((row for row in rows if len(row) != KLINE_COLUMNS), None):
        raise ArchiveFault(file, f"has a row of {len(wrong)} fields, expected {KLINE_COLUMNS}: {wrong!r:.120}")
    return rows


def _times(file: ArchiveFile, texts: list[str]) -> NDArray[np.datetime64]:
    """Return open times in microseconds; each row's size tells its own unit."""
    micros = np.array([_microseconds(file, text) for text in texts], dtype=np.int64)
    off = micros % _DAY_US != 0
    if off.any():
        raise ArchiveFault(file, f"a bar opens at {_shown(int(micros[off][0]))}, expected 00:00 UTC")
    days = micros // _DAY_US
    stray = (days < _day_number(file.first)) | (days > _day_number(file.last))
    if stray.any():
        raise ArchiveFault(file, f"holds a bar of {_shown(int(micros[stray][0]))}, outside {file.first}..{file.last}")
    return micros.view("datetime64[us]")


def _microseconds(file: ArchiveFile, text: str) -> int:
    value = int(text) if text.strip().isdigit() else -1
    if _MILLISECONDS[0] <= value < _MILLISECONDS[1]:
        return value * 1_000
    if _MICROSECONDS[0] <= value < _MICROSECONDS[1]:
        return value
    raise ArchiveFault(file, f"open time {text!r:.40} is no epoch of 1990..2100 in milli- or microseconds")


def _number(file: ArchiveFile, text: str) -> float:
    """Return a float; an empty field is NaN for the contracts to find, other text is refused."""
    try:
        return float(text or "nan")
    except ValueError as error:
        raise ArchiveFault(file, f"{text!r:.40} is no number") from error


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _shown(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros / 1e6, tz=UTC):%Y-%m-%d %H:%M:%S}"
