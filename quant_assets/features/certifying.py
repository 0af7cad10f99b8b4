"""What the L2 rules find feature by feature on a range of days: the figures of a certificate, nothing published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quant_assets.contracts.verdict import RuleResult
from quant_assets.errors import EmptyResult
from quant_assets.features.certificate import DRIFT_SLACK, Evidence, gather_evidence, measured
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import Compute, compute_features
from quant_assets.features.matrix import Days, features_frame
from quant_assets.features.matrix_range import MatrixRange, as_range
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, day_numbers
from quant_assets.features.value_rules import bounds_results, lag_results, nan_results


@dataclass(frozen=True)
class FeatureFigures:
    """One feature on a range of days.

    ``density``: share of warmed-up values that exist (NaN: none is warm). ``outside``: values out of the declared
    range. ``probes`` values were computed again under other futures, ``breaches`` of them differed. ``drift`` is the
    largest on a longer history in ``drift_probes`` values (NaN: not measured), ``tolerance`` what is allowed: mere
    rounding where it is not ``declared``.
    """

    feature: str
    values: int
    density: float
    outside: int
    probes: int
    breaches: int
    drift_probes: int
    drift: float
    tolerance: float
    declared: bool

    @property
    def verdict(self) -> str:
        """``fail``: reads what comes later, leaves its range, could not be probed, or drifts and declares no drift;
        ``warn``: drifts further than it declares.
        """
        drifts = self.drift > self.tolerance * (1.0 + DRIFT_SLACK)
        if self.breaches or self.outside or not self.probes or (drifts and not self.declared):
            return "fail"
        return "warn" if drifts else "pass"

    def to_record(self) -> dict[str, Any]:
        """Plain record for tables and JSON."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Certification:
    """Figures of each feature, and how often each rule of whole days (bounds, density, lag) was broken."""

    figures: tuple[FeatureFigures, ...]
    days: int
    broken: dict[str, int]
    examples: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no feature fails and no day breaks an ERROR rule."""
        return not any(self.broken.values()) and all(f.verdict != "fail" for f in self.figures)


def certify(
    series: BarSeries,
    days: Days,
    features: Sequence[Feature],
    config: FeaturesConfig,
    annualisation: float,
    *,
    compute: Compute = compute_features,
) -> Certification:
    """Compute ``features`` on ``days`` and check the values as the L2 rules do.

    ``series`` must reach back the features' declared days, and further for drifts to be measured. A causal feature that
    declares no drift is measured too, against rounding: one that never forgets must say so. Raises EmptyResult without
    days, UsageError for a day without bars.
    """
    if not len(days):
        raise EmptyResult("no day to certify features on; materialize ohlcv first, or name other days")
    frame = features_frame(series, days, config, annualisation, features=features, compute=compute)
    numbers = np.unique(day_numbers(list(days)))
    data = as_range(frame, series, numbers, tuple(measured(f) for f in features), config)
    evidence = gather_evidence(data, compute)
    whole_days = {
        "L2.BOUNDS": bounds_results(data), "L2.NAN": nan_results(data), "L2.LAG": lag_results(data),
    }  # fmt: skip
    figures = tuple(_figures(data, k, evidence, f.drift > 0) for k, f in enumerate(features))
    broken = {rule: sum(not r.passed for r in results) for rule, results in whole_days.items()}
    return Certification(figures, len(numbers), broken, _examples(whole_days))


def _figures(data: MatrixRange, k: int, evidence: Evidence, declared: bool) -> FeatureFigures:
    feature = data.features[k]
    values, outside, warm, defined = (
        int(n[:, k].sum()) for n in (data.counts.values, data.counts.outside, data.counts.warm, data.counts.defined)
    )
    moved = evidence.drift[feature.id].moved if feature.id in evidence.drift else np.empty(0)
    return FeatureFigures(
        feature=feature.id,
        values=values,
        density=defined / warm if warm else float("nan"),
        outside=outside,
        probes=evidence.prefix.differs[:, k].size + evidence.probed_before,
        breaches=int(evidence.prefix.differs[:, k].sum() + evidence.before[k]),
        drift_probes=len(moved),
        drift=float(moved.max()) if len(moved) else float("nan"),
        tolerance=feature.drift,
        declared=declared,
    )


def _examples(whole_days: dict[str, list[RuleResult]]) -> tuple[str, ...]:
    """The first broken day's message of each rule."""
    first = (next((r for r in results if not r.passed), None) for results in whole_days.values())
    return tuple(f"{r.rule}: {r.message}" for r in first if r is not None)
