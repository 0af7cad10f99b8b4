"""The sensors that tell people: stale data, broken contracts and coverage, failed runs; and the freshness checks.

They read the lakehouse's ledger and Dagster's run table, never the event log, and request no run. A tick whose message
could not be delivered fails, with the reason in the sensor's tick log, and the next tick sends it again.
"""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from quant_assets.manifests import MANIFESTS
from quant_resources.lakehouse.hashing import digest_of
from quant_resources.lakehouse.store import Lakehouse
from sensors.alerting import CONTRACT, COVERAGE, RUN, STALE, TOXIC
from sensors.ended_runs import ended_runs
from sensors.findings import Standing, consequences, contract_findings, run_findings, stale_findings, unjudged
from sensors.watching import Post, Watch, WatchedAsset, recent_verdicts, standing

LAKEHOUSE = "lakehouse"
FRESH_CHECK = "fresh"
FRESH_EVERY_SECONDS, CONTRACTS_EVERY_SECONDS, RUNS_EVERY_SECONDS = 300, 60, 60


def alert_sensors(watch: Watch, watched: Sequence[WatchedAsset]) -> list[dg.SensorDefinition]:
    """The three sensors of a profile."""
    return [stale_data_sensor(watch, watched), broken_contracts_sensor(watch), failed_runs_sensor(watch)]


def freshness_checks(watch: Watch, watched: Sequence[WatchedAsset]) -> list[dg.AssetChecksDefinition]:
    """A check ``fresh`` on each watched asset: its newest partition day against the one that is due by now."""
    return [_freshness_check(watch, asset) for asset in watched]


def stale_data_sensor(watch: Watch, watched: Sequence[WatchedAsset]) -> dg.SensorDefinition:
    """Sensor on assets that fall behind; it also shows their state as the check ``fresh``, without a run."""

    @dg.sensor(
        name="stale_data",
        minimum_interval_seconds=FRESH_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={LAKEHOUSE},
        description="Tells when the newest partition of an asset is older than the one that is due, and when it is not "
        "any more. Partition days count, never the time of a file or an event.",
    )
    def stale_data(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        lakehouse: Lakehouse = getattr(context.resources, LAKEHOUSE)
        standings = [standing(lakehouse, asset, watch.config, watch.clock()) for asset in watched]
        _show(context, watched, standings)
        post = Post(lakehouse, watch, frozenset({STALE}))
        return dg.SkipReason(post.settle(stale_findings(standings), post.accounts(), consequences(standings)))

    return stale_data


def broken_contracts_sensor(watch: Watch) -> dg.SensorDefinition:
    """Sensor on broken rules at ERROR and WARN, coverage among them."""

    @dg.sensor(
        name="broken_contracts",
        minimum_interval_seconds=CONTRACTS_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={LAKEHOUSE},
        description="Tells of every rule that withholds a partition (ERROR) or is shown on a recent one (WARN): toxic "
        "data, coverage, and all other contracts; and when it holds again.",
    )
    def broken_contracts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        lakehouse: Lakehouse = getattr(context.resources, LAKEHOUSE)
        post = Post(lakehouse, watch, frozenset({TOXIC, COVERAGE, CONTRACT}))
        accounts, addresses = post.accounts(), [t.name for t in post.addresses]
        seen = json.dumps([digest_of([lakehouse.root])[:8], lakehouse.version(MANIFESTS.name), addresses])
        if context.cursor == seen and not any(a.pending(addresses) for a in accounts):
            return dg.SkipReason("nothing was published or withheld since the last look")
        covered = {(a.alert.asset, p) for a in accounts for p in a.alert.partitions}
        rows = recent_verdicts(lakehouse, watch.config.recent_days, covered)
        said = post.settle(contract_findings(rows, watch.steps), accounts, unjudged(rows))
        context.update_cursor(seen)
        return dg.SkipReason(said)

    return broken_contracts


def failed_runs_sensor(watch: Watch) -> dg.SensorDefinition:
    """Sensor on runs that failed for another reason than a contract."""

    @dg.sensor(
        name="failed_runs",
        minimum_interval_seconds=RUNS_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={LAKEHOUSE},
        description="Tells when the newest run of the same assets failed (a source that does not answer, an error in "
        "code), and when a later one succeeded.",
    )
    def failed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        lakehouse: Lakehouse = getattr(context.resources, LAKEHOUSE)
        ends = ended_runs(context.instance, lakehouse, watch.clock())
        post = Post(lakehouse, watch, frozenset({RUN}))
        accounts = post.accounts()
        unknown = {(a.alert.asset, "") for a in accounts} - {(end.what, "") for end in ends}
        return dg.SkipReason(post.settle(run_findings(ends), accounts, unknown))

    return failed_runs


def _freshness_check(watch: Watch, asset: WatchedAsset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset.key,
        name=FRESH_CHECK,
        required_resource_keys={LAKEHOUSE},
        description="The newest published partition is the one that is due by now, by its own day. Shows, does not "
        "withhold: what is published stays true. Kept up to date by the sensor `stale_data`.",
    )
    def fresh(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = standing(getattr(context.resources, LAKEHOUSE), asset, watch.config, watch.clock())
        return dg.AssetCheckResult(passed=found.fresh, description=found.summary, metadata=_metadata(found))

    return fresh


def _show(context: dg.SensorEvaluationContext, watched: Sequence[WatchedAsset], standings: Sequence[Standing]) -> None:
    """Report the freshness checks that changed since the last tick, as evaluations without a run."""
    shown: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    for asset, found in zip(watched, standings, strict=True):
        if shown.get(found.asset) == found.summary:
            continue
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=asset.key,
                check_name=FRESH_CHECK,
                passed=found.fresh,
                description=found.summary,
                metadata=_metadata(found),
            )
        )
        shown[found.asset] = found.summary
    context.update_cursor(json.dumps(shown))


def _metadata(found: Standing) -> dict[str, Any]:
    return {"newest": found.newest or "none", "due": found.due or "none", "missing": len(found.missing)}
