"""One declaration for each feature: what it is, where it comes from, what it reads, and what its values may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from quant_assets.errors import UsageError
from quant_assets.features.causal import PanelFunction
from quant_assets.features.series import BarSeries, IntArray
from quant_assets.features.windowed import Parameters, WindowFunction


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
    function: WindowFunction | PanelFunction
    parameters: Parameters = field(default_factory=dict)
    output: int = 0
    memory: bool = False
    on_request: bool = False
    drift: float = 0.0
    drift_note: str = "none: nothing before the window enters the formula"
    version: int = 1
    tags: tuple[str, ...] = ()

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
        """What features share that read the same bars."""
        return self.memory, self.window, self.span_days

    @property
    def description(self) -> str:
        """One line for column schemas: title, formula, window."""
        return f"{self.title}: {self.formula}; reads {'at least ' if self.memory else ''}{self.window} bars"


class Registry:
    """Features by id, in declaration order; an id can be declared once."""

    def __init__(self, features: Iterable[Feature]) -> None:
        self._features: dict[str, Feature] = {}
        for feature in features:
            if feature.id in self._features:
                raise UsageError(f"feature {feature.id!r} is declared twice; give one of them another id")
            _check(feature)
            self._features[feature.id] = feature

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """All declared ids, in order."""
        return tuple(self._features)

    def select(self, ids: Iterable[str]) -> tuple[Feature, ...]:
        """The features with these ids, in this order; UsageError for an unknown or repeated id."""
        wanted = tuple(ids)
        unknown = sorted(set(wanted) - set(self._features))
        if unknown:
            raise UsageError(f"unknown features {unknown}; the registered ones are {list(self._features)}")
        if len(set(wanted)) < len(wanted):
            raise UsageError(f"features are listed twice: {sorted({i for i in wanted if wanted.count(i) > 1})}")
        return tuple(self._features[i] for i in wanted)


def _check(feature: Feature) -> None:
    """Refuse a declaration that contradicts itself."""
    if not (1 <= feature.min_bars <= feature.window <= feature.span_days) or feature.lower > feature.upper:
        raise UsageError(
            f"feature {feature.id!r}: 1 <= min_bars {feature.min_bars} <= window {feature.window} <= span_days "
            f"{feature.span_days} and lower {feature.lower} <= upper {feature.upper} must hold"
        )
