"""The asset graph as text: one block for each asset, so that a change of the graph shows as a readable diff."""

from __future__ import annotations

import dagster as dg


def render(defs: dg.Definitions) -> str:
    """All assets in alphabetical order with group, partitions, checks, companions and edges with their mappings."""
    graph = defs.resolve_asset_graph()
    return "\n\n".join(_asset(graph, key) for key in sorted(graph.get_all_asset_keys())) + "\n"


def _asset(graph, key: dg.AssetKey) -> str:
    node = graph.get(key)
    lines = [f"{key.to_user_string()}  [{node.group_name}]  {partitions(node.partitions_def)}"]
    lines += [f"    check {check.name}" for check in sorted(node.check_keys)]
    together = sorted(k.to_user_string() for k in node.execution_set_asset_keys if k != key)
    lines += [f"    with  {name}" for name in together]
    for parent in sorted(node.parent_keys):
        lines.append(f"    from  {parent.to_user_string()}  {mapping(node.partition_mappings.get(parent))}")
    return "\n".join(lines)


def partitions(definition: dg.PartitionsDefinition | None) -> str:
    if definition is None:
        return "unpartitioned"
    kind = {"0 0 * * *": "daily", "0 0 * * 1": "weekly"}[definition.cron_schedule]
    keys = definition.get_partition_keys()
    return f"{kind} {keys[0]} .. {keys[-1]}"


def mapping(found: dg.PartitionMapping | None) -> str:
    if found is None:
        return "all"
    if isinstance(found, dg.IdentityPartitionMapping):
        return "same partition"
    return f"{found.start_offset:+d} .. {found.end_offset:+d}"
