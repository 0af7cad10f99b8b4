"""Typed configuration of an allocation: the engine, its window, its bounds and what happens when they bind."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock


class HrpConfig(ConfigBlock):
    """Variant of hierarchical risk parity.

    The default is the textbook one (Lopez de Prado 2016): single linkage on sqrt((1 - rho) / 2), leaves in the order
    of the tree. ``ward`` with ``leaf_ordering`` is the default of skfolio.
    """

    linkage: Literal["single", "ward"] = "single"
    leaf_ordering: bool = False


class AllocationConfig(ConfigBlock):
    """How the winners of a sleeve are weighted.

    ``engine`` is an explicit choice: no engine ever stands in for another. Stream weights lie in [0, ``cap``] and sum
    to ``1 - cash_buffer``; net weights are those times the direction and ``gross``. ``cap_relief`` says what happens
    when the cap leaves no full portfolio (n x cap below that sum): an error, or n x cap invested and the rest recorded
    as cash. Leverage (gross above 1) is refused: its financing cost is not modelled.
    """

    engine: Literal["min_variance", "hrp", "equal_weight"] = "min_variance"
    cap: float = Field(default=0.25, gt=0.0, le=1.0)
    cap_relief: Literal["cash", "error"] = "error"
    lookback_days: int = Field(default=120, ge=20, le=2000)
    min_observations: int = Field(default=60, ge=10)
    gross: float = Field(default=1.0, gt=0.0, le=1.0)
    cash_buffer: float = Field(default=0.0, ge=0.0, lt=1.0)
    condition_limit: float = Field(default=5000.0, gt=1.0, allow_inf_nan=False)
    shrinkage_ladder: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    gap_limit: float = Field(default=1e-5, gt=0.0)
    hrp: HrpConfig = HrpConfig()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        """The ladder climbs from 0 within [0, 1); the window is long enough for the observations asked of it."""
        ladder = self.shrinkage_ladder
        climbs = all(a < b for a, b in pairwise(ladder))
        if not ladder or ladder[0] != 0.0 or not climbs or ladder[-1] >= 1.0:
            raise ValueError(f"shrinkage_ladder {ladder} must start at 0, rise strictly and stay below 1")
        if self.min_observations > self.lookback_days:
            raise ValueError(f"min_observations {self.min_observations} exceeds lookback_days {self.lookback_days}")
        return self

    @property
    def invested(self) -> float:
        """Sum of stream weights of a fully invested portfolio."""
        return 1.0 - self.cash_buffer
