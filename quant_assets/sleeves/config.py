"""Typed configuration of a sleeve: one entry of a profile."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from quant_assets.allocation.config import AllocationConfig
from quant_assets.config import ConfigBlock
from quant_assets.selection.config import SelectionConfig
from quant_assets.simulation.config import Costs
from quant_assets.universe.direction import Direction


class SleeveConfig(ConfigBlock):
    """A strategy sleeve: which pool it looks at, which way it bets, how it selects and how it weighs.

    ``costs`` None means the costs of the profile.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")
    title: str = Field(min_length=1, max_length=120)
    universe: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")
    direction: Direction
    selection: SelectionConfig = SelectionConfig()
    allocation: AllocationConfig = AllocationConfig()
    costs: Costs | None = None

    @model_validator(mode="after")
    def _can_be_invested(self) -> Self:
        """The most winners the sleeve may have must be able to hold its money, unless cash relief is declared."""
        room = self.selection.top_n * self.allocation.cap
        if self.allocation.cap_relief == "error" and room < self.allocation.invested - 1e-12:
            raise ValueError(
                f"sleeve {self.name}: top_n {self.selection.top_n} x cap {self.allocation.cap:g} = {room:g} is below "
                f"{self.allocation.invested:g}; raise one of them or declare cap_relief: cash"
            )
        return self
