"""A run whose process is gone is marked as failed; a live one is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, EngineEventData

from quant_resources.orphans import orphaned_runs
from sensors.orphaned_runs import orphaned_runs_sensor


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as found:
        yield found


def started_run(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    """A run that Dagster takes for running in the process `pid`."""

    @dg.job
    def nothing() -> None:
        pass

    run = instance.create_run_for_job(nothing)
    instance.report_engine_event("at work", run, EngineEventData({"pid": dg.MetadataValue.text(str(pid))}))
    instance.report_dagster_event(
        DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name="nothing"), run_id=run.run_id
    )
    return run


def dead_process() -> int:
    finished = subprocess.Popen([sys.executable, "-c", "pass"])
    finished.wait()
    return finished.pid


def test_a_run_whose_process_is_gone_is_marked_as_failed(instance: dg.DagsterInstance) -> None:
    run = started_run(instance, dead_process())
    assert [r.run_id for r in orphaned_runs(instance)] == [run.run_id]

    answer = orphaned_runs_sensor(dg.build_sensor_context(instance))

    assert isinstance(answer, dg.SkipReason) and run.run_id[:8] in str(answer.skip_message)
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert orphaned_runs(instance) == []


def test_a_run_whose_process_lives_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = started_run(instance, os.getpid())
    assert orphaned_runs(instance) == []
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
