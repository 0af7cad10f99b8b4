"""Marks runs as failed whose process died with the machine; Dagster would show them as running for ever."""

import dagster as dg

from quant_resources.orphans import orphaned_runs, reap

EVERY_SECONDS = 300


@dg.sensor(
    name="orphaned_runs",
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs as failed whose process no longer exists on this machine.",
)
def orphaned_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Reap orphaned runs; requests no run itself."""
    orphans = orphaned_runs(context.instance)
    reap(context.instance, orphans)
    names = ", ".join(run.run_id[:8] for run in orphans)
    return dg.SkipReason(f"marked as failed: {names}" if orphans else "every live run has its process")
