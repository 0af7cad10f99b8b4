"""Telling Dagster what was published: verdicts, materializations, metadata; and failing the step where it must.

A run of one partition uses Dagster's ordinary results. A run over a range logs one verdict for each level and one
materialization for each partition, because Dagster itself would give all of them one data version and one verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import PublishedAsset
from quant_assets.errors import QuantError
from quant_assets.keys import check_name

if TYPE_CHECKING:
    from quant_assets.manifests import InputSlice
    from quant_assets.storing import Outcome

EXIT_CODE = "exit_code"
INPUT_VERSION_TAG = "dagster/input_data_version"
INPUT_POINTER_TAG = "dagster/input_event_pointer"
NO_POINTER = "NULL"


def failure(asset: PublishedAsset, message: str, exit_code: int) -> dg.Failure:
    """The step's failure, carrying the exit code that the command line returns. Never retried: data do not heal."""
    return dg.Failure(
        f"{asset.name}: {message}", metadata={EXIT_CODE: dg.MetadataValue.int(exit_code)}, allow_retries=False
    )


def announce(
    context: dg.AssetExecutionContext,
    asset: PublishedAsset,
    keys: Sequence[str],
    outcomes: Sequence[Outcome],
    picture: str | None,
    stopped: QuantError | None = None,
) -> Iterator[Any]:
    """Events of all partitions, then the step's failure if any of them was refused or ``stopped`` the run."""
    refused = [o for o in outcomes if not o.published]
    if len(keys) == 1 and outcomes:
        yield from _one(asset, outcomes[0], picture)
    elif outcomes:
        if not refused and not stopped and _has_downstream_in_run(context, asset):
            # Steps behind this one in the same run wait for an output; the exact events below supersede its own.
            yield from (dg.MaterializeResult(asset_key=key) for key in _keys_of(asset))
        _log_range(context, asset, outcomes, picture)
        yield from (_summary(asset, level, outcomes) for level in asset.levels)
    if stopped is not None:
        raise failure(asset, str(stopped), stopped.exit_code) from stopped
    if refused:
        raise _refused(asset, refused)


def _one(asset: PublishedAsset, outcome: Outcome, picture: str | None) -> Iterator[Any]:
    for verdict in outcome.verdicts:
        yield dg.AssetCheckResult(
            asset_key=asset.key,
            check_name=check_name(verdict.level),
            passed=verdict.passed and not verdict.warnings,
            severity=_severity(verdict),
            description=verdict.summary(),
            metadata=_verdict_metadata(verdict),
        )
    if not outcome.published:
        return
    yield dg.MaterializeResult(
        asset_key=asset.key,
        data_version=dg.DataVersion(outcome.manifest.data_version),
        metadata=_metadata(outcome, picture),
    )
    for companion in asset.companions:
        rows = outcome.companion_rows.get(companion.table.name, 0)
        yield dg.MaterializeResult(asset_key=companion.key, metadata={"dagster/row_count": rows})


