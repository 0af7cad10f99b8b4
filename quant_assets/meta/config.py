"""Configuration of one meta-portfolio, and the shape of all of them together.

Belongs here: the typed block of a profile, the bounds it may state, nesting depth and the refusal of cycles.
Does not belong here: anything that needs returns or weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from quant_assets.config import ConfigBlock
from quant_assets.errors import UsageError

MAX_DEPTH = 3
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
BOUND_TOLERANCE = 1e-9

Engine = Literal["hrp", "min_variance", "equal_weight"]


class MetaConfig(ConfigBlock):
    """One meta-portfolio: which sleeves (or other metas) it holds and how it divides the capital among them.

    ``members`` name sleeves or metas; ``min_weight`` and ``max_weight`` bound every live member's share of the
    capital; ``opposites`` are ``(long sleeve, short sleeve)`` pairs whose net returns must be negatively correlated;
    ``concentration_base``: what a position is a share of; ``capital`` suits books that are often mostly in cash, where
    a small lone position is all of the gross exposure. ``single`` declares that one member is intended.
    Limits are fractions: ``concentration_limit`` of gross exposure,
    ``join_loss_error`` of dates, ``health_share`` of weeks; ``diversity_floor`` is a number of members.
    """

    name: str = Field(pattern=NAME_PATTERN)
    title: str = ""
    members: tuple[str, ...] = Field(min_length=1)
    engine: Engine = "hrp"
    lookback_weeks: int = Field(default=26, ge=1, le=520)
    min_history_weeks: int = Field(default=8, ge=1, le=520)
    min_weight: float = Field(default=0.05, ge=0.0, le=1.0)
    max_weight: float = Field(default=0.60, gt=0.0, le=1.0)
    concentration_limit: float = Field(default=0.15, gt=0.0, le=1.0)
    concentration_base: Literal["gross", "capital"] = "gross"
    join_loss_error: float = Field(default=0.20, ge=0.0, lt=1.0)
    health_share: float = Field(default=0.75, ge=0.0, le=1.0)
    diversity_floor: float = Field(default=1.5, ge=1.0)
    opposites: tuple[tuple[str, str], ...] = ()
    single: bool = False

    @field_validator("members")
    @classmethod
    def _members_are_distinct(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({m for m in members if members.count(m) > 1})
        if repeated:
            raise ValueError(f"members appear more than once: {', '.join(repeated)}; list each member once")
        return members

    @model_validator(mode="after")
    def _consistent(self) -> MetaConfig:
        if len(self.members) < 2 and not self.single:
            raise ValueError(f"meta {self.name!r} has one member; add another or declare `single: true`")
        if self.min_history_weeks > self.lookback_weeks:
            raise ValueError(f"meta {self.name!r}: min_history_weeks must not exceed lookback_weeks")
        strangers = sorted({m for pair in self.opposites for m in pair} - set(self.members))
        if strangers:
            raise ValueError(f"meta {self.name!r}: opposites name {', '.join(strangers)}, which are not members")
        check_bounds(len(self.members), self.min_weight, self.max_weight, self.name)
        return self

    @property
    def label(self) -> str:
        """Title to show to a person; the name when no title is given."""
        return self.title or self.name


def check_bounds(count: int, min_weight: float, max_weight: float, name: str) -> None:
    """Refuse bounds that no set of ``count`` weights summing to 1 can satisfy.

    Raises:
        UsageError: when ``count * min_weight > 1``, ``count * max_weight < 1`` or ``min_weight > max_weight``.
    """
    if min_weight > max_weight:
        raise UsageError(f"meta {name!r}: min_weight {min_weight:g} is above max_weight {max_weight:g}; swap them")
    if count * min_weight > 1.0 + BOUND_TOLERANCE:
        raise UsageError(
            f"meta {name!r}: {count} live members x min_weight {min_weight:g} = {count * min_weight:g} > 1; "
            f"lower min_weight to at most {1.0 / count:.6g}"
        )
    if count * max_weight < 1.0 - BOUND_TOLERANCE:
        raise UsageError(
            f"meta {name!r}: {count} live members x max_weight {max_weight:g} = {count * max_weight:g} < 1; "
            f"raise max_weight to at least {1.0 / count:.6g}"
        )


def nesting_depth(metas: Iterable[MetaConfig]) -> dict[str, int]:
    """Depth of every meta: 1 when all its members are sleeves, one more than its deepest member otherwise.

    A member that is not the name of a meta is taken for a sleeve.

    Raises:
        UsageError: when a name is used twice, when a meta contains itself (the path is named), or when a meta is
            deeper than ``MAX_DEPTH`` (L4.DEPTH; the path is named).
    """
    members: dict[str, tuple[str, ...]] = {}
    for meta in metas:
        if meta.name in members:
            raise UsageError(f"two metas are named {meta.name!r}; rename one of them")
        members[meta.name] = meta.members
    depths = {name: len(_deepest_path(name, members, ())) for name in members}
    for name, depth in depths.items():
        if depth > MAX_DEPTH:
            path = " -> ".join(_deepest_path(name, members, ()))
            raise UsageError(f"L4.DEPTH: metas nest {depth} deep ({path}); the limit is {MAX_DEPTH}, flatten one level")
    return depths


def _deepest_path(name: str, members: Mapping[str, tuple[str, ...]], above: tuple[str, ...]) -> tuple[str, ...]:
    """Longest chain of metas from ``name`` downwards; refuses a cycle and names its path."""
    if name in above:
        path = " -> ".join([*above[above.index(name) :], name])
        raise UsageError(f"L4.DEPTH: metas contain themselves: {path}; remove one of these members")
    below = [_deepest_path(m, members, (*above, name)) for m in members[name] if m in members]
    return (name, *max(below, key=len, default=()))
