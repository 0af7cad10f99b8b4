"""Many events stored together: the same events as one by one, all of them or none."""

from __future__ import annotations

import inspect
from contextlib import nullcontext

import dagster as dg
import pytest
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from quant_resources.event_log import (
    MAX_EVENTS_PER_TRANSACTION,
    TOGETHER,
    _can_wait,
    _row,
    one_transaction,
    planned_events_together,
)

DAYS = dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-07", timezone="UTC")
RANGE = {"dagster/asset_partition_range_start": "2024-03-01", "dagster/asset_partition_range_end": "2024-03-06"}
CHECK = "l0_contract"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as found:
        assert type(found.event_log_storage) is SqliteEventLogStorage
        yield found


def _asset(name: str, together: bool, fail_at: str = "") -> dg.AssetsDefinition:
    """A range run that logs a verdict and a materialization for each day, together or one by one."""
    key = dg.AssetKey(name)

    @dg.multi_asset(
        name=name,
        specs=[dg.AssetSpec(key, partitions_def=DAYS, skippable=True)],
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, partitions_def=DAYS)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def step(context):
        with one_transaction(context.instance) if together else nullcontext():
            for number, day in enumerate(context.partition_keys):
                if day == fail_at:
                    raise RuntimeError("power cut")
                for passed in (False, day != "2024-03-04"):  # a second verdict replaces the first
                    context.log_event(
                        dg.AssetCheckEvaluation(
                            asset_key=key, check_name=CHECK, passed=passed, partition=day,
                            severity=dg.AssetCheckSeverity.WARN, metadata={"breaches": number},
                        )
                    )  # fmt: skip
                context.log_event(
                    dg.AssetMaterialization(
                        key, partition=day, metadata={"rows": number}, tags={"dagster/data_version": f"v{number}"}
                    )
                )
        yield dg.AssetCheckResult(asset_key=key, check_name=CHECK, passed=False)

    return step


def _run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    return dg.materialize([asset], instance=instance, tags=RANGE, run_config=QUIET, raise_on_error=False)


def _stored(instance: dg.DagsterInstance, name: str, run_id: str) -> dict[str, object]:
    """Everything about the asset that Dagster's calls answer."""
    key, storage = dg.AssetKey(name), instance.event_log_storage
    records = instance.fetch_materializations(key, limit=100).records
    ids = [r.storage_id for r in records]
    logs = [e for e in instance.all_logs(run_id) if e.is_dagster_event]
    entry = instance.get_asset_records([key])[0].asset_entry
    verdicts = [e.dagster_event.event_specific_data for e in logs if e.dagster_event_type == _CHECKED]
    return {
        "materializations": [
            (m.partition, m.metadata["rows"].value, m.tags) for m in (r.asset_materialization for r in records)
        ],
        "ids descend": ids == sorted(set(ids), reverse=True),
        "partitions": sorted(instance.get_materialized_partitions(key)),
        "newest": (entry.last_materialization.asset_materialization.partition, entry.last_run_id == run_id),
        "newest is the last id": entry.last_materialization_storage_id == max(ids),
        "by tag": [
            sorted(t.items()) for t in storage.get_event_tags_for_asset(key, filter_tags={"dagster/data_version": "v3"})
        ],
        "events of the run, in order": [
            (e.dagster_event.event_type_value, e.dagster_event.partition)
            for e in logs
            if e.dagster_event.asset_key == key and e.dagster_event_type != _CHECKED
        ],
        "verdicts": [(v.partition, v.passed, sorted((k, m.value) for k, m in v.metadata.items())) for v in verdicts],
        "history": sorted(
            (str(r.partition), r.status.value, r.evaluation is not None and r.evaluation.passed)
            for r in storage.get_asset_check_execution_history(dg.AssetCheckKey(key, CHECK), limit=100)
        ),
        "status": instance.get_run_by_id(run_id).status,
    }


_CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def test_events_stored_together_are_those_stored_one_by_one(instance):
    stored = []
    for together in (False, True):
        name = f"bars_{together}"
        result = _run(instance, _asset(name, together))
        assert result.success
        stored.append(_stored(instance, name, result.run_id))
    one_by_one, at_once = stored
    assert len(at_once["materializations"]) == 6
    assert at_once["ids descend"] and at_once["newest is the last id"]
    assert at_once["newest"] == ("2024-03-06", True)
    assert ("2024-03-04", "FAILED", False) in at_once["history"]
    assert ("2024-03-06", "SUCCEEDED", True) in at_once["history"]
    for answer, expected in one_by_one.items():
        assert at_once[answer] == expected, answer


def test_an_exception_inside_keeps_none_of_the_events_and_the_run_is_told(instance):
    result = _run(instance, _asset("cut", together=True, fail_at="2024-03-05"))
    assert not result.success
    assert instance.get_materialized_partitions(dg.AssetKey("cut")) == set()
    kinds = [e.dagster_event_type for e in instance.all_logs(result.run_id) if e.is_dagster_event]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION not in kinds
    assert _CHECKED not in kinds
    assert dg.DagsterEventType.STEP_FAILURE in kinds, "events after the block are stored as always"
    assert instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.FAILURE
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("cut"), CHECK), limit=100
    )
    assert [r.evaluation for r in history if r.partition is not None and r.status.value == "SUCCEEDED"] == []


