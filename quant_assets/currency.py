"""Which partitions are current: published from the same inputs, by the same code and configuration."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from quant_assets.code_version import code_version, env_hash
from quant_assets.errors import ContractViolation
from quant_assets.factory import BuiltAsset
from quant_assets.gate import ContractGate
from quant_assets.manifests import PUBLISHED, InputSlice, Ledger
from quant_assets.storing import own_slice
from quant_resources.lakehouse.hashing import digest_of
from quant_resources.lakehouse.store import Lakehouse


def current_partitions(built: BuiltAsset, lakehouse: Lakehouse, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` whose newest manifest says what would come out of a run now."""
    asset, ledger = built.declaration, Ledger(lakehouse)
    columns = ["config_hash", "code_version", "env_hash", "inputs_digest", "data_version"]
    rows = ledger.latest(asset.name, columns)
    same = (
        (rows["status"] == PUBLISHED)
        & (rows["config_hash"] == built.config_hash)
        & (rows["code_version"] == code_version(*asset.rooms))
        & (rows["env_hash"] == env_hash())
    )
    partitions = pd.to_datetime(rows["partition"]).dt.strftime("%Y-%m-%d")
    digests = dict(zip(partitions[same], rows.loc[same, "inputs_digest"], strict=True))
    versions = dict(zip(partitions, rows["data_version"], strict=True))
    gate, standing = ContractGate(ledger), asset.standing_inputs(lakehouse, keys)
    return {
        k for k in keys if k in digests and _digest_now(built, gate, k, versions, standing.get(k, ())) == digests[k]
    }


def _digest_now(
    built: BuiltAsset, gate: ContractGate, key: str, versions: dict[str, str], standing: tuple[InputSlice, ...]
) -> str | None:
    """Digest of the inputs as they are now; None where one of them may not be read."""
    asset = built.declaration
    try:
        slices = [gate.slice(i.name, i.table.name, i.lookback.keys(key), -1) for i in asset.inputs]
    except ContractViolation:
        return None
    return digest_of([s.digest for s in (*slices, *standing, *own_slice(asset, key, versions))])
