"""Dagster calls that are not public (here and in ``sqlite_storage``): the events of many partitions stored together.

Dagster commits every event on its own and serialises it up to three times (4 to 38 ms each on disk); a backfill of a
thousand partitions spends most of its time there. Inside ``one_transaction`` storing waits: at the end of the block the
events go into the same tables, many rows a statement, one commit a database. ``StepLog`` lets Dagster make the first
events of each kind and makes the others like them. Storages other than the default SQLite one are left alone: slower
and equally correct.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage

from quant_resources.event_text import event_text
from quant_resources.sqlite_storage import kept_open

# Bounds how long a transaction holds SQLite's single write lock while the daemon and other runs wait.
MAX_EVENTS_PER_TRANSACTION = 1_000

# As an event holds them: Dagster makes a member of its enumeration at every look at an event's type.
MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
MATERIALIZATION_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
CHECK_PLANNED = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
TOGETHER = frozenset({MATERIALIZED, MATERIALIZATION_PLANNED, CHECKED, CHECK_PLANNED})


@contextmanager
def one_transaction(instance: dg.DagsterInstance) -> Iterator[list[EventLogEntry] | None]:
    """Store the asset and check events that are reported inside this block together, at its end, in their order.

    If the block raises, none of them is kept. Any other event (a log line, a change of the run's status) first stores
    what has been collected and is then stored at once. Blocks must not be nested. Yields what waits to be stored, None
    where the storage is another one and nothing waits.
    """
    storage: Any = instance.event_log_storage
    is_default = type(storage) is SqliteEventLogStorage
    if not is_default:
        yield None
        return
    collected: list[EventLogEntry] = []

    def store_event(event: EventLogEntry) -> None:
        if _can_wait(event):
            collected.append(event)
            return
        _store_together(storage, collected)
        collected.clear()
        SqliteEventLogStorage.store_event(storage, event)

    storage.store_event = store_event  # an instance attribute hides the method until it is deleted
    try:
        yield collected
    finally:
        del storage.store_event
    _store_together(storage, collected)


@contextmanager
def files_kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Inside this block SQLite does not clean up after each of a run's transactions, only once at the end."""
    storage: Any = instance.event_log_storage
    with ExitStack() as stack:
        if type(storage) is SqliteEventLogStorage:
            for shard in (run_id, INDEX_SHARD_NAME):
                stack.enter_context(closing(kept_open(Path(storage.path_for_shard(shard)))))
        yield


@contextmanager
def planned_events_together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Inside this block, a new run's "planned" events (one for each partition) are stored together."""
    create_run: Any = instance.create_run_for_job

    def create_in_one_transaction(*args: Any, **kwargs: Any) -> dg.DagsterRun:
        kwargs["run_id"] = kwargs.get("run_id") or str(uuid.uuid4())
        with one_transaction(instance):
            run: dg.DagsterRun = create_run(*args, **kwargs)
            return run

    instance.create_run_for_job = create_in_one_transaction  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def _can_wait(event: EventLogEntry) -> bool:
    """Asset and check events; a verdict without a partition (a whole run's) is left to Dagster's own code."""
    if not event.is_dagster_event or _kind(event) not in TOGETHER:
        return False
    return _kind(event) != CHECKED or _content(event).partition is not None


def _kind(event: EventLogEntry) -> str:
    return event.get_dagster_event().event_type_value


def _content(event: EventLogEntry) -> Any:  # what it is follows from the event's kind
    return event.get_dagster_event().event_specific_data


def _subject(event: EventLogEntry) -> Any:
    """Whatever has the asset and the partition of an event; None for a check's, which Dagster files elsewhere."""
    kind = _kind(event)
    if kind == MATERIALIZED:
        return _content(event).materialization
    return _content(event) if kind == MATERIALIZATION_PLANNED else None


def _store_together(storage: Any, events: Sequence[EventLogEntry]) -> None:
    """The same rows as one ``store_event`` call for each event: in the run's database, then in the index."""
    for start in range(0, len(events), MAX_EVENTS_PER_TRANSACTION):
        chunk = events[start : start + MAX_EVENTS_PER_TRANSACTION]
        rows = [_row(storage, event) for event in chunk]
        for run_id in dict.fromkeys(event.run_id for event in chunk):
            with storage.run_connection(run_id) as connection:
                own = [row for row in rows if row["run_id"] == run_id]
                connection.execute(SqlEventLogStorageTable.insert(), own)
        with storage.index_connection() as connection:
            ids = _insert(connection, rows)
            _index_assets(storage, connection, chunk, ids)
            _index_planned_checks(storage, connection, chunk, rows, ids)
            _index_checks(storage, connection, chunk, rows, ids)


def _row(storage: Any, event: EventLogEntry) -> dict[str, Any]:
    """The event in the columns of Dagster's table."""
    told, subject = event.get_dagster_event(), _subject(event)
    return {
        "run_id": event.run_id,
        "event": event_text(event),
        "dagster_event_type": told.event_type_value,
        "timestamp": storage._event_insert_timestamp(event),
        "step_key": told.step_key,
        "asset_key": None if subject is None else _key_text(subject.asset_key),
        "partition": None if subject is None else subject.partition or None,
    }


@lru_cache(maxsize=1_000)
def _key_text(key: dg.AssetKey) -> str:
    return key.to_string()


def _insert(connection: Any, rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows into the index; their ids are consecutive because the transaction holds the only write lock."""
    connection.execute(SqlEventLogStorageTable.insert(), rows)
    last = int(connection.execute(db.text("select last_insert_rowid()")).scalar_one())
    return list(range(last - len(rows) + 1, last + 1))


def _index_assets(storage: Any, connection: Any, events: Sequence[EventLogEntry], ids: Sequence[int]) -> None:
    """Tags of every materialization, and the asset's "latest" entry from its last event of each kind."""
    made = [(e, i) for e, i in zip(events, ids, strict=True) if _kind(e) == MATERIALIZED]
    if made:
        storage._store_asset_event_tags(connection, *zip(*made, strict=True))
    last: dict[Any, tuple[EventLogEntry, int]] = {}
    for event, event_id in zip(events, ids, strict=True):
        subject = _subject(event)
        if subject is not None:
            last[subject.asset_key, _kind(event)] = (event, event_id)
    for event, event_id in sorted(last.values(), key=lambda item: item[1]):
        storage._store_asset_event(connection, event, event_id)


def _index_planned_checks(
    storage: Any, connection: Any, events: Sequence[EventLogEntry], rows: list[dict[str, Any]], ids: Sequence[int]
) -> None:
    """One row for each partition of a planned check; Dagster serialises the event anew for every one of them."""
    planned = []
    for event, row, event_id in zip(events, rows, ids, strict=True):
        if _kind(event) != CHECK_PLANNED:
            continue
        check = _content(event)
        shared = {
            "asset_key": _key_text(check.asset_key),
            "check_name": check.check_name,
            "run_id": event.run_id,
            "execution_status": "PLANNED",
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": storage._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
        }
        partitions = check.partitions_subset.get_partition_keys() if check.partitions_subset else [None]
        planned += [{**shared, "partition": partition} for partition in partitions]
    if planned:
        connection.execute(AssetCheckExecutionsTable.insert(), planned)


def _index_checks(
    storage: Any, connection: Any, events: Sequence[EventLogEntry], rows: list[dict[str, Any]], ids: Sequence[int]
) -> None:
    """Verdicts into the rows that their "planned" events made, many at a time.

    A verdict that nothing planned gets a row of its own.
    """
    table = AssetCheckExecutionsTable
    verdicts = [
        (event, _verdict_row(storage, event, row, event_id))
        for event, row, event_id in zip(events, rows, ids, strict=True)
        if _kind(event) == CHECKED
    ]
    if not verdicts:
        return
    planned = {
        tuple(found)
        for found in connection.execute(
            db.select(table.c.asset_key, table.c.check_name, table.c.run_id, table.c.partition).where(
                table.c.run_id.in_(sorted({event.run_id for event, _ in verdicts}))
            )
        )
    }
    names = ("asset_key", "b_asset"), ("check_name", "b_check"), ("run_id", "b_run"), ("partition", "b_partition")
    known = [row for _, row in verdicts if tuple(row[bound] for _, bound in names) in planned]
    absent = [row for _, row in verdicts if tuple(row[bound] for _, bound in names) not in planned]
    if known:
        matches = db.and_(*(table.c[name] == db.bindparam(bound) for name, bound in names))
        changed: dict[str, Any] = {n: db.bindparam(f"v_{n}") for n in _VERDICT_COLUMNS}
        connection.execute(table.update().where(matches).values(changed), known)
    if absent:
        values = [{n: r[b] for n, b in names} | {n: r[f"v_{n}"] for n in _VERDICT_COLUMNS} for r in absent]
        connection.execute(table.insert(), values)


_VERDICT_COLUMNS = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)


def _verdict_row(storage: Any, event: EventLogEntry, row: dict[str, Any], event_id: int) -> dict[str, Any]:
    evaluation = _content(event)
    target = evaluation.target_materialization_data
    return {
        "b_asset": _key_text(evaluation.asset_key),
        "b_check": evaluation.check_name,
        "b_run": event.run_id,
        "b_partition": evaluation.partition,
        "v_execution_status": "SUCCEEDED" if evaluation.passed else "FAILED",
        "v_evaluation_event": row["event"],
        "v_evaluation_event_timestamp": storage._event_insert_timestamp(event),
        "v_evaluation_event_storage_id": event_id,
        "v_materialization_event_storage_id": target.storage_id if target else None,
    }
