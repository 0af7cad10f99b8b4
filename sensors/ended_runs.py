"""The newest end of every kind of run, from Dagster's run storage (not its event log, which costs more to read)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import dagster as dg

from quant_assets.manifests import MANIFESTS, REFUSED
from quant_resources.lakehouse.files import dataset_of
from quant_resources.lakehouse.store import Lakehouse
from sensors.findings import RunEnd

LOOK_BACK = dt.timedelta(days=3)
MAX_RUNS = 300
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
WILL_RETRY = "dagster/will_retry"
PARTITION, FIRST, LAST = "dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
MAX_NAMED = 3
UNNAMED = "__"
"""Jobs that Dagster makes itself, for example for a backfill in process."""


def ended_runs(instance: dg.DagsterInstance, lakehouse: Lakehouse, now: dt.datetime) -> list[RunEnd]:
    """The newest end of each kind of run (same assets, or same job) of the last days.

    A run that failed because a contract withheld partitions counts as ended well: its alert is the contract's. A run
    that Dagster will try again counts not at all.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, updated_after=now - LOOK_BACK), limit=MAX_RUNS, order_by="update_timestamp"
    )
    newest: dict[str, dg.DagsterRun] = {}
    names: dict[str, str] = {}
    for run in (record.dagster_run for record in records):
        if run.tags.get(WILL_RETRY) != "true":
            newest.setdefault(what_ran(instance, run, names), run)
    failed = [run.run_id for run in newest.values() if run.status is dg.DagsterRunStatus.FAILURE]
    by_contract = _runs_with_refusals(lakehouse, failed)
    return [_end(instance, what, run, run.run_id in by_contract) for what, run in newest.items()]


def what_ran(instance: dg.DagsterInstance, run: dg.DagsterRun, known: dict[str, str]) -> str:
    """The assets of a run, or its job. ``known`` keeps the answers for unnamed jobs by their snapshot."""
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    if assets:
        return _named(assets)
    snapshot = run.job_snapshot_id
    if not run.job_name.startswith(UNNAMED) or snapshot is None:
        return run.job_name
    if snapshot not in known:
        nodes = instance.get_job_snapshot(snapshot).dep_structure_snapshot.node_invocation_snaps
        known[snapshot] = _named(sorted(node.node_name.replace("__", "/") for node in nodes))
    return known[snapshot]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _end(instance: dg.DagsterInstance, what: str, run: dg.DagsterRun, by_contract: bool) -> RunEnd:
    tags = run.tags
    place = tags.get(PARTITION) or " .. ".join(tags[name] for name in (FIRST, LAST) if name in tags)
    failed = run.status is dg.DagsterRunStatus.FAILURE and not by_contract
    return RunEnd(run.run_id, what, place, failed, _why(instance, run.run_id) if failed else "")


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """Message of the first failed step, or of the run's own failure."""
    said = ""
    for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data
            return str(told.description) if told else data.error_display_string.strip().splitlines()[0]
        said = event.message or said
    return said or "it failed before any step; see its log"


def _runs_with_refusals(lakehouse: Lakehouse, run_ids: Iterable[str]) -> set[str]:
    """Those runs that recorded a refused partition."""
    import pyarrow.dataset as ds

    wanted, table = sorted(run_ids), lakehouse.open(MANIFESTS.name)
    if not wanted or table is None:
        return set()
    condition = ds.field("run_id").isin(wanted) & (ds.field("status") == REFUSED)
    return set(dataset_of(table).to_table(columns=["run_id"], filter=condition)["run_id"].to_pylist())
