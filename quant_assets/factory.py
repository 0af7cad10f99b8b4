"""From a declaration and a pure body to a Dagster asset: the same shape for every published asset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from quant_assets.code_version import code_version
from quant_assets.collection import rare_collections
from quant_assets.config import hash_of
from quant_assets.declaration import PublishedAsset
from quant_assets.publishing import Body, publish_partitions
from quant_resources.lakehouse.tables import TableSpec

LAKEHOUSE = "lakehouse"
VENUE = "venue"
CROSS_VENUE = "cross_venue"
SCREENER = "screener"
CONTRACT_PAGE = "docs/reference/contracts.md"


@dataclass(frozen=True)
class BuiltAsset:
    """A Dagster asset with the declaration that it was made from and the hash of the configuration it depends on."""

    definition: dg.AssetsDefinition
    declaration: PublishedAsset
    config_hash: str


def build_asset(
    asset: PublishedAsset, body: Body, config: Sequence[Any], owner: str, resources: frozenset[str] = frozenset()
) -> BuiltAsset:
    """Dagster asset of a declaration: one step that publishes or refuses each partition it is asked for.

    ``config``: the blocks of the profile that the asset depends on, and nothing else, so that a change elsewhere in
    the profile does not make its partitions stale.
    """
    config_hash = hash_of(*config)

    @dg.multi_asset(
        name="__".join(asset.key.path),
        specs=_specs(asset, owner),
        check_specs=asset.check_specs(),
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={LAKEHOUSE, *resources},
        can_subset=False,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with rare_collections():
            yield from publish_partitions(context, context.resources.lakehouse, asset, body, config_hash)

    return BuiltAsset(step, asset, config_hash)


def _specs(asset: PublishedAsset, owner: str) -> list[dg.AssetSpec]:
    deps = [dg.AssetDep(i.key, partition_mapping=i.lookback.mapping) for i in asset.inputs]
    if asset.self_dependent is not None:
        deps.append(dg.AssetDep(asset.key, partition_mapping=asset.self_dependent.mapping))
    shared: dict[str, Any] = {
        "deps": deps,
        "skippable": True,
        "group_name": asset.group,
        "owners": [owner],
        "kinds": set(asset.kinds),
        "partitions_def": asset.partitions,
        "code_version": code_version(*asset.rooms),
    }
    main = dg.AssetSpec(
        key=asset.key, description=asset.description, metadata=_static_metadata(asset.table, asset.report), **shared
    )
    others = [
        dg.AssetSpec(
            key=c.key,
            description=c.description,
            metadata=_static_metadata(c.table),
            **{**shared, "deps": [d for d in deps if d.asset_key != asset.key]},
        )
        for c in asset.companions
    ]
    return [main, *others]


def _static_metadata(table: TableSpec, report: str = "") -> dict[str, Any]:
    """What the asset's page shows before anything is materialized: columns with units, table, contract page."""
    columns = [
        dg.TableColumn(c.name, c.type, f"{c.description} [{c.unit}]" if c.unit else c.description)
        for c in table.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": table.name,
        "contract": dg.MetadataValue.path(CONTRACT_PAGE),
        **({"report": dg.MetadataValue.path(report)} if report else {}),
    }
