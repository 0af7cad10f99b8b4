"""How an asset is declared: its table, its inputs with their look-backs, its contract levels, its page in the UI.

Belongs here: the declarations as data. Does not belong here: running them (``publishing.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pandas as pd

from partitions.mappings import Lookback
from quant_assets.contracts.verdict import Verdict
from quant_assets.errors import QuantError
from quant_assets.keys import asset_name, check_name
from quant_assets.manifests import InputSlice
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import TableSpec

DOCS = "docs/reference/contracts.md"
Settled = Callable[[Any, Sequence[str]], None]
"""What is to be done outside once a run's partitions are stored, given its resources and partition keys."""
Standing = Callable[[Lakehouse, Sequence[str]], Mapping[str, tuple[InputSlice, ...]]]
"""Further inputs of single partitions that are no assets: decisions of persons, waivers, confirmations of a venue."""


@dataclass(frozen=True)
class Input:
    """One input: the asset, the table that holds it, the columns read and the look-back of a partition.

    ``strict`` inputs must be published on every day of the look-back; a look-back that is not strict reads what has
    been accepted so far (an asset's own history). ``categories`` are columns of text read as pandas categories.
    """

    key: dg.AssetKey
    table: TableSpec
    lookback: Lookback
    columns: tuple[str, ...] | None = None
    scope: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the input in manifests and messages."""
        return asset_name(self.key)


@dataclass(frozen=True)
class Companion:
    """A second asset that the same step writes, partition by partition, even where the main partition is refused."""

    key: dg.AssetKey
    table: TableSpec
    description: str


@dataclass(frozen=True)
class PublishedAsset:
    """Declaration of a published asset.

    ``knowable`` gives for a partition key the moment (ISO day, 00:00 UTC) up to which it may know anything.
    ``side_tables`` are lakehouse tables that the asset writes beside its own, with the same partition keys;
    ``records`` are such tables that are written for withheld partitions too.
    ``standing`` gives the inputs of single partitions that are no assets. ``settled`` is told, with the resources of
    the run, once all partitions that a run asked for are published.
    ``chart`` draws a Markdown picture of the newest partition of a batch. ``piece`` bounds memory: so many partitions
    of a run are computed and published at a time, all of them where it is None.
    """

    key: dg.AssetKey
    table: TableSpec
    partitions: dg.TimeWindowPartitionsDefinition
    levels: tuple[str, ...]
    description: str
    group: str
    rooms: tuple[str, ...]
    knowable: Callable[[str], str]
    inputs: tuple[Input, ...] = ()
    scope: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset({"python", "deltalake"})
    companions: tuple[Companion, ...] = ()
    side_tables: tuple[TableSpec, ...] = ()
    records: tuple[TableSpec, ...] = ()
    standing: Standing | None = None
    settled: Settled | None = None
    self_dependent: Lookback | None = None
    chart: Callable[[pd.DataFrame], str] | None = None
    piece: int | None = None
    report: str = ""
    """Path of the report that shows this asset's figures, '' where there is none."""

    @property
    def name(self) -> str:
        """Name of the asset in manifests, messages and the command line."""
        return asset_name(self.key)

    def standing_inputs(self, lakehouse: Lakehouse, keys: Sequence[str]) -> Mapping[str, tuple[InputSlice, ...]]:
        """Inputs of these partitions that are no assets, as they are now."""
        return {} if self.standing is None else self.standing(lakehouse, keys)

    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """One blocking, partitioned check for each contract level."""
        return [
            dg.AssetCheckSpec(
                name=check_name(level),
                asset=self.key,
                description=f"All {level} rules on each partition before it is published ({DOCS}).",
                blocking=True,
                partitions_def=self.partitions,
            )
            for level in self.levels
        ]


@dataclass
class Batch:
    """What an asset's body returns for the partitions it was given.

    ``frame`` holds the rows of all partitions; ``verdicts`` one verdict for each level of each partition; ``facts``
    numbers and short texts for each partition's page; ``empty`` explains partitions that are empty on purpose;
    ``failures`` holds the error of partitions that could not be computed, so that the others still are;
    ``companions`` and ``sides`` are frames by table name.
    """

    frame: pd.DataFrame
    verdicts: dict[str, tuple[Verdict, ...]]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    empty: dict[str, str] = field(default_factory=dict)
    failures: dict[str, QuantError] = field(default_factory=dict)
    companions: dict[str, pd.DataFrame] = field(default_factory=dict)
    sides: dict[str, pd.DataFrame] = field(default_factory=dict)


def day_after(key: str) -> str:
    """A daily partition knows its own day, which closes at the next midnight."""
    return (dt.date.fromisoformat(key) + dt.timedelta(days=1)).isoformat()


def the_monday(key: str) -> str:
    """A weekly decision is taken at Monday 00:00 UTC: it knows nothing of its own Monday."""
    return key


def monday_after(key: str) -> str:
    """Realised returns of a week know the seven days of that week, and nothing after."""
    return (dt.date.fromisoformat(key) + dt.timedelta(days=7)).isoformat()
