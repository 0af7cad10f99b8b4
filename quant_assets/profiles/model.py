"""The typed profile: everything a run depends on besides code and data.

Belongs here: how the rooms' configuration blocks compose, and what must hold between them.
Does not belong here: defaults of a room (they live in its own ``config.py``).
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock, hash_of
from quant_assets.errors import UsageError
from quant_assets.features.config import ALL, FeaturesConfig
from quant_assets.market.calendars import ALWAYS_OPEN, require_annualisation, require_calendar
from quant_assets.market.config import IdentityMap, MarketRules, Redenomination
from quant_assets.market.cross_source import CrossSource
from quant_assets.market.symbols import is_canonical
from quant_assets.market.waivers import Waiver
from quant_assets.meta.config import MetaConfig, nesting_depth
from quant_assets.simulation.config import Costs
from quant_assets.sleeves.config import SleeveConfig
from quant_assets.universe.config import Universe
from quant_resources.alerts import AlertsConfig
from quant_resources.screener import ScreenerConfig
from quant_resources.venues.config import SampleVenueConfig, VenueConfig


class CrossCheck(ConfigBlock):
    """A second source of bars that the first one is compared with; it never replaces a bar."""

    venue: VenueConfig
    rules: CrossSource = CrossSource()


class Profile(ConfigBlock):
    """One complete set-up.

    ``start`` is the first day with bars; ``first_week`` the first Monday whose weights are decided; the daily assets
    of the alpha part begin one week before it. ``end`` is the last day with bars, absent for a profile that goes on.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    title: str
    owner: str = "team:quant"
    start: dt.date
    first_week: dt.date
    end: dt.date | None = None
    annualisation: int = Field(365, ge=1, le=366)
    calendar: str = ALWAYS_OPEN
    """Days on which the market is open: `24/7`, or an exchange's code such as XNYS. A closed day is a recorded, empty
    partition; `annualisation` must then be the exchange's sessions a year, within 5 %."""
    venue: VenueConfig
    market: MarketRules = MarketRules()
    cross_check: CrossCheck | None = None
    redenominations: tuple[Redenomination, ...] = ()
    identities: tuple[IdentityMap, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    universes: tuple[Universe, ...] = Field(min_length=1)
    features: FeaturesConfig = FeaturesConfig()
    costs: Costs
    benchmark: str | None = None
    sleeves: tuple[SleeveConfig, ...] = ()
    metas: tuple[MetaConfig, ...] = ()
    alerts: AlertsConfig = AlertsConfig()
    screener: ScreenerConfig | None = None
    """Opt-in: the asset `screener_snapshot` exists where this block does; `{}` takes its defaults."""

    @model_validator(mode="before")
    @classmethod
    def _one_annualisation(cls, values: object) -> object:
        """Costs accrue on the profile's own day count; it is stated once."""
        if isinstance(values, dict) and isinstance(values.get("costs"), dict):
            days = values.get("annualisation", cls.model_fields["annualisation"].default)
            values = {**values, "costs": {"annualisation_days": days, **values["costs"]}}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_calendar(self)
        _check_time(self)
        _check_names(self)
        _check_features(self)
        _check_symbols(self)
        nesting_depth(self.metas)
        return self

    @cached_property
    def alpha_start(self) -> dt.date:
        """First day of the alpha part's daily partitions: one week before the first decision."""
        return self.first_week - dt.timedelta(days=7)

    @cached_property
    def feature_ids(self) -> tuple[str, ...]:
        """Ids of the features that are computed, in column order: what `all` stands for, spelled out."""
        if ALL not in self.features.features:
            return self.features.features
        from quant_assets.features.catalogue import selected_features

        return tuple(f.id for f in selected_features(self.features, self.annualisation))

    @cached_property
    def config_hash(self) -> str:
        """SHA-256 (first 16 hex digits) of the resolved profile, defaults included; where files lie does not count."""
        return hash_of(self)

    @property
    def synthetic(self) -> bool:
        """Whether the market is made up."""
        return isinstance(self.venue, SampleVenueConfig) or getattr(self.venue, "data_kind", "real") == "synthetic"

    @property
    def source_kind(self) -> str:
        """What the asset pages show as the kind of the source: ``synthetic``, or the kind of the venue."""
        return "synthetic" if self.synthetic else self.venue.kind

    @property
    def source_note(self) -> str:
        """Sentence for descriptions that must not be mistaken for a real market's."""
        return " SYNTHETIC: this market is made up." if self.synthetic else ""


def meta_first_week(profile: Profile, name: str) -> dt.date:
    """First Monday whose meta weights can be decided: its members' first week and the history it asks for.

    A sleeve's first week is the profile's.
    """
    meta = next((m for m in profile.metas if m.name == name), None)
    if meta is None:
        return profile.first_week
    return max(meta_first_week(profile, m) for m in meta.members) + dt.timedelta(weeks=meta.min_history_weeks)


def _check_calendar(profile: Profile) -> None:
    try:
        require_calendar(profile.calendar)
        require_annualisation(profile.calendar, profile.annualisation)
    except UsageError as error:
        raise ValueError(str(error)) from error


def _check_time(profile: Profile) -> None:
    if profile.first_week.weekday() != 0:
        raise ValueError(f"first_week {profile.first_week} is not a Monday; use the Monday of that week")
    if profile.alpha_start < profile.start:
        raise ValueError(f"first_week {profile.first_week} must be at least 7 days after start {profile.start}")
    if profile.end is not None and profile.end < profile.first_week:
        raise ValueError(f"end {profile.end} is before first_week {profile.first_week}")


def _check_names(profile: Profile) -> None:
    books = [s.name for s in profile.sleeves] + [m.name for m in profile.metas]
    for names, what in ((books, "sleeve or meta"), ([u.name for u in profile.universes], "universe")):
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"{what} names used twice: {twice}")
    known = {u.name: u for u in profile.universes}
    for sleeve in profile.sleeves:
        if sleeve.universe not in known:
            raise ValueError(f"sleeve {sleeve.name}: unknown universe {sleeve.universe!r}; known: {sorted(known)}")
        if not known[sleeve.universe].intent.allows(sleeve.direction):
            raise ValueError(
                f"sleeve {sleeve.name}: direction {sleeve.direction} is not the intent of universe {sleeve.universe}"
            )
    for meta in profile.metas:
        absent = sorted(set(meta.members) - set(books))
        if absent:
            raise ValueError(f"meta {meta.name}: members {absent} are not in this profile; known: {sorted(books)}")


def _check_symbols(profile: Profile) -> None:
    """A map that names no market as the lakehouse does would silently apply to nothing."""
    for block, maps in (("redenominations", profile.redenominations), ("identities", profile.identities)):
        if wrong := sorted({m.symbol for m in maps if not is_canonical(m.symbol)}):
            raise ValueError(f"{block}: {wrong} must be named VENUE:BASE/QUOTE[:SETTLE], as `ohlcv` has them")


def _check_features(profile: Profile) -> None:
    try:
        computed = set(profile.feature_ids)
    except UsageError as error:
        raise ValueError(str(error)) from error
    for sleeve in profile.sleeves:
        unknown = sorted(set(sleeve.selection.features) - computed)
        if unknown:
            raise ValueError(
                f"sleeve {sleeve.name}: features {unknown} are not computed; add them (or `all`) to features.features, "
                f"which computes {sorted(computed)}"
            )