def _log_range(
    context: dg.AssetExecutionContext,
    asset: PublishedAsset,
    outcomes: Sequence[Outcome],
    picture: str | None,
) -> None:
    """One verdict for each level and one materialization for each published partition, in few transactions."""
    # On first use: Dagster's storage is not needed to load the graph.
    from quant_resources.event_log import MAX_EVENTS_PER_TRANSACTION, files_kept_open, one_transaction
    from quant_resources.step_log import StepLog

    last = max((o.manifest.partition for o in outcomes if o.published), default="")
    pointers = _input_pointers(context, asset)
    each = len(asset.levels) + 1 + len(asset.companions)
    chunk = max(1, MAX_EVENTS_PER_TRANSACTION // each)
    log = StepLog(context)
    with files_kept_open(context.instance, context.run_id):
        for start in range(0, len(outcomes), chunk):
            with one_transaction(context.instance) as waiting:
                for outcome in outcomes[start : start + chunk]:
                    shown = picture if outcome.manifest.partition == last else None
                    for event in _events(asset, outcome, shown, pointers):
                        log.log(event, waiting)


def _events(
    asset: PublishedAsset, outcome: Outcome, picture: str | None, pointers: Mapping[str, str]
) -> Iterator[dg.AssetCheckEvaluation | dg.AssetMaterialization]:
    for verdict in outcome.verdicts:
        yield dg.AssetCheckEvaluation(
            asset_key=asset.key,
            check_name=check_name(verdict.level),
            passed=verdict.passed and not verdict.warnings,
            severity=_severity(verdict),
            description=verdict.summary(),
            metadata=_verdict_metadata(verdict),
            partition=outcome.manifest.partition,
            blocking=True,
        )
    if not outcome.published:
        return
    yield dg.AssetMaterialization(
        asset_key=asset.key,
        partition=outcome.manifest.partition,
        metadata=_metadata(outcome, picture),
        tags={
            "dagster/data_version": outcome.manifest.data_version,
            "dagster/data_version_is_user_provided": "true",
            "dagster/code_version": outcome.manifest.code_version,
            **{f"{INPUT_VERSION_TAG}/{i.asset}": i.digest for i in outcome.manifest.inputs},
            **pointers,
        },
    )
    for companion in asset.companions:
        rows = outcome.companion_rows.get(companion.table.name, 0)
        yield dg.AssetMaterialization(
            asset_key=companion.key, partition=outcome.manifest.partition, metadata={"dagster/row_count": rows}
        )


def _input_pointers(context: dg.AssetExecutionContext, asset: PublishedAsset) -> dict[str, str]:
    """Newest event of each input, from which Dagster's pages tell whether a partition is out of sync.

    An asset's own past needs none: what it read is in this very run.
    """
    pointers = {} if asset.self_dependent is None else {f"{INPUT_POINTER_TAG}/{asset.name}": NO_POINTER}
    for item in asset.inputs:
        newest = context.instance.fetch_materializations(item.key, limit=1).records
        pointers[f"{INPUT_POINTER_TAG}/{item.name}"] = str(newest[0].storage_id) if newest else NO_POINTER
    return pointers


def _summary(asset: PublishedAsset, level: str, outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    """Verdict over the whole range, which Dagster asks for beside the one of each partition."""
    index = asset.levels.index(level)
    failed = [o.manifest.partition for o in outcomes if not o.verdicts[index].passed]
    warned = [o.manifest.partition for o in outcomes if o.verdicts[index].warnings]
    return dg.AssetCheckResult(
        asset_key=asset.key,
        check_name=check_name(level),
        passed=not failed,
        description=f"{len(outcomes)} partitions: {len(failed)} refused, {len(warned)} with warnings",
        metadata={
            "rules": _rule_counts([o.verdicts[index] for o in outcomes]),
            "refused": dg.MetadataValue.json(failed[:50]),
            "warned": dg.MetadataValue.json(warned[:50]),
        },
    )


def _rule_counts(verdicts: Sequence[Verdict]) -> dg.TableMetadataValue:
    """Each rule over the whole range: partitions by verdict, what it counted, and what it said last."""
    counted: dict[str, dict[str, Any]] = {}
    for result in (r for v in verdicts for r in v.results):
        row = counted.setdefault(
            result.rule,
            {"rule": result.rule, "pass": 0, "warn": 0, "waived": 0, "fail": 0, "breaches": 0, "last_message": ""},
        )
        row[result.verdict] += 1
        row["breaches"] += result.breaches
        if result.breaches or not result.passed or not row["last_message"]:
            row["last_message"] = result.message
    return dg.MetadataValue.table([dg.TableRecord(row) for row in counted.values()])


def _refused(asset: PublishedAsset, refused: Sequence[Outcome]) -> dg.Failure:
    lines = [
        f"{o.manifest.partition}: "
        + "; ".join(dict.fromkeys(f"{r.rule} {r.message}" for v in o.verdicts for r in v.errors))
        for o in refused[:3]
    ]
    rules = {r.rule for o in refused for v in o.verdicts for r in v.errors}
    exit_code = 4 if all(r.endswith("NONEMPTY") for r in rules) else 3
    more = f"\n... and {len(refused) - 3} more" if len(refused) > 3 else ""
    message = f"{len(refused)} partitions withheld by their contract:\n" + "\n".join(lines) + more
    return failure(asset, f"{message}\nThe refused rows are in the table `refusals`.", exit_code)


def _severity(verdict: Verdict) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if verdict.errors or not verdict.warnings else dg.AssetCheckSeverity.WARN


def _verdict_metadata(verdict: Verdict) -> dict[str, Any]:
    """Rule table, and the worst offenders of the rules that have any."""
    clean = not any(r.breaches for r in verdict.results)
    metadata: dict[str, Any] = {
        "rules": _rules_as_text(verdict) if clean else _rules_as_table(verdict),
        "errors": len(verdict.errors),
        "warnings": len(verdict.warnings),
    }
    offenders = {r.rule: [_plain(o) for o in r.offenders] for r in verdict.results if r.offenders}
    if offenders:
        metadata["worst_offenders"] = dg.MetadataValue.json(offenders)
    return metadata


def _rules_as_table(verdict: Verdict) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "rule": r.rule,
                    "verdict": r.verdict,
                    "severity": r.severity.value,
                    "checked": r.checked,
                    "breaches": r.breaches,
                    "message": r.message,
                }
            )
            for r in verdict.results
        ]
    )


