"""Events that are made like the first of their kind are those that Dagster would have made."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry

from quant_resources import step_log as module
from quant_resources.event_log import one_transaction
from quant_resources.step_log import StepLog

DAYS = dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-07", timezone="UTC")
RANGE = {"dagster/asset_partition_range_start": "2024-03-01", "dagster/asset_partition_range_end": "2024-03-06"}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
BARS, SMOOTH = dg.AssetKey(["venue", "bars"]), dg.AssetKey("smooth")
SEVERITIES = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as found:
        yield found


def _events(day: str, number: int) -> list[dg.AssetCheckEvaluation | dg.AssetMaterialization]:
    """What a partition has to tell: verdicts good and bad, with words and without, and two materializations."""
    checks = [
        dg.AssetCheckEvaluation(
            asset_key=key, check_name=name, passed=number % 3 != 1, partition=day, severity=SEVERITIES[number % 2],
            description=words, metadata={"breaches": number, "rules": dg.MetadataValue.md(f"**{number}**")},
        )
        for key, name, words in [(BARS, "l0", f"it's {number} rows"), (BARS, "l1", None), (SMOOTH, "l0", None)]
    ]  # fmt: skip
    made = [
        dg.AssetMaterialization(BARS, partition=day, metadata={"rows": number}, tags={"dagster/data_version": day}),
        dg.AssetMaterialization(SMOOTH, description=f"day {number}" if number % 3 else "", partition=day),
        dg.AssetMaterialization(SMOOTH, partition=day, metadata={"density": number / 7}),
    ]
    return [*checks, *made]


def _told(instance: dg.DagsterInstance, *, by_dagster: bool) -> tuple[list[EventLogEntry], dg.ExecuteInProcessResult]:
    """Entries of the event log of a run over six days, without what differs from run to run."""

    @dg.multi_asset(
        name="step",
        specs=[dg.AssetSpec(key, partitions_def=DAYS, skippable=True) for key in (BARS, SMOOTH)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def step(context):
        log = StepLog(context)
        with one_transaction(context.instance) as waiting:
            for number, day in enumerate(context.partition_keys):
                for event in _events(day, number):
                    if by_dagster:
                        context.log_event(event)
                    else:
                        log.log(event, waiting)
        return
        yield

    run = dg.materialize([step], instance=instance, tags=RANGE, run_config=QUIET)
    entries = [e for e in instance.all_logs(run.run_id) if _of_a_partition(e)]
    return [_lasting(e) for e in entries], run


def _of_a_partition(entry: EventLogEntry) -> bool:
    kinds = dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION
    return entry.is_dagster_event and entry.dagster_event_type in kinds


def _lasting(entry: EventLogEntry) -> EventLogEntry:
    told = entry.get_dagster_event()
    tags = {k: v for k, v in told.logging_tags.items() if k != "run_id"}
    return entry._replace(run_id="", timestamp=0.0, dagster_event=told._replace(logging_tags=tags))


def test_all_events_are_those_that_dagster_makes(instance):
    (expected, _), (found, _) = _told(instance, by_dagster=True), _told(instance, by_dagster=False)
    assert len(expected) == 6 * 6
    for one, other in zip(expected, found, strict=True):
        assert one == other


def test_dagster_itself_makes_two_of_each_kind_only(instance):
    _, run = _told(instance, by_dagster=False)
    made = [e for e in run.all_events if e.event_type_value in ("ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION")]
    assert len(made) == 6 * 2


def test_each_event_has_a_time_of_its_own(instance):
    _, run = _told(instance, by_dagster=False)
    times = [e.timestamp for e in instance.all_logs(run.run_id) if _of_a_partition(e)]
    assert times == sorted(times)
    assert len(set(times)) > len(times) // 2, "a clock may tick more slowly than events are made"


def test_where_dagster_makes_other_events_all_are_its_own(instance, monkeypatch):
    expected, _ = _told(instance, by_dagster=True)
    monkeypatch.setattr(module, "_message_of", lambda verdict: "as an earlier Dagster put it")
    found, run = _told(instance, by_dagster=False)
    assert found == expected
    made = [e for e in run.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    assert len(made) == 6 * 3


def test_another_storage_gets_every_event_from_dagster():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        found, run = _told(ephemeral, by_dagster=False)
        expected, _ = _told(ephemeral, by_dagster=True)
    assert found == expected
    assert len([e for e in run.all_events if e.event_type_value == "ASSET_MATERIALIZATION"]) == 6 * 3
