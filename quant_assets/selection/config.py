"""Typed configuration of a selection: the score, the conditions, the cluster cut and the relaxation ladder."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock


class ScoreConfig(ConfigBlock):
    """The feature that ranks the pool.

    ``signed`` says that the feature points somewhere (a rating): longs rank it descending and shorts ascending,
    around ``center`` (0 for ratings, 50 for RSI). An unsigned feature is a strength (ADX): descending for both.
    """

    feature: str = Field(default="recommend_ma", min_length=1)
    signed: bool = True
    center: float = Field(default=0.0, allow_inf_nan=False)


class FeatureRule(ConfigBlock):
    """A bound on one raw feature, written for longs.

    With ``mirror`` a short sleeve applies it reflected at ``center`` (``min: 0.3`` becomes ``value <= -0.3``);
    without it both directions apply it as written (a volatility ceiling means the same for both).
    """

    feature: str = Field(min_length=1)
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    mirror: bool = False
    center: float = Field(default=0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """A rule without a bound, or with crossed bounds, is a mistake in the profile."""
        if self.min is None and self.max is None:
            raise ValueError(f"rule on {self.feature}: give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"rule on {self.feature}: min {self.min} is above max {self.max}")
        return self


class ThresholdRule(FeatureRule):
    """A feature bound that makes the signal: mirrored for shorts, and the ladder may relax it."""

    mirror: bool = True


class VetoRule(FeatureRule):
    """A feature bound that protects: not mirrored, and no stage of the ladder ever ignores it."""


class TrendConfig(ConfigBlock):
    """Moving-average regime: longs need ``fast > slow * (1 + margin)``, shorts ``fast < slow * (1 - margin)``.

    No stage of the ladder ever ignores it: a trend sleeve without a trend holds cash.
    """

    kind: Literal["ma_regime"] = "ma_regime"
    fast: Literal["vwma_20", "sma_50", "close"] = "vwma_20"
    slow: Literal["sma_200"] = "sma_200"
    margin: float = Field(default=0.0, ge=0.0, lt=1.0)


class AdxConfig(ConfigBlock):
    """Trend strength: ``adx >= min``; with ``di_aligned`` longs need +DI > -DI and shorts -DI > +DI.

    The ladder may relax ``min``; the alignment is never ignored.
    """

    feature: str = "adx_14"
    plus_di: str = "dmp_14"
    minus_di: str = "dmn_14"
    min: float = Field(default=20.0, ge=0.0, le=100.0)
    di_aligned: bool = True


class ClusterConfig(ConfigBlock):
    """Ward clusters of sqrt(0.5 (1 - rho)) on one return window, cut at ``threshold``.

    A symbol needs returns on ``min_density`` of the window's days, and the winners together on
    ``min_joint_density`` of them. Ward distances grow with the cluster, so the threshold is not a correlation.
    """

    lookback_days: int = Field(default=120, ge=20, le=2000)
    threshold: float = Field(default=0.5, gt=0.0, le=10.0)
    per_cluster: int = Field(default=3, ge=1)
    min_density: float = Field(default=0.9, gt=0.0, le=1.0)
    min_joint_density: float = Field(default=0.8, gt=0.0, le=1.0)

    @property
    def min_days(self) -> int:
        """Days with a return that one symbol needs in the window."""
        return math.ceil(self.min_density * self.lookback_days - 1e-9)

    @property
    def min_joint_days(self) -> int:
        """Days of the window on which all winners together need a return."""
        return math.ceil(self.min_joint_density * self.lookback_days - 1e-9)


class RelaxationConfig(ConfigBlock):
    """The ladder below the floor: stage 0 strict, 1 relaxed thresholds, 2 cluster representatives.

    ``factor`` moves each relaxable bound by ``(1 - factor) * |bound|`` to the lenient side. A forced pick is the
    best-ranked member of a cluster without a winner; its directional score is at least ``forced_min_score``, and
    forced picks are at most ``max_forced_share`` of the winners.
    """

    last_stage: Literal[0, 1, 2] = 2
    factor: float = Field(default=0.8, gt=0.0, le=1.0)
    forced_min_score: float = Field(default=0.0, allow_inf_nan=False)
    max_forced_share: float = Field(default=1.0 / 3.0, ge=0.0, lt=1.0)


class SelectionConfig(ConfigBlock):
    """Everything that decides which symbols of a pool a sleeve holds for a week."""

    score: ScoreConfig = ScoreConfig()
    thresholds: tuple[ThresholdRule, ...] = ()
    vetoes: tuple[VetoRule, ...] = ()
    trend: TrendConfig | None = None
    adx: AdxConfig | None = None
    clusters: ClusterConfig = ClusterConfig()
    relaxation: RelaxationConfig = RelaxationConfig()
    top_n: int = Field(default=20, ge=1)
    floor: int = Field(default=15, ge=1)
    on_empty: Literal["error", "cash"] = "error"

    @model_validator(mode="after")
    def _floor_reachable(self) -> Self:
        """A floor above ``top_n`` can never be met; two rules with one id could not be told apart."""
        if self.floor > self.top_n:
            raise ValueError(f"floor {self.floor} is above top_n {self.top_n}: it can never be met")
        names = [("threshold", r.feature) for r in self.thresholds] + [("veto", r.feature) for r in self.vetoes]
        repeated = sorted({f"{kind} on {name}" for kind, name in names if names.count((kind, name)) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} given twice: write one rule with min and max")
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """Names of every feature column the selection reads, sorted."""
        names = {self.score.feature, *(r.feature for r in (*self.thresholds, *self.vetoes))}
        if self.trend is not None:
            names |= {self.trend.fast, self.trend.slow}
        if self.adx is not None:
            names.add(self.adx.feature)
            names |= {self.adx.plus_di, self.adx.minus_di} if self.adx.di_aligned else set()
        return tuple(sorted(names))
