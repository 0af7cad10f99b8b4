"""The conditions of a selection, evaluated on raw features: which value must stand on which side of which bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.selection.config import AdxConfig, FeatureRule, SelectionConfig, TrendConfig
from quant_assets.selection.vetoes import COMPARISONS, Veto, comparison_veto
from quant_assets.universe.direction import Direction

_REFLECTED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
BoolArray = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """One filter: a symbol fails it when ``value op bound`` holds.

    ``relaxed`` is the bound of stage 1; ``binding`` filters have no other bound and are never ignored.
    Arrays hold one number for each symbol, in the order of the features that they were made from.
    """

    id: str
    value: Floats
    op: str
    bound: Floats
    relaxed: Floats
    binding: bool

    def fails(self, *, relaxed: bool = False) -> BoolArray:
        """Boolean by symbol: the condition refuses it. Values are finite by construction (missing ones vetoed)."""
        bound = self.relaxed if relaxed else self.bound
        outcome: BoolArray = COMPARISONS[self.op](self.value, bound)  # type: ignore[arg-type, assignment] # elementwise
        return outcome

    def veto(self, position: int) -> Veto:
        """The record of this condition refusing the symbol at that position, against the strict bound."""
        return comparison_veto(self.id, self.value[position], self.op, self.bound[position])


def directional_score(features: pd.DataFrame, config: SelectionConfig, direction: Direction) -> Floats:
    """The score as the sleeve sees it, one for each row of ``features``: larger is better for this direction."""
    score = config.score
    raw = _values(features, score.feature)
    return direction.sign * (raw - score.center) if score.signed else raw


def filter_ids(config: SelectionConfig) -> tuple[str, ...]:
    """Ids of all configured filters, in the order in which they are recorded."""
    ids = [f"{r.feature}.{side}" for r in config.thresholds for side in ("min", "max") if getattr(r, side) is not None]
    ids += [f"veto.{r.feature}.{s}" for r in config.vetoes for s in ("min", "max") if getattr(r, s) is not None]
    if config.trend is not None:
        ids.append("trend.ma_regime")
    if config.adx is not None:
        ids += ["adx.min", *(["adx.di_aligned"] if config.adx.di_aligned else [])]
    return tuple(ids)


def conditions(features: pd.DataFrame, config: SelectionConfig, direction: Direction) -> tuple[Condition, ...]:
    """Every configured filter on these features (index symbol, no missing value), mirrored where the rule says so."""
    factor = config.relaxation.factor
    found: list[Condition] = []
    for rule in config.thresholds:
        found += _feature_rule(features, rule, direction, factor)
    for veto in config.vetoes:
        found += _feature_rule(features, veto, direction, None)
    if config.trend is not None:
        found.append(_trend(features, config.trend, direction))
    if config.adx is not None:
        found += _adx(features, config.adx, direction, factor)
    return tuple(found)


def _feature_rule(
    features: pd.DataFrame, rule: FeatureRule, direction: Direction, factor: float | None
) -> Iterator[Condition]:
    """The min and max sides of one rule; ``factor`` None makes them binding."""
    prefix = "" if factor is not None else "veto."
    for side, limit, op, lenient in (("min", rule.min, "<", -1.0), ("max", rule.max, ">", 1.0)):
        if limit is None:
            continue
        strict = limit - rule.center
        eased = strict if factor is None else strict + lenient * (1.0 - factor) * abs(strict)
        mirrored = rule.mirror and direction is Direction.SHORT
        sign = -1.0 if mirrored else 1.0
        yield Condition(
            f"{prefix}{rule.feature}.{side}",
            _values(features, rule.feature),
            _REFLECTED[op] if mirrored else op,
            _constant(features, rule.center + sign * strict),
            _constant(features, rule.center + sign * eased),
            binding=factor is None,
        )


def _trend(features: pd.DataFrame, trend: TrendConfig, direction: Direction) -> Condition:
    """Moving-average regime; equality is no trend."""
    bound = _values(features, trend.slow) * (1.0 + direction.sign * trend.margin)
    op = "<=" if direction is Direction.LONG else ">="
    return Condition("trend.ma_regime", _values(features, trend.fast), op, bound, bound, binding=True)


def _adx(features: pd.DataFrame, adx: AdxConfig, direction: Direction, factor: float) -> Iterator[Condition]:
    """Strength of the trend (the same for both directions), and whether it points the sleeve's way."""
    strength = _values(features, adx.feature)
    strict, eased = _constant(features, adx.min), _constant(features, adx.min * factor)
    yield Condition("adx.min", strength, "<", strict, eased, binding=False)
    if adx.di_aligned:
        plus, minus = _values(features, adx.plus_di), _values(features, adx.minus_di)
        op = "<=" if direction is Direction.LONG else ">="
        yield Condition("adx.di_aligned", plus, op, minus, minus, binding=True)


def _values(features: pd.DataFrame, name: str) -> Floats:
    """One feature of every symbol."""
    return features[name].to_numpy(dtype=np.float64)


def _constant(features: pd.DataFrame, bound: float) -> Floats:
    """One bound for every symbol."""
    return np.full(len(features), bound)
