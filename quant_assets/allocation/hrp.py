"""Hierarchical risk parity through skfolio, on the covariance that the sleeve recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quant_assets.allocation.config import HrpConfig
from quant_assets.errors import QuantError

Floats = npt.NDArray[np.float64]


def hrp_weights(covariance: Floats, names: list[str], cap: float, invested: float, config: HrpConfig) -> Floats:
    """HRP weights in [0, cap] summing to ``invested``, in the order of ``names`` (which must be sorted).

    Distance sqrt((1 - rho) / 2) with rho from ``covariance``; recursive bisection on inverse-variance cluster
    variances; the cap acts inside each split (skfolio), so capped weight moves to the other branch.
    Ties in the tree fall by name because the names are sorted. Raises QuantError when skfolio fails.
    """
    if names != sorted(names):
        raise QuantError("hrp: atoms must be sorted by name, otherwise ties would fall by input order")
    if len(names) == 1:
        return np.array([invested])
    from skfolio.exceptions import OptimizationError

    # Only the shape of the scenarios is read; every moment comes from the recorded covariance.
    # A cap above what is invested binds nobody; skfolio refuses bounds above 1.
    model = _model(covariance, min(cap / invested, 1.0), config)
    try:
        model.fit(np.zeros((2, len(names))))
    except (OptimizationError, ValueError) as error:
        raise QuantError(f"L3.SOLVER: hierarchical risk parity failed on {len(names)} atoms: {error}") from error
    return np.asarray(model.weights_, dtype=np.float64) * invested


def _model(covariance: Floats, cap: float, config: HrpConfig) -> Any:  # noqa: ANN401  # skfolio is imported lazily
    """The skfolio estimator with the given covariance in place of an estimate."""
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.distance import CovarianceDistance
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.prior import BasePrior, ReturnDistribution
    from skfolio.seriation import HierarchicalSeriation

    class RecordedMoments(BasePrior):  # type: ignore[misc]  # skfolio ships no types
        """Prior that returns the recorded covariance unchanged."""

        def __init__(self) -> None:
            """No parameter: the covariance is the enclosing function's."""

        def fit(self, X: Any, y: Any = None, **_: Any) -> RecordedMoments:  # noqa: ANN401  # signature of skfolio
            values = np.asarray(X, dtype=np.float64)
            self.return_distribution_ = ReturnDistribution(
                mu=np.zeros(len(covariance)), covariance=covariance, returns=values
            )
            return self

    class VarianceParity(HierarchicalRiskParity):  # type: ignore[misc]  # as above
        """Risk parity whose risk is w'Sw itself: skfolio builds a whole portfolio object for each of 3n splits."""

        def _risk(self, weights: Floats, return_distribution: Any) -> float:  # noqa: ANN401  # as above
            return float(weights @ return_distribution.covariance @ weights.T)

    method = LinkageMethod.SINGLE if config.linkage == "single" else LinkageMethod.WARD
    return VarianceParity(
        prior_estimator=RecordedMoments(),
        distance_estimator=CovarianceDistance(covariance_estimator="precomputed"),
        seriation_estimator=HierarchicalSeriation(
            hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=method),
            optimal_ordering=config.leaf_ordering,
        ),
        max_weights=cap,
    )
