"""Returns of the synthetic market: two volatility regimes, a market factor, cluster factors, own shocks.

Every draw is time-first from its own generator, so a longer market begins exactly like a shorter one.
Arithmetic expected returns are about zero by construction (log drift = -variance / 2); what persistence there is
is stated in `PARAMETERS` and exported as ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant_resources.venues.sample_roster import (
    BASES,
    CLUSTERS,
    LEVERAGED_BASE,
    LEVERAGED_STEM,
    STABLE_BASE,
    Floats,
    Traits,
)

PARAMETERS: dict[str, float] = {
    "calm_to_stress_probability": 1 / 90,
    "stress_to_calm_probability": 1 / 40,
    "market_volatility_calm": 0.018,
    "market_volatility_stress": 0.038,
    "market_drift_calm": 0.0008,
    "market_drift_stress": -0.0018,
    "cluster_volatility_calm": 0.012,
    "stress_multiple_of_cluster_and_own_volatility": 1.5,
    "cluster_autocorrelation": 0.05,
    "momentum_persistence_per_day": 0.97,
    "momentum_stationary_daily_drift": 0.0006,
    "own_shock_degrees_of_freedom": 5.0,
    "leverage_multiple": 3.0,
}
"""True parameters, per day. The momentum drift is about 2 % of a coin's volatility: no sleeve earns much by it."""


@dataclass(frozen=True)
class Factors:
    """Drawn paths: regime (0 calm, 1 stress), factor log returns, and each symbol's log return and volatility."""

    regime: NDArray[np.int64]
    market: Floats
    clusters: Floats
    log_returns: Floats
    volatility: Floats


def stream(seed: int, number: int) -> np.random.Generator:
    """Return the generator of one named purpose; streams of one seed are independent of each other."""
    return np.random.default_rng([seed, number])


def draw_factors(seed: int, days: int, traits: Traits) -> Factors:
    """Draw `days` days of returns for every symbol of the roster."""
    regime = _regimes(stream(seed, 1), days)
    market = _market(stream(seed, 2), regime)
    multiple = np.where(regime == 1, PARAMETERS["stress_multiple_of_cluster_and_own_volatility"], 1.0)[:, None]
    cluster_volatility = PARAMETERS["cluster_volatility_calm"] * multiple
    shocks = stream(seed, 3).standard_normal((days, CLUSTERS)) * cluster_volatility
    clusters = _autoregression(shocks, PARAMETERS["cluster_autocorrelation"])
    freedom = PARAMETERS["own_shock_degrees_of_freedom"]
    own_volatility = traits.idiosyncratic_volatility * multiple
    own = stream(seed, 4).standard_t(freedom, (days, len(BASES))) * np.sqrt((freedom - 2) / freedom) * own_volatility
    _peg(own)
    drift = _momentum(stream(seed, 5), days) * (traits.cluster >= 0)
    market_volatility = _by_regime(regime, "market_volatility")[:, None]
    variance = (
        (traits.beta_market * market_volatility) ** 2 + (traits.beta_cluster * cluster_volatility) ** 2
    ) + own_volatility**2
    systematic = traits.beta_market * market[:, None] + traits.beta_cluster * clusters[:, traits.cluster]
    returns = (systematic + own + drift - variance / 2).clip(-0.6, 0.6)
    volatility = np.sqrt(variance)
    _lever(returns, volatility)
    return Factors(regime, market, clusters, returns, volatility)


def _by_regime(regime: NDArray[np.int64], name: str) -> Floats:
    return np.where(regime == 1, PARAMETERS[f"{name}_stress"], PARAMETERS[f"{name}_calm"])


def _regimes(rng: np.random.Generator, days: int) -> NDArray[np.int64]:
    """Two-state Markov chain that starts calm."""
    leave = (PARAMETERS["calm_to_stress_probability"], PARAMETERS["stress_to_calm_probability"])
    states = np.zeros(days, dtype=np.int64)
    for day, draw in enumerate(rng.random(days)[1:], start=1):
        states[day] = states[day - 1] ^ int(draw < leave[states[day - 1]])
    return states


def _market(rng: np.random.Generator, regime: NDArray[np.int64]) -> Floats:
    return _by_regime(regime, "market_drift") + _by_regime(regime, "market_volatility") * rng.standard_normal(
        len(regime)
    )


def _momentum(rng: np.random.Generator, days: int) -> Floats:
    persistence = PARAMETERS["momentum_persistence_per_day"]
    shock = PARAMETERS["momentum_stationary_daily_drift"] * np.sqrt(1 - persistence**2)
    return _autoregression(rng.standard_normal((days, len(BASES))) * shock, persistence)


def _autoregression(shocks: Floats, coefficient: float) -> Floats:
    path = shocks.copy()
    for day in range(1, len(path)):
        path[day] += coefficient * path[day - 1]
    return path


def _peg(own: Floats) -> None:
    """Turn the pegged coin's shocks in place into steps between independent deviations: it always returns to par."""
    peg = BASES.index(STABLE_BASE)
    own[:, peg] = np.diff(own[:, peg], prepend=0.0)


def _lever(log_returns: Floats, volatility: Floats) -> None:
    """Fill the leveraged token in place: a multiple of its stem's simple daily return."""
    stem, token = BASES.index(LEVERAGED_STEM), BASES.index(LEVERAGED_BASE)
    multiple = PARAMETERS["leverage_multiple"]
    log_returns[:, token] = np.log1p((multiple * np.expm1(log_returns[:, stem])).clip(-0.8, 2.0))
    volatility[:, token] = multiple * volatility[:, stem]
