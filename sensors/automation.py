"""What a daemon left alone computes: yesterday's market by schedule, and by declared conditions what rests on it.

The schedule asks the ledger which days are missing, so a day that a source did not deliver, or that nobody was there to
fetch, is fetched by a later tick. A derived partition is requested once all it rests on is published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import AutomationCondition as When
from dagster import partition_loading_context

from quant_assets.keys import LISTINGS, OHLCV, OHLCV_QUARANTINE, SCREENER_SNAPSHOT, asset_name
from quant_assets.manifests import Ledger
from quant_resources.lakehouse.store import Lakehouse
from sensors.alerting import shifted

LAKEHOUSE = "lakehouse"
SOURCES = (LISTINGS, OHLCV)
FROM_OUTSIDE = (*SOURCES, SCREENER_SNAPSHOT)
CATCH_UP = dt.timedelta(days=14)
EVERY_HOUR = "5 * * * *"
TRIED_AGAIN = "35 */6 * * *"
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
ACTIVE = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]  # fmt: skip


Condition = When[dg.AssetKey | dg.AssetCheckKey]


def derived_condition() -> Condition:
    """When a derived partition is computed: it is recent and missing, and all it rests on is published.

    Tried again every six hours. What is published is not asked for again: a decision of last Monday does not change
    because a bar was corrected; ``quant backfill`` does that, on request. (With an asset that reads its own past,
    Dagster asks for the partition before it as well; its content comes out the same.)
    """
    awaited: Any = When.any_deps_match(When.missing() & ~When.will_be_requested())
    news: Any = When.newly_missing() | When.any_deps_updated() | When.cron_tick_passed(TRIED_AGAIN)
    condition: Condition = (
        When.in_latest_time_window(CATCH_UP)
        & When.missing()
        & news.since_last_handled()
        & ~awaited
        & ~When.any_deps_in_progress()
        & ~When.in_progress()
    ).with_label("missing, and all it rests on is published")
    return condition


def automated(definition: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The definition with the condition on each of its assets; what comes from outside is left as it is."""
    if any(key in definition.keys for key in FROM_OUTSIDE):
        return definition
    condition = derived_condition()
    return definition.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=condition))


def automation_sensor(running: bool) -> dg.AutomationConditionSensorDefinition:
    """Dagster's own sensor that evaluates the conditions; ``running``: whether it starts switched on."""
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
    return dg.AutomationConditionSensorDefinition(
        "derived_assets",
        target=dg.AssetSelection.all() - dg.AssetSelection.assets(*SOURCES, OHLCV_QUARANTINE),
        default_status=status,
        description="Computes what rests on the market as soon as all of it is published.",
    )


def market_job() -> dg.UnresolvedAssetJobDefinition:
    """Listings and bars of one day or of a range."""
    return dg.define_asset_job(
        "market_days",
        selection=dg.AssetSelection.assets(*SOURCES, OHLCV_QUARANTINE),
        description="Listings and bars of one day, or of a range of days.",
    )


def daily_schedule(
    job: dg.UnresolvedAssetJobDefinition, partitions: dg.TimeWindowPartitionsDefinition, running: bool
) -> dg.ScheduleDefinition:
    """At 00:05 UTC yesterday's listings and bars; every hour after that, what of the last days is still missing."""

    @dg.schedule(
        name="daily_market",
        job=job,
        cron_schedule=EVERY_HOUR,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        required_resource_keys={LAKEHOUSE},
        description="At 00:05 UTC yesterday's listings and bars; every hour after that, what of the last days is "
        "still missing. A day that its contract withheld is not asked for again.",
    )
    def daily_market(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with partition_loading_context(effective_dt=context.scheduled_execution_time):
            last = partitions.get_last_partition_key()
        yesterday = (context.scheduled_execution_time.date() - dt.timedelta(days=1)).isoformat()
        if last is None:
            return dg.SkipReason("the profile has not begun yet")
        if last < yesterday:
            return dg.SkipReason(f"the profile ended on {last}")
        active = context.instance.get_run_records(dg.RunsFilter(job_name=job.name, statuses=ACTIVE), limit=1)
        if active:
            return dg.SkipReason(f"run {active[0].dagster_run.run_id[:8]} is still at it")
        missing = missing_days(getattr(context.resources, LAKEHOUSE), last)
        if not missing:
            return dg.SkipReason(f"all days up to {last} were fetched")
        return run_request(missing)

    return daily_market


def missing_days(lakehouse: Lakehouse, last: str) -> list[str]:
    """Days of the last two weeks, up to ``last``, that were never attempted since the market's newest history began.

    Where there is no history at all, only ``last``: a first backfill is a person's decision.
    """
    attempted = [set(Ledger(lakehouse).states(asset_name(key))) for key in SOURCES]
    complete = set.intersection(*attempted)
    since = max(min(complete, default=last), shifted(last, 1 - CATCH_UP.days))
    days = [shifted(last, -back) for back in range(CATCH_UP.days)]
    return sorted(day for day in days if day >= since and day not in complete)


def run_request(days: Sequence[str]) -> dg.RunRequest:
    """One run from the first to the last of these days; a single day as an ordinary partition."""
    if len(days) == 1:
        return dg.RunRequest(partition_key=days[0])
    tags: Mapping[str, str] = {FIRST: days[0], LAST: days[-1]}
    return dg.RunRequest(tags=dict(tags))