def _rules_as_text(verdict: Verdict) -> dg.MarkdownMetadataValue:
    """The same table as Markdown, for partitions where nothing was found: many of them, and cheaper to store."""
    rows = [f"| {r.rule} | {r.verdict} | {r.checked} | {r.message.replace('|', '/')} |" for r in verdict.results]
    return dg.MetadataValue.md("\n".join(["| rule | verdict | checked | message |", "|---|---|---|---|", *rows]))


def _metadata(outcome: Outcome, picture: str | None) -> dict[str, Any]:
    manifest = outcome.manifest
    metadata: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "table_version": manifest.table_version,
        "data_version": manifest.data_version,
        "config_hash": manifest.config_hash,
        "code_version": manifest.code_version,
        "manifest_digest": manifest.digest,
        "inputs_digest": manifest.inputs_digest,
        "inputs": "; ".join(_input_text(i) for i in manifest.inputs) or "none",
    }
    metadata.update({name: _plain_value(value) for name, value in outcome.facts.items()})
    if picture is not None:
        metadata["chart"] = dg.MetadataValue.md(picture)
    return metadata


def _input_text(item: InputSlice) -> str:
    """An input in words: a line is read at once on Dagster's page, and cheaper to store than JSON."""
    told = item.summary
    days = f"{told['first']} .. {told['last']}" if told["count"] > 1 else told["first"] or "nothing"
    return (
        f"{item.asset}: {days} ({told['count']} partitions, table version {item.table_version}, content {item.digest})"
    )


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): _plain_value(v) for k, v in record.items()}


def _plain_value(value: Any) -> Any:  # noqa: ANN401  # facts are of any plain type
    """Numbers as Python numbers (plottable), everything else as text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _keys_of(asset: PublishedAsset) -> list[dg.AssetKey]:
    return [asset.key, *(c.key for c in asset.companions)]


def _has_downstream_in_run(context: dg.AssetExecutionContext, asset: PublishedAsset) -> bool:
    graph = context.job_def.asset_layer.asset_graph
    selected = set(context.job_def.asset_layer.executable_asset_keys)
    children = {child for key in _keys_of(asset) for child in graph.get(key).child_keys}
    return bool((children - set(_keys_of(asset))) & selected)