def test_without_the_block_the_events_before_an_exception_are_kept(instance):
    _run(instance, _asset("cut_one_by_one", together=False, fail_at="2024-03-05"))
    assert len(instance.get_materialized_partitions(dg.AssetKey("cut_one_by_one"))) == 4


def test_the_storage_is_as_before_after_the_block(instance):
    storage = instance.event_log_storage
    before = set(vars(storage))
    with pytest.raises(RuntimeError), one_transaction(instance):
        raise RuntimeError
    assert set(vars(storage)) == before
    assert storage.store_event.__func__ is SqliteEventLogStorage.store_event


def test_blocks_after_each_other_and_events_between_them_are_all_kept(instance):
    key = dg.AssetKey("in_turn")
    for number, day in enumerate(["2024-03-01", "2024-03-02", "2024-03-03"]):
        with one_transaction(instance) if number != 1 else nullcontext():
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))
    assert instance.get_materialized_partitions(key) == {"2024-03-01", "2024-03-02", "2024-03-03"}


def test_more_events_than_fit_in_one_transaction_are_all_kept_in_order(instance):
    key, count = dg.AssetKey("many"), MAX_EVENTS_PER_TRANSACTION + 7
    with one_transaction(instance):
        for number in range(count):
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=f"p{number:04d}"))
    records = instance.fetch_materializations(key, limit=count + 1).records
    assert [r.asset_materialization.partition for r in records] == [f"p{n:04d}" for n in reversed(range(count))]
    assert len(instance.get_materialized_partitions(key)) == count


def test_an_empty_block_stores_nothing(instance):
    before = instance.event_log_storage.get_maximum_record_id()
    with one_transaction(instance):
        pass
    assert instance.event_log_storage.get_maximum_record_id() == before


def test_another_storage_gets_its_events_one_by_one():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        assert _run(ephemeral, _asset("bars", together=True)).success
        assert len(ephemeral.get_materialized_partitions(dg.AssetKey("bars"))) == 6


def test_planned_events_of_a_new_run_are_the_same_together(instance):
    stored = []
    for together in (False, True):
        name = f"planned_{together}"
        with planned_events_together(instance) if together else nullcontext():
            result = _run(instance, _asset(name, together=False))
        assert result.success
        stored.append(_stored(instance, name, result.run_id))
        assert "create_run_for_job" not in vars(instance), "the instance's own method is back"
    assert any(kind == "ASSET_MATERIALIZATION_PLANNED" for kind, _ in stored[0]["events of the run, in order"])
    assert stored[0] == stored[1]


def test_a_run_that_cannot_be_made_leaves_the_instance_as_it_was(instance):
    runs = instance.get_runs_count()
    with planned_events_together(instance), pytest.raises(Exception, match="2031-01-01"):
        dg.materialize([_asset("never", False)], instance=instance, partition_key="2031-01-01")
    assert "create_run_for_job" not in vars(instance)
    assert "store_event" not in vars(instance.event_log_storage)
    assert instance.get_runs_count() == runs


# ---------------------------------------------------------------- what an upgrade of Dagster may break


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("store_event", ["self", "event"]),
        ("run_connection", ["self", "run_id"]),
        ("index_connection", ["self"]),
        ("store_asset_check_event", ["self", "event", "event_id"]),
        ("_event_insert_timestamp", ["self", "event"]),
        ("_store_asset_event_tags", ["self", "conn", "events", "event_ids"]),
        ("_store_asset_event", ["self", "conn", "event", "event_id"]),
    ],
)
def test_the_private_calls_of_dagster_that_are_used_still_exist(name, parameters):
    """Fails loudly after an upgrade that changed one; read all of quant_resources/event_log.py again before mending."""
    call = getattr(SqliteEventLogStorage, name, None)
    assert callable(call), f"SqliteEventLogStorage.{name} is gone"
    assert list(inspect.signature(call).parameters) == parameters


def test_a_row_is_the_one_that_dagster_makes(instance):
    run = _run(instance, _asset("in_rows", together=False))
    events = [event for event in instance.all_logs(run.run_id) if _can_wait(event)]
    storage = instance.event_log_storage
    assert {event.dagster_event.event_type_value for event in events} == TOGETHER
    assert [_row(storage, event) for event in events] == [storage._event_to_row(event) for event in events]


def test_the_tables_of_dagster_that_are_written_still_have_these_columns():
    assert {"id", "run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition"} <= set(
        SqlEventLogStorageTable.c.keys()
    )
    assert set(AssetCheckExecutionsTable.c.keys()) == {
        "id", "asset_key", "check_name", "partition", "run_id", "execution_status", "evaluation_event",
        "evaluation_event_timestamp", "evaluation_event_storage_id", "materialization_event_storage_id",
        "create_timestamp",
    }  # fmt: skip


def test_a_new_run_is_still_made_by_the_call_that_is_wrapped():
    assert "run_id" in inspect.signature(dg.DagsterInstance.create_run_for_job).parameters
    assert callable(dg.DagsterInstance.report_dagster_event)


def test_a_connection_is_still_one_transaction_that_its_block_commits():
    assert "conn.begin()" in inspect.getsource(SqliteEventLogStorage._connect)
