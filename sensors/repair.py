"""Repair by itself: a job that asks the venue again for what is missing, and the sensor that notices that something is.

Belongs here: when a repair runs. What it does lies in ``quant_assets/repairing.py``.
"""

import hashlib
from typing import Any

import dagster as dg

EVERY_SECONDS = 3600
JOB, SENSOR = "repair", "repair_gaps"
LAKEHOUSE, VENUE = "lakehouse", "venue"


def repair_job(profile: Any) -> dg.JobDefinition:  # noqa: ANN401  # a Profile; importing it here would be a cycle
    """Job of one step: a bounded repair of a profile's gaps, published through the same contracts as any ingest."""

    @dg.op(name="repair_gaps_of_ohlcv", required_resource_keys={LAKEHOUSE, VENUE}, out=dg.Out(dg.Nothing))
    def step(context: dg.OpExecutionContext) -> None:
        from quant_assets.repairing import MAX_ASKED, repair
        from quant_assets.running import GraphRunner

        runner = GraphRunner(profile, context.instance, context.resources.lakehouse)
        report = repair(runner, context.resources.venue, max_asked=MAX_ASKED)
        told = {"gaps": report.found, "asked": report.taken, "requests": report.requests, **report.counts()}
        context.log.info(f"repair: {told}, judged again: {', '.join(report.judged_again) or 'none'}")
        context.add_output_metadata(told)
        if report.exit_code:
            broken = "; ".join(s.message for s in report.steps if s.exit_code)
            raise dg.Failure(f"days are still withheld after the repair: {broken}", allow_retries=False)

    @dg.job(
        name=JOB, description="Asks the venue again for exactly the bars that are missing; nothing is interpolated."
    )
    def repair_gaps() -> None:
        step()

    return repair_gaps


def repair_sensor(profile: Any, job: dg.JobDefinition, heals: bool) -> dg.SensorDefinition:  # noqa: ANN401  # as above
    """Sensor that requests the job once for each new state of the gaps, at most three times for the same bar.

    ``heals``: whether asking again can help (a live venue); it runs by itself only there.
    """

    @dg.sensor(
        name=SENSOR,
        job=job,
        minimum_interval_seconds=EVERY_SECONDS,
        required_resource_keys={LAKEHOUSE},
        default_status=dg.DefaultSensorStatus.RUNNING if heals else dg.DefaultSensorStatus.STOPPED,
        description="Notices listed, trading markets without a bar and asks the venue for them again, bounded.",
    )
    def gaps_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from quant_assets.bar_ledger import repairs
        from quant_assets.repairing import MAX_ASKED, find_gaps

        lakehouse = context.resources.lakehouse
        gaps = find_gaps(lakehouse, profile, max_asked=MAX_ASKED)
        if gaps.empty:
            return dg.SkipReason("no bar is missing that was not asked for often enough or confirmed as not traded")
        state = f"{gaps.to_csv(index=False)}{len(repairs(lakehouse))}"
        key = hashlib.sha256(state.encode()).hexdigest()[:16]
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"repair-{key}")])

    return gaps_sensor
