"""The relaxation ladder: who wins at which stage, in rank order, under the cluster and density caps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from quant_assets.selection.config import SelectionConfig


@dataclass(frozen=True)
class Pool:
    """Symbols that passed hygiene, best first, with everything the ladder asks about them.

    ``strict``, ``relaxed`` and ``forceable`` are the symbols that each stage may accept; ``present`` tells on which
    days of the window a symbol has a return.
    """

    ranked: tuple[str, ...]
    cluster: Mapping[str, int]
    strict: frozenset[str]
    relaxed: frozenset[str]
    forceable: frozenset[str]
    present: Mapping[str, npt.NDArray[np.bool_]]


@dataclass
class Ladder:
    """State of one climb; ``stages`` maps each winner to the stage that accepted it, in order of acceptance."""

    pool: Pool
    config: SelectionConfig
    stages: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    reached: int = 0

    def climb(self) -> Ladder:
        """Run the stages until the floor is met or the last one is done; returns itself."""
        for symbol in self.pool.ranked:
            if symbol in self.pool.strict:
                self._accept(symbol, 0)
        if self._short() and self.config.relaxation.last_stage >= 1:
            self.reached = 1
            self._relax()
        if self._short() and self.config.relaxation.last_stage >= 2:
            self.reached = 2
            self._represent()
        return self

    def _relax(self) -> None:
        """Stage 1: symbols that meet the relaxed bounds, only as many as the floor needs."""
        for symbol in self.pool.ranked:
            if self._short() and symbol in self.pool.relaxed and symbol not in self.stages:
                self._accept(symbol, 1)

    def _represent(self) -> None:
        """Stage 2: the best member of each cluster without a winner, within the share of forced picks."""
        share = self.config.relaxation.max_forced_share
        allowance = math.floor(len(self.stages) * share / (1.0 - share) + 1e-9)
        for symbol in self.pool.ranked:
            taken = {self.pool.cluster[s] for s in self.stages}
            free = self.pool.cluster[symbol] not in taken
            if self._short() and allowance > 0 and free and symbol in self.pool.forceable and self._accept(symbol, 2):
                allowance -= 1

    def _short(self) -> bool:
        return len(self.stages) < self.config.floor

    def _accept(self, symbol: str, stage: int) -> bool:
        """Accept the symbol unless a cap refuses it; the refusal is kept as its outcome."""
        refusal = self._refusal(symbol)
        if refusal:
            self.refusals.setdefault(symbol, refusal)
            return False
        self.stages[symbol] = stage
        return True

    def _refusal(self, symbol: str) -> str:
        """Which cap refuses the symbol now; empty when none does."""
        if len(self.stages) >= self.config.top_n:
            return "top_n"
        cluster = self.pool.cluster
        if sum(cluster[s] == cluster[symbol] for s in self.stages) >= self.config.clusters.per_cluster:
            return "cluster_cap"
        joint = np.logical_and.reduce([self.pool.present[s] for s in (*self.stages, symbol)]).sum()
        return "joint_window" if joint < self.config.clusters.min_joint_days else ""
