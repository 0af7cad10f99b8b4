"""Dagster's SQLite files opened with less ceremony while one process makes run after run.

Dagster makes a new SQLAlchemy engine for every statement block, which compiles every statement anew, opens and closes
the file for it, and sets up the database of each run by loading half a hundred migration scripts: together a seventh of
a small backfill. All three are kept here for the length of a block; what is stored is the same. Uses Dagster calls that
are not public, as ``event_log`` does; storages other than the default SQLite ones are left alone.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite import sqlite_run_storage

# The runs, the index of all events, and the events of the run itself.
FILES_HELD = 3


@contextmanager
def storage_set_up_once(instance: dg.DagsterInstance) -> Iterator[None]:
    """Inside this block an engine is made once for each database, its file stays open while it is in use, and a run's
    database is copied from an empty one.
    """
    storage: Any = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage:
        yield
        return
    engines = _Engines()
    with ExitStack() as stack, closing(engines):
        for module in (sqlite_event_log, sqlite_run_storage):
            stack.enter_context(_replaced(module, "create_engine", engines.engine))
        stack.enter_context(_run_databases_copied(storage))
        yield


class _Engines:
    """One engine for each address, and the files that were used last kept open: a backfill may make many runs."""

    def __init__(self) -> None:
        self._made: dict[str, db.Engine] = {}
        self._held: dict[str, sqlite3.Connection] = {}

    def engine(self, url: str, **options: object) -> db.Engine:
        if url not in self._made:
            self._made[url] = db.create_engine(url, **options)
        self._hold(url, Path(str(self._made[url].url.database)))
        return self._made[url]

    def _hold(self, url: str, file: Path) -> None:
        """Keep a file open that exists, and as few others as Dagster uses in turn."""
        if url in self._held:
            self._held[url] = self._held.pop(url)
        elif file.exists():
            self._held[url] = kept_open(file)
        if len(self._held) > FILES_HELD:
            self._held.pop(next(iter(self._held))).close()

    def close(self) -> None:
        for connection in self._held.values():
            connection.close()
        self._held.clear()


def kept_open(file: Path) -> sqlite3.Connection:
    """A connection that holds no lock and only keeps SQLite from cleaning up after others.

    SQLite moves all new pages from its log into the database whenever the last connection is closed, and waits for the
    disk; Dagster opens and closes one for every block of statements.
    """
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute("select 1 from sqlite_master limit 1").fetchall()
    return connection


@contextmanager
def _run_databases_copied(storage: SqliteEventLogStorage) -> Iterator[None]:
    """Dagster's own code sets up one empty database; every run that has none yet gets a copy of it."""
    set_up = storage._initdb
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.db"

        def initdb(engine: db.Engine, for_index_shard: bool = False) -> None:
            if for_index_shard or Path(str(engine.url.database)).exists():
                set_up(engine, for_index_shard)
                return
            if not empty.exists():
                made = db.create_engine(f"sqlite:///{empty}", poolclass=db.pool.NullPool)
                set_up(made)
                made.dispose()
            _place(empty.read_bytes(), Path(str(engine.url.database)))

        with _replaced(storage, "_initdb", initdb):
            yield


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """``owner.name`` is ``value`` inside the block."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _place(content: bytes, target: Path) -> None:
    """A file with this content, whole from its first moment; one that appears meanwhile is left as it is."""
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp") as file:
        file.write(content)
        file.flush()
        try:
            os.link(file.name, target)
        except FileExistsError:
            return
