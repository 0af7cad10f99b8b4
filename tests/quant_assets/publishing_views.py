"""What tests of publishing look at: exit codes, messages, events and stored days of a small graph."""

from __future__ import annotations

import dagster as dg

from tests.quant_assets.small_graph import (
    SmallGraph,
)


def exit_code_of(result: dg.ExecuteInProcessResult) -> int | None:
    """Exit code that the first failed step gave; None where no step failed."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            return 1 if told is None else int(told.metadata["exit_code"].value)
    return None


def message_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.is_step_failure]
    told = event.step_failure_data.user_failure_data
    return str(told.description) if told is not None else event.step_failure_data.error_display_string


def materializations_of(graph: SmallGraph, key: dg.AssetKey) -> dict[str, dg.AssetMaterialization]:
    """Newest materialization of each partition."""
    records = graph.instance.fetch_materializations(key, limit=500).records
    return {r.asset_materialization.partition: r.asset_materialization for r in reversed(records)}


def verdicts_of(graph: SmallGraph, check: dg.AssetCheckKey) -> dict[str | None, bool]:
    """Newest verdict of a check on each partition."""
    records = graph.instance.event_log_storage.get_asset_check_execution_history(check, limit=500)
    return {r.partition: r.status.value == "SUCCEEDED" for r in reversed(records) if r.status.value != "PLANNED"}


def days_of(graph: SmallGraph, table) -> list[str]:
    return graph.lakehouse.read(table)[table.partition_column].dt.strftime("%Y-%m-%d").unique().tolist()
