"""Runs whose worker process is gone: Dagster itself leaves them "started" for ever after a machine crash."""

from __future__ import annotations

import os
from collections.abc import Sequence

import dagster as dg

LIVE = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def orphaned_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Live runs whose recorded process does not exist on this machine; runs without a recorded process are left out."""
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=LIVE))]
    return [run for run in runs if (pid := _worker(instance, run.run_id)) is not None and not _exists(pid)]


def reap(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]) -> int:
    """Mark runs as failed with the reason; returns how many."""
    for run in runs:
        instance.report_run_failed(run, "orphaned: its process no longer exists")
    return len(runs)


def _worker(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """Process id that the run's events recorded."""
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None or event.event_type != dg.DagsterEventType.ENGINE_EVENT:
            continue
        value = event.engine_event_data.metadata.get("pid")
        if value is not None:
            return int(str(value.value))
    return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
