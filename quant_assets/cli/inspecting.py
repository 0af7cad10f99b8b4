"""`quant status`, `quant sql`, `quant maintain`: look at the lakehouse, and keep it tidy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import open_lakehouse, open_runner, print_json, print_table

if TYPE_CHECKING:
    from quant_assets.manifests import Ledger
    from quant_assets.running import GraphRunner


def status(select: Sequence[str], profile: str | None, as_json: bool) -> int:
    """One line for each asset; exit code 3 where anything is refused or withheld."""
    from quant_assets.keys import asset_name
    from quant_assets.manifests import Ledger

    with open_runner(profile) as runner:
        ledger = Ledger(runner.lakehouse)
        withheld = ledger.withheld()
        records = [
            _status_of(runner, ledger, asset_name(key), runner.partition_keys(key, None, None), withheld)
            for key in runner.ordered(select)
            if runner.graph.get(key).partitions_def is not None
        ]
        name, root = runner.profile.name, runner.lakehouse.root
    if as_json:
        print_json({"profile": name, "lakehouse": root, "assets": records})
    else:
        print_table(f"Profile {name}, lakehouse {root}", records)
    return 3 if any(r["refused"] or r["withheld"] for r in records) else 0


def _status_of(
    runner: GraphRunner, ledger: Ledger, asset: str, keys: list[str], withheld: dict[str, set[str]]
) -> dict[str, Any]:
    from quant_assets.manifests import PUBLISHED, REFUSED

    states = ledger.states(asset)
    published = [k for k in keys if k in states and states[k].status == PUBLISHED]
    refused = [k for k in keys if k in states and states[k].status == REFUSED]
    resting = withheld.get(asset, set()) - set(refused)
    return {
        "asset": asset,
        "partitions": len(keys),
        "published": len(published),
        "refused": len(refused),
        "withheld": len(resting),
        "missing": len(keys) - len(published) - len(refused),
        "first": published[0] if published else "",
        "last": published[-1] if published else "",
    }


def sql(query: str, as_json: bool) -> int:
    """Rows of a query, as JSON records or as a table."""
    from quant_assets.collection import collection_at_exit
    from quant_resources.lakehouse.sql import query as run_query

    collection_at_exit()  # DuckDB's bindings name on standard error whatever of theirs is still there
    rows = run_query(open_lakehouse(), query)
    records = rows.to_pylist()
    if as_json:
        print_json(records)
    else:
        print_table(f"{len(records)} rows", records, rows.column_names)
    return 0


def maintain(retention_hours: int, as_json: bool) -> int:
    """Compact and vacuum; versions that manifests refer to are kept."""
    from quant_assets.manifests import Ledger
    from quant_resources.lakehouse.maintenance import maintain as run_maintenance

    lakehouse = open_lakehouse()
    report = run_maintenance(lakehouse, Ledger(lakehouse).referenced_versions(), retention_hours=retention_hours)
    if as_json:
        print_json(report)
    else:
        print_table("Maintenance", [{"table": name, **counts} for name, counts in report.items()])
    return 0
