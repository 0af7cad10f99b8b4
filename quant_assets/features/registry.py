"""One declaration for each feature: what it is, where it comes from, what it reads, and what its values may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from quant_assets.errors import UsageError
from quant_assets.features.causal import PanelFunction
from quant_assets.features.cross_section import CROSS_SECTIONS, CrossSection, DateFunction
from quant_assets.features.series import BarSeries, IntArray
from quant_assets.features.windowed import Parameters, WindowFunction

CROSS_SECTION = "cross-section"


@dataclass(frozen=True)
class Feature:
    """Declaration of one feature, bound to its parameters.

    The value at a bar is a function of exactly the last ``window`` bars of the same life (fewer, down to ``min_bars``,
    for a young symbol), none older than ``span_days`` calendar days, and NaN with fewer. A feature with ``memory`` is
    recursive: it rests on at least ``window`` bars, from the start of the block of ``span_days`` days before its own
    (``causal.py``). ``function`` computes it and ``output`` says which of the function's outputs it is. ``lower`` and
    ``upper`` bound valid values (inclusive). ``drift`` is the tolerated difference from the same formula on a longer
    history: relative for values, a share of the scale for ratings; 0 for features without memory beyond the window.
    ``drift_note``: what was measured.

    A feature with a ``base`` is a cross-section: the one kind whose value rests on other symbols. It is ``function`` of
    the base's values of all symbols with a bar on the same date, and of no other date; its bars, warm-up and drift are
    the base's.
    """

    id: str
    title: str
    formula: str
    source: str
    inputs: tuple[str, ...]
    unit: str
    lower: float
    upper: float
    window: int
    min_bars: int
    span_days: int
    function: WindowFunction | PanelFunction | DateFunction
    parameters: Parameters = field(default_factory=dict)
    output: int = 0
    memory: bool = False
    on_request: bool = False
    drift: float = 0.0
    drift_note: str = "none: nothing before the window enters the formula"
    version: int = 1
    tags: tuple[str, ...] = ()
    base: Feature | None = None

    @property
    def root(self) -> Feature:
        """What is computed from one symbol's own bars: the base of a cross-section, otherwise the feature itself."""
        return self.base or self

    @property
    def reach_days(self) -> int:
        """Calendar days back, the day's own included, that hold every bar a value may read."""
        return 2 * self.span_days if self.memory else self.span_days

    def start_of(self, series: BarSeries, rows: IntArray) -> IntArray:
        """First row of ``series`` that the value at each of ``rows`` may read."""
        if self.memory:
            return series.anchor_of(rows, self.span_days)
        return series.start_of(rows, self.window, self.span_days)

    @property
    def shape(self) -> tuple[bool, int, int]:
        """What features share that can read the same bars."""
        return self.memory, 0 if self.memory else self.window, self.span_days

    @property
    def description(self) -> str:
        """One line for column schemas: title, formula, window."""
        return f"{self.title}: {self.formula}; reads {'at least ' if self.memory else ''}{self.window} bars"


def across(base: Feature, kind: CrossSection) -> Feature:
    """The cross-section of a feature at each date: bounds and unit of its kind, bars and version of its base."""
    return replace(
        base, id=kind.prefix + base.id, title=f"{kind.title}: {base.title}", formula=kind.formula.format(id=base.id),
        source=f"{kind.source}; {base.id}: {base.source}", unit=kind.unit, lower=kind.lower, upper=kind.upper,
        function=kind.function, parameters={}, output=0, on_request=True, base=base, tags=(*base.tags, CROSS_SECTION),
        drift_note=f"that of {base.id}, which L2.WARMUP measures in its place",
    )  # fmt: skip


class Registry:
    """Features by id, in declaration order; an id can be declared once.

    ``rank_<id>`` and ``zscore_<id>`` of every feature can be selected too. Iteration and ``ids`` leave them out.
    """

    def __init__(self, features: Iterable[Feature]) -> None:
        self._features: dict[str, Feature] = {}
        for feature in features:
            if feature.id in self._features:
                raise UsageError(f"feature {feature.id!r} is declared twice; give one of them another id")
            _check(feature)
            self._features[feature.id] = feature
        for id in self._features:
            if (derived := self._across(id)) is not None:
                raise UsageError(f"feature {id!r} has the name of a cross-section of {derived.root.id!r}; rename it")

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """All declared ids, in order."""
        return tuple(self._features)

    def select(self, ids: Iterable[str]) -> tuple[Feature, ...]:
        """The features with these ids, in this order; UsageError for an unknown or repeated id."""
        wanted = tuple(ids)
        found = {id: self._features.get(id) or self._across(id) for id in wanted}
        if unknown := sorted(id for id, feature in found.items() if feature is None):
            kinds = " and ".join(f"{kind.prefix}<id>" for kind in CROSS_SECTIONS)
            near = {name: get_close_matches(name.lower(), self._features, n=3) for name in unknown}
            hints = "".join(f"; {name}: did you mean {' or '.join(found)}?" for name, found in near.items() if found)
            raise UsageError(
                f"unknown features {unknown}{hints}; `quant features list` names all {len(self._features)}, and there "
                f"are {kinds} of each"
            )
        if len(found) < len(wanted):
            raise UsageError(f"features are listed twice: {sorted({i for i in wanted if wanted.count(i) > 1})}")
        return tuple(feature for feature in found.values() if feature is not None)

    def _across(self, id: str) -> Feature | None:
        """The cross-section of that name, if it is one of a registered feature."""
        for kind in CROSS_SECTIONS:
            base = self._features.get(id.removeprefix(kind.prefix)) if id.startswith(kind.prefix) else None
            if base is not None:
                return across(base, kind)
        return None


def _check(feature: Feature) -> None:
    """Refuse a declaration that contradicts itself."""
    if not (1 <= feature.min_bars <= feature.window <= feature.span_days) or feature.lower > feature.upper:
        raise UsageError(
            f"feature {feature.id!r}: 1 <= min_bars {feature.min_bars} <= window {feature.window} <= span_days "
            f"{feature.span_days} and lower {feature.lower} <= upper {feature.upper} must hold"
        )
