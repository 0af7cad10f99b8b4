"""Engines and empty databases kept for a block: what Dagster stores is the same as without it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage

from quant_resources.sqlite_storage import storage_set_up_once

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance():
    with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as found:
        yield found


def run_once(instance: dg.DagsterInstance) -> str:
    @dg.asset(name="bars")
    def bars():
        return dg.MaterializeResult(metadata={"rows": 3})

    return dg.materialize([bars], instance=instance, run_config=QUIET).run_id


def database(instance: dg.DagsterInstance, run_id: str) -> dict[str, object]:
    """Schema, revision and journal of a run's own database, and the kinds of events in it."""
    path = Path(instance.event_log_storage.path_for_shard(run_id))
    with closing(sqlite3.connect(path)) as connection:
        return {
            "schema": sorted(connection.execute("select type, name, sql from sqlite_master").fetchall(), key=str),
            "revision": connection.execute("select version_num from alembic_version").fetchall(),
            "journal": connection.execute("pragma journal_mode").fetchall(),
            "events": connection.execute("select dagster_event_type from event_logs order by id").fetchall(),
        }


def test_every_run_stores_what_it_stores_without_the_block(instance):
    plain = database(instance, run_once(instance))
    with storage_set_up_once(instance):
        kept = [database(instance, run_once(instance)) for _ in range(3)]

    assert plain["revision"] and plain["events"]
    assert kept == [plain] * 3
    assert len(instance.fetch_materializations(dg.AssetKey("bars"), limit=10).records) == 4
    assert not list(Path(instance.event_log_storage._base_dir).glob("*.tmp"))


def test_a_database_that_is_already_there_is_not_touched(instance):
    with storage_set_up_once(instance):
        first = run_once(instance)
        before = database(instance, first)
        instance.event_log_storage._initialized_dbs.discard(first)
        assert instance.all_logs(first)
        assert database(instance, first) == before


def open_databases() -> list[str]:
    """Names of the databases that this process has open, each as often as it does."""
    held = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            held.append(file.readlink().name)
    return sorted(name for name in held if name.endswith(".db"))


def test_files_stay_open_while_they_are_in_use_and_few_of_them(instance):
    before = open_databases()
    with storage_set_up_once(instance):
        run_once(instance)
        few = open_databases()
        runs = [run_once(instance) for _ in range(5)]
        # SQLite itself keeps a file of a closed connection, for the next one, as long as another has it open.
        assert set(open_databases()) == {*before, "runs.db", "index.db", f"{runs[-1]}.db"}
        assert len(open_databases()) == len(few)
        other = dg.DagsterInstance.from_ref(instance.get_ref())
        other.report_runless_asset_event(dg.AssetMaterialization("bars"))
        other.dispose()
    assert open_databases() == before
    assert len(instance.fetch_materializations(dg.AssetKey("bars"), limit=10).records) == 7
    history = Path(instance.event_log_storage._base_dir).parent
    assert not list(history.rglob("*-wal")), "what was written lies in the databases themselves"


def test_afterwards_dagster_is_as_it_was(instance):
    made, set_up = sqlite_event_log.create_engine, instance.event_log_storage._initdb
    with pytest.raises(RuntimeError, match="stop"), storage_set_up_once(instance):
        assert sqlite_event_log.create_engine is not made
        raise RuntimeError("stop")

    assert sqlite_event_log.create_engine is sqlite_run_storage.create_engine is made
    assert instance.event_log_storage._initdb == set_up


def test_another_storage_is_left_alone():
    made = sqlite_event_log.create_engine
    with dg.DagsterInstance.ephemeral() as ephemeral, storage_set_up_once(ephemeral):
        assert sqlite_event_log.create_engine is made
        assert run_once(ephemeral)
