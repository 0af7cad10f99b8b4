"""What was recorded about single bars beside the bars: decisions of persons, and what repairs were told.

Belongs here: reading and appending the tables `quarantine_decisions` and `repairs`, and turning them and the waivers
into inputs of single partitions of `ohlcv`. Does not belong here: deciding (command line), asking (``repairing.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from quant_assets.manifests import InputSlice
from quant_assets.market.decisions import RELEASE, in_force
from quant_assets.market.waivers import Waiver, waiver_digest
from quant_assets.tables import DECISIONS_TABLE, OHLCV_TABLE, REPAIRS_TABLE
from quant_resources.lakehouse.hashing import digest_of
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import TableSpec

REPAIRED, NO_TRADING, UNANSWERED = "repaired", "no_trading", "unanswered"
WAIVERS = "waivers"


def decisions(lakehouse: Lakehouse, first: str | None = None, last: str | None = None) -> pd.DataFrame:
    """All decisions ever recorded on bars of these days, oldest first for each bar; the table is the audit."""
    return _rows(lakehouse, DECISIONS_TABLE, first, last)


def releases(lakehouse: Lakehouse, first: str, last: str) -> pd.DataFrame:
    """Decisions in force that accept a bar of these days."""
    newest = in_force(decisions(lakehouse, first, last))
    return newest[newest["decision"] == RELEASE].reset_index(drop=True)


def repairs(lakehouse: Lakehouse, first: str | None = None, last: str | None = None) -> pd.DataFrame:
    """Everything that repairs were told about these days."""
    return _rows(lakehouse, REPAIRS_TABLE, first, last)


def newest_repairs(lakehouse: Lakehouse, first: str | None = None, last: str | None = None) -> pd.DataFrame:
    """The newest answer on each symbol and day."""
    ordered = repairs(lakehouse, first, last).sort_values(["date", "symbol", "asked_at"], kind="stable")
    return ordered.drop_duplicates(["date", "symbol"], keep="last", ignore_index=True)


def bar_inputs(
    lakehouse: Lakehouse, keys: Sequence[str], waivers: Sequence[Waiver], asset: str = OHLCV_TABLE.name
) -> dict[str, tuple[InputSlice, ...]]:
    """Inputs of single partitions of `ohlcv` that are no assets; a day about which nothing was recorded has none."""
    if not keys:
        return {}
    released = releases(lakehouse, min(keys), max(keys))
    told = newest_repairs(lakehouse, min(keys), max(keys))
    idle = told[told["outcome"] == NO_TRADING]
    found: dict[str, list[InputSlice]] = {key: [] for key in keys}
    for key, rows in released.groupby(released["date"].dt.strftime("%Y-%m-%d")):
        _add(found, DECISIONS_TABLE.name, str(key), digest_of(_texts(rows, ["symbol", "rule", "bar_hash"])))
    for key, rows in idle.groupby(idle["date"].dt.strftime("%Y-%m-%d")):
        _add(found, REPAIRS_TABLE.name, str(key), digest_of(_texts(rows, ["symbol"])))
    for key in keys:
        if digest := waiver_digest(waivers, asset, pd.Timestamp(key).date()):
            _add(found, WAIVERS, key, digest)
    return {key: tuple(slices) for key, slices in found.items() if slices}


def _add(found: dict[str, list[InputSlice]], name: str, key: str, digest: str) -> None:
    if key in found:
        found[key].append(InputSlice(name, name, -1, (key,), (digest,)))


def _texts(rows: pd.DataFrame, columns: list[str]) -> list[str]:
    return sorted("\x1e".join(map(str, row)) for row in rows[columns].itertuples(index=False))


def _rows(lakehouse: Lakehouse, table: TableSpec, first: str | None, last: str | None) -> pd.DataFrame:
    if lakehouse.open(table.name) is None:
        return table.from_arrow(table.arrow_schema.empty_table(), table.column_names)
    return lakehouse.read(table, start=first, end=last)
