"""The certificate of each feature on each day of a range: rows of ``feature_certificates``, from what the rules found.

What later bars do to a feature says something about its code, not about a day: one value that changes denies the
certificate on every day of the range. Bounds, density and lag are facts of a day and stay there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult
from quant_assets.features.certificate import DRIFT_SLACK, Evidence
from quant_assets.features.custom import CUSTOM
from quant_assets.features.declaring import ROUNDING
from quant_assets.features.matrix_range import BoolArray, Counts, MatrixRange
from quant_assets.features.series import FloatArray, IntArray, midnights
from quant_assets.features.value_rules import too_thin

CERTIFIED, NOT_CERTIFIED = "certified", "not certified"
_LEAKED = "L2.PREFIX: values of another run ({days}) changed with later bars"
LEAKED_PATTERN = r"^L2\.PREFIX: values of another run \((.*?)\) changed"
"""Finds the days of that run in the reason of a certificate."""


@dataclass(frozen=True)
class Known:
    """What is known of each feature besides its values, by id.

    ``made_from``: hash of declaration and code. ``leaked``: the days, as a text, on which the same declaration and code
    were found to read later bars; a feature that never was is absent.
    """

    made_from: Mapping[str, str]
    leaked: Mapping[str, str]


def certificates_frame(data: MatrixRange, evidence: Evidence, lag: Sequence[RuleResult], known: Known) -> pd.DataFrame:
    """A row for each day of ``data`` and feature: columns of ``feature_certificates`` but ``content``, in its order.

    ``lag``: the L2.LAG result of each day.
    """
    days, features = len(data.days), data.features
    counts = data.counts
    breaches = evidence.prefix.differs.sum(axis=(0, 2)) + evidence.before
    drift, drift_samples, windows = _drifts(data, evidence)
    reason = _reasons(data, evidence, counts, lag, known)
    tolerance = np.array([f.drift for f in features])
    declared = np.array([not (CUSTOM in f.tags and f.drift <= ROUNDING) for f in features])
    drifted = np.array(_drifted(drift, tolerance, windows, declared), dtype=object)
    refused = (reason != "") | ((drifted != "") & ~declared)
    reason[:, :] = np.where(reason != "", reason, drifted)
    with np.errstate(invalid="ignore"):
        density = counts.defined / np.where(counts.warm > 0, counts.warm, np.nan)
    # In the order in which the table keeps them.
    order = np.argsort([f.id for f in features])
    each = [features[k].id for k in order]
    begin, end = midnights(data.days[[0, -1]])
    frame = pd.DataFrame(
        {
            "date": np.repeat(midnights(data.days), len(features)),
            "feature": each * days,
            "version": np.tile([features[k].version for k in order], days),
            "made_from": [known.made_from[name] for name in each] * days,
            "state": np.where(refused, NOT_CERTIFIED, CERTIFIED)[:, order].ravel(),
            "reason": reason[:, order].ravel(),
            "rows": np.repeat([r.checked for r in lag], len(features)),
            "lagging": np.repeat([r.breaches for r in lag], len(features)),
            "values": counts.values[:, order].ravel(),
            "outside": counts.outside[:, order].ravel(),
            "warm": counts.warm[:, order].ravel(),
            "density": density[:, order].ravel(),
            "recomputed": evidence.prefix.differs[:, 0].size + evidence.probed_before,
            "breaches": np.tile(breaches[order], days),
            "drift_samples": np.tile(drift_samples[order], days),
            "drift_windows": np.tile(windows[order], days),
            "drift": np.tile(drift[order], days),
            "tolerance": np.tile(tolerance[order], days),
            "evidence_from": begin,
            "evidence_to": end,
        }
    )
    return frame.astype({name: "str" for name in ("feature", "made_from", "state", "reason")})


def _drifts(data: MatrixRange, evidence: Evidence) -> tuple[FloatArray, IntArray, IntArray]:
    """Of each feature over the range: the largest drift (NaN: not measured), in how many values, on most windows."""
    found = [evidence.drift.get(f.id) for f in data.features]
    measured = [d if d is not None and len(d.rows) else None for d in found]
    drift = np.array([np.nan if d is None else d.moved.max() for d in measured])
    samples = np.array([0 if d is None else len(d.rows) for d in measured], dtype=np.int64)
    return drift, samples, np.array([0 if d is None else d.windows.max() for d in measured], dtype=np.int64)


def _drifted(drift: FloatArray, tolerance: FloatArray, windows: IntArray, declared: BoolArray) -> list[str]:
    """L2.WARMUP of each feature: a drift beyond the declared one warns; one where none is declared denies."""
    over = drift > tolerance * (1.0 + DRIFT_SLACK)
    allowed = [f"{t:.2g}" if said else "none" for t, said in zip(tolerance.tolist(), declared.tolist(), strict=True)]
    return [
        f"L2.WARMUP: moves by {d:.2g} on up to {int(w)}x its history, {may} is declared" if bad else ""
        for bad, d, may, w in zip(over.tolist(), drift.tolist(), allowed, windows.tolist(), strict=True)
    ]


def _reasons(
    data: MatrixRange, evidence: Evidence, counts: Counts, lag: Sequence[RuleResult], known: Known
) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """Why a feature is not certified on a day (days, features), '' where it is; the gravest reason stands."""
    reason = np.full(counts.values.shape, "", dtype=object)
    early, missing = counts.values - counts.defined, counts.warm - counts.defined
    reason[[not r.passed for r in lag]] = "L2.LAG: rows of the day are missing, too many, or without any value"
    thin = too_thin(counts.warm, missing - data.excused, data.config.nan_density)
    for i, k in np.argwhere((early > 0) | thin):
        reason[i, k] = (
            f"L2.NAN: {missing[i, k]} of {counts.warm[i, k]} warmed-up values undefined, {early[i, k]} before the "
            "warm-up"
        )
    for i, k in np.argwhere(counts.outside > 0):
        reason[i, k] = f"L2.BOUNDS: {counts.outside[i, k]} values infinite or out of the declared range"
    # A day without a bar rests on nothing, whatever other days of the range showed.
    reason[~data.traded] = "L2.PREFIX: no value of the day could be computed again"
    for k, feature in enumerate(data.features):
        if feature.id in known.leaked:
            reason[:, k] = _LEAKED.format(days=known.leaked[feature.id])
        bad = np.flatnonzero(evidence.prefix.differs[:, k].any(axis=1))
        if len(bad):
            n, day = int(evidence.prefix.differs[:, k].sum()), evidence.days[bad[0]].astype("datetime64[D]")
            reason[:, k] = f"L2.PREFIX: {n} values changed with what came later, the first of {day}"
        elif evidence.before[k]:
            reason[:, k] = f"L2.PREFIX: {evidence.before[k]} values of the days before changed with what came later"
    return reason


def certificate_facts(certificates: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Figures for each day's page (ISO day): features certified and not, values computed again, worst drift."""
    if certificates is None or certificates.empty:
        return {}
    share = certificates["drift"] / certificates["tolerance"].where(certificates["tolerance"] > 0)
    good = (certificates["state"] == CERTIFIED).astype("int64")
    days = certificates.assign(good=good, share=share).groupby("date")
    found = days.agg(number=("good", "size"), good=("good", "sum"), again=("recomputed", "sum"), drift=("share", "max"))
    return {
        f"{day:%Y-%m-%d}": {
            "features_certified": int(certified),
            "features_not_certified": int(number - certified),
            "values_recomputed": int(again),
            "worst_drift_in_tolerances": "not measured" if np.isnan(drift) else float(drift),
        }
        for day, number, certified, again, drift in zip(found.index, *(found[c] for c in found), strict=True)
    }
