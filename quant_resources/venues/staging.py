"""Finished symbols of an unfinished range, kept on disk so that a killed fetch goes on where it stopped.

One Arrow file a symbol, written beside and moved into place, so that a kill leaves a whole file or none. A file says
itself what it answers (exchange, address, symbol, range) and carries a digest of its rows: one that does not fit, is
damaged or too old is left aside and the exchange is asked again. Nothing here is a source of truth: `discard` removes
a range once it is published, and `sweep` what was forgotten.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_resources.venues.ccxt_klines import VALUE_COLUMNS, BarBlock

FORMAT = 1
_META_KEY = b"staged"
_FOLDER = re.compile(r"[0-9a-f]{16}_\d{8}_\d{8}")


@dataclass(frozen=True)
class StagedRange:
    """What a staged answer answers: bars of the closed days `start`..`end` of one exchange at one address."""

    exchange: str
    address: str
    start: date
    end: date

    @property
    def folder_name(self) -> str:
        """Name of the range's folder: readable dates, and a digest of where the bars come from."""
        source = hashlib.sha256(f"{FORMAT}\n{self.exchange}\n{self.address}".encode()).hexdigest()[:16]
        return f"{source}_{self.start:%Y%m%d}_{self.end:%Y%m%d}"


@dataclass(frozen=True)
class StagedAnswer:
    """A symbol's complete answer: its bars, when they were read (UTC), and a remark of the fetch, if any."""

    block: BarBlock
    read_at: pd.Timestamp
    remark: str = ""


class Staging:
    """The folder of staged answers; every file name is made here, whatever a symbol is called."""

    def __init__(self, root: Path, max_age: timedelta) -> None:
        self.root = root
        self._max_age = max_age

    def path(self, asked: StagedRange, symbol: str) -> Path:
        """Return where the answer of `symbol` lies: a digest of the name, and of the name only harmless letters."""
        readable = re.sub(r"[^A-Za-z0-9]+", "_", symbol, flags=re.ASCII)[:40]
        digest = hashlib.sha256(symbol.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        return self.root / asked.folder_name / f"{readable}-{digest}.arrow"

    def write(self, asked: StagedRange, symbol: str, answer: StagedAnswer) -> None:
        """Keep a complete answer; an earlier one of the same symbol and range is replaced in one step.

        Raises UsageError where the folder cannot be written.
        """
        import pyarrow as pa

        target = self.path(asked, symbol)
        columns: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {"open_ms": answer.block.open_ms}
        columns |= {name: answer.block.values[:, k] for k, name in enumerate(VALUE_COLUMNS)}
        meta = {_META_KEY: json.dumps(_meta(asked, symbol, answer)).encode()}
        table = pa.table(columns).replace_schema_metadata(meta)
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_file(buffer, table.schema) as writer:
            writer.write_table(table)
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(target, buffer.getvalue().to_pybytes())
        except OSError as error:
            raise UsageError(
                f"staging folder {self.root} cannot be written ({error.strerror}); set `staging` of the venue to a "
                "folder that can, or `resume: false`"
            ) from error

    def read(self, asked: StagedRange, symbol: str, now: pd.Timestamp) -> StagedAnswer | None:
        """Return the staged answer, None without a whole, fitting one that was read at most `max_age` before `now`."""
        import pyarrow as pa

        path = self.path(asked, symbol)
        if not path.is_file() or path.is_symlink():
            return None
        try:
            table = pa.ipc.open_file(pa.BufferReader(path.read_bytes())).read_all()
            meta = json.loads((table.schema.metadata or {})[_META_KEY])
            block = BarBlock(
                table.column("open_ms").to_numpy(),
                np.column_stack([table.column(name).to_numpy() for name in VALUE_COLUMNS]).reshape(
                    -1, len(VALUE_COLUMNS)
                ),
            )
            answer = StagedAnswer(block, pd.Timestamp(meta["read_at"]).as_unit("us"), meta["remark"])
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
            return None
        age = now - answer.read_at
        fits = meta == _meta(asked, symbol, answer) and pd.Timedelta(0) <= age <= self._max_age
        return answer if fits else None

    def discard(self, asked: StagedRange) -> None:
        """Remove everything staged for a range: it is published, or it shall be asked anew."""
        folder = self.root / asked.folder_name
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def discard_within(self, asked: StagedRange) -> None:
        """Remove every range of the same source that lies within `asked`."""
        source, first, last = asked.folder_name.split("_")
        for folder in self._folders():
            its_source, its_first, its_last = folder.name.split("_")
            if its_source == source and first <= its_first and its_last <= last:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove ranges in which nothing was written for `max_age`; folders that are not ours are left alone."""
        oldest = time.time() - self._max_age.total_seconds()
        for folder in self._folders():
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        found = self.root.iterdir() if self.root.is_dir() else ()
        return [f for f in found if _FOLDER.fullmatch(f.name) and f.is_dir() and not f.is_symlink()]


def _replace(target: Path, content: bytes) -> None:
    """Write beside `target` and move into place: a kill leaves the old file or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def default_staging_root() -> Path:
    """Return the user's cache folder for staged answers (`XDG_CACHE_HOME`, else `~/.cache`)."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "quant-assets" / "staging"


def _meta(asked: StagedRange, symbol: str, answer: StagedAnswer) -> dict[str, object]:
    """Everything a file must say to be believed."""
    described = {name: str(value) for name, value in asdict(asked).items()}
    digest = hashlib.sha256(np.ascontiguousarray(answer.block.open_ms).tobytes())
    digest.update(np.ascontiguousarray(answer.block.values).tobytes())
    return described | {
        "format": FORMAT,
        "symbol": symbol,
        "read_at": str(answer.read_at),
        "remark": answer.remark,
        "rows": len(answer.block),
        "digest": digest.hexdigest(),
    }
