"""The only user of Dagster calls that are not public: many events of one run in one database transaction.

Dagster commits every event on its own (8 to 38 ms each on disk); a backfill of a thousand partitions spends most of its
time there. Inside ``one_transaction`` the very same storage code runs on one open connection and commits once. Storages
other than the default SQLite one are left alone: they get their events one by one, slower and equally correct.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import create_engine

# Longer transactions would make the daemon and other runs wait for SQLite's single write lock.
MAX_EVENTS_PER_TRANSACTION = 250
BUSY_SECONDS = 60


@contextmanager
def one_transaction(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Run the events stored inside this block on one connection per database, committed together at its end.

    If the block raises, none of its events are kept. Blocks must not be nested and must stay short
    (``MAX_EVENTS_PER_TRANSACTION``).
    """
    storage: Any = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage:
        yield
        return
    with storage.run_connection(run_id):
        pass  # creates the run's own database where this is its first event
    with ExitStack() as stack:
        index_shard = stack.enter_context(storage.index_connection())
        # The storage's own lock is held by the line above and is not reentrant, so the second database, which
        # exists by now, is opened here.
        run_engine = create_engine(storage.conn_string_for_shard(run_id), connect_args={"timeout": BUSY_SECONDS})
        stack.callback(run_engine.dispose)
        run_shard = stack.enter_context(run_engine.begin())
        storage.run_connection = lambda requested=None: nullcontext(run_shard if requested == run_id else index_shard)
        storage.index_connection = lambda: nullcontext(index_shard)
        try:
            yield
        finally:
            # The instance attributes hid the methods of the class; without them the methods are back.
            del storage.run_connection, storage.index_connection


@contextmanager
def planned_events_together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Inside this block, a new run's "planned" events (one for each partition) are committed together."""
    create_run: Any = instance.create_run_for_job

    def create_in_one_transaction(*args: Any, **kwargs: Any) -> dg.DagsterRun:
        kwargs["run_id"] = kwargs.get("run_id") or str(uuid.uuid4())
        with one_transaction(instance, kwargs["run_id"]):
            return create_run(*args, **kwargs)

    instance.create_run_for_job = create_in_one_transaction  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job
