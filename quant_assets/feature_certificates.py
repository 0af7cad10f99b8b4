"""Stored feature certificates: what they must have been made from to be current, reading them, telling them.

Belongs here: what the features room that writes them, the selectors that ask for them and the command line share.
Does not belong here: the evidence (``features/range_certificate.py``) and the rule (``selection/certified.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quant_assets.code_version import code_version
from quant_assets.features.catalogue import selected_features
from quant_assets.features.custom import CUSTOM, custom_code
from quant_assets.features.identity import declaration_hash
from quant_assets.features.range_certificate import CERTIFIED, LEAKED_PATTERN, NOT_CERTIFIED
from quant_assets.profiles.model import Profile
from quant_assets.tables import FEATURE_CERTIFICATES_TABLE
from quant_resources.lakehouse.store import Lakehouse

ROOM = "features"


def made_from_now(profile: Profile) -> dict[str, str]:
    """For each feature of the profile the hash that a current certificate carries: declaration, code, own modules."""
    code, own = code_version(ROOM), custom_code(profile.features.modules)
    return {
        f.id: declaration_hash(f, (code, *own) if CUSTOM in f.tags else (code,))
        for f in selected_features(profile.features, profile.annualisation)
    }


def read_certificates(
    lakehouse: Lakehouse,
    first: str | None,
    last: str | None,
    *,
    as_of: str | None = None,
    state: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Stored certificates of ``first .. last`` (ISO days), of one state where it is named; empty where there are none.

    ``as_of``: the moment of the reader, as for any read of the lakehouse.
    """
    table = FEATURE_CERTIFICATES_TABLE
    if lakehouse.open(table.name) is None:
        return table.from_arrow(table.arrow_schema.empty_table(), list(columns or table.column_names))
    scope = {} if state is None else {"state": state}
    return lakehouse.read(table, columns=columns, start=first, end=last, as_of=as_of, scope=scope)


def known_leaks(lakehouse: Lakehouse, made_from: Mapping[str, str]) -> dict[str, str]:
    """Features, made from the same, that any run found to read later bars: the days of that run, the first such.

    Of earlier and of later days: it is a fact about the code. It goes on from certificate to certificate, so that
    computing the days of that run again one by one does not wash it away.
    """
    columns = ("feature", "made_from", "breaches", "evidence_from", "evidence_to", "reason")
    found = read_certificates(lakehouse, None, None, state=NOT_CERTIFIED, columns=columns)
    inherited = found["reason"].str.extract(LEAKED_PATTERN, expand=False)
    same = found["made_from"] == found["feature"].map(dict(made_from))
    leaked = same & ((found["breaches"] > 0) | inherited.notna())
    kept = found.assign(inherited=inherited)[leaked.to_numpy(bool)].drop_duplicates("feature")
    runs = zip(kept["feature"], kept["evidence_from"], kept["evidence_to"], kept["inherited"], strict=True)
    return {name: days if isinstance(days, str) else f"{a:%Y-%m-%d} .. {b:%Y-%m-%d}" for name, a, b, days in runs}


def summary(certificates: pd.DataFrame, made_from: Mapping[str, str]) -> list[dict[str, Any]]:
    """One record for each feature, state and origin of stored ``certificates``: the days, the evidence, current or not.

    Features of ``made_from`` without any certificate are told too, as missing.
    """
    groups = certificates.groupby(["feature", "made_from", "state"], sort=True)
    records = [_told(own, made_from) for _, own in groups]
    told = {r["feature"] for r in records}
    absent = {"first": "", "last": "", "days": 0, "state": "missing", "current": False}
    records += [{"feature": name, **absent} for name in made_from if name not in told]
    order = {name: place for place, name in enumerate(made_from)}
    return sorted(records, key=lambda r: (order.get(r["feature"], len(order)), r["feature"], r["first"]))


def _told(own: pd.DataFrame, made_from: Mapping[str, str]) -> dict[str, Any]:
    """One record of the certificates ``own`` of one feature, origin and state."""
    last = own.sort_values("date").iloc[-1]
    measured = own[own["drift_samples"] > 0].sort_values("drift")
    drift = measured.iloc[-1] if len(measured) else last
    return {
        "feature": str(last["feature"]),
        "first": f"{own['date'].min():%Y-%m-%d}",
        "last": f"{own['date'].max():%Y-%m-%d}",
        "days": len(own),
        "version": int(last["version"]),
        "state": str(last["state"]),
        "current": made_from.get(str(last["feature"])) == last["made_from"],
        "recomputed": int(own["recomputed"].max()),
        "breaches": int(own["breaches"].max()),
        "outside": int(own["outside"].sum()),
        "density": float(own["density"].min()),
        "drift_samples": int(drift["drift_samples"]),
        "drift_windows": int(drift["drift_windows"]),
        "drift": float(drift["drift"]),
        "tolerance": float(drift["tolerance"]),
        "reason": str(last["reason"]),
    }


def all_current(records: list[dict[str, Any]]) -> bool:
    """Whether nothing but current certificates is told."""
    return all(r["current"] and r["state"] == CERTIFIED for r in records)
