"""Dagster's SQLite files opened with less ceremony while one process makes run after run.

Dagster makes a new SQLAlchemy engine for every statement block, which compiles every statement anew, and sets up the
database of each run by loading half a hundred migration scripts: together a seventh of a small backfill. Both are
kept here for the length of a block; what is stored is the same. Uses Dagster calls that are not public, as
``event_log`` does; storages other than the default SQLite ones are left alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite import sqlite_run_storage


@contextmanager
def storage_set_up_once(instance: dg.DagsterInstance) -> Iterator[None]:
    """Inside this block an engine is made once for each database, and a run's database is copied from an empty one."""
    storage: Any = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage:
        yield
        return
    engines = _Engines()
    with ExitStack() as stack:
        for module in (sqlite_event_log, sqlite_run_storage):
            stack.enter_context(_replaced(module, "create_engine", engines.engine))
        stack.enter_context(_run_databases_copied(storage))
        yield


class _Engines:
    """One engine for each address. They pool no connection (``NullPool``), so keeping one keeps no file open."""

    def __init__(self) -> None:
        self._made: dict[str, db.Engine] = {}

    def engine(self, url: str, **options: object) -> db.Engine:
        if url not in self._made:
            self._made[url] = db.create_engine(url, **options)
        return self._made[url]


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
