"""The thresholds of a universe beside the figures of its markets: how far a market is from each, and which is nearest.

Belongs here: the pairing of veto, figure and threshold in words. Does not belong here: the decision (`screening.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quant_assets.universe.config import Universe

GATES = ("kind", "quote", "no_bar")
"""Vetoes that make a market's figures meaningless for the universe: they are in another unit, or there are none."""


@dataclass(frozen=True)
class Threshold:
    """One numeric rule: the veto it makes, the column it looks at, the bound, and which side of it passes."""

    veto: str
    title: str
    figure: str
    bound: float
    is_floor: bool

    def text(self, value: float) -> str:
        """A figure as it is written in messages: whole for value and days, otherwise four digits."""
        if value != value:
            return "unknown"
        return f"{value:,.0f}" if self.figure in ("value_traded", "history_days") else f"{value:.4g}"


def thresholds(universe: Universe) -> tuple[Threshold, ...]:
    """Every numeric rule of a universe, in the order of the vetoes."""
    return (
        Threshold("history", "history floor", "history_days", universe.min_history_days, True),
        Threshold("gap", "gap ceiling", "gap_share", universe.max_gap_share, False),
        Threshold("liquidity", "liquidity floor", "value_traded", universe.min_value_traded, True),
        Threshold("volatility", "volatility floor", "daily_volatility", universe.min_daily_volatility, True),
    )


def nearest(rows: pd.DataFrame, universe: Universe) -> list[dict[str, Any]]:
    """For each threshold that vetoes a market of `rows` (output of `screen` for one day), the market nearest to it.

    Records of veto, title, threshold, symbol, seen, other (the market's other vetoes), text. Markets that nothing else
    vetoes come first; markets whose figures mean nothing (`GATES`) do not count.
    """
    vetoes = rows["veto_reasons"].astype("str").str.split(",")
    meant = np.array([not any(gate in names for gate in GATES) for names in vetoes], dtype=bool)
    counted = rows.assign(all_vetoes=vetoes)[meant]
    records = [_nearest(counted, threshold) for threshold in thresholds(universe)]
    return [record for record in records if record is not None]


def _nearest(rows: pd.DataFrame, rule: Threshold) -> dict[str, Any] | None:
    out = np.array([rule.veto in names for names in rows["all_vetoes"]], dtype=bool)
    failing = rows[out].dropna(subset=[rule.figure])
    if failing.empty:
        return None
    order = failing.assign(others=failing["all_vetoes"].map(len) - 1, name=failing["symbol"])
    best = order.sort_values(["others", rule.figure, "name"], ascending=[True, not rule.is_floor, True]).iloc[0]
    other = [name for name in best["all_vetoes"] if name != rule.veto]
    seen, bound = float(best[rule.figure]), float(rule.bound)
    text = f"{rule.title} {rule.text(bound)}: best is {best['symbol']} with {rule.text(seen)}"
    return {
        "veto": rule.veto,
        "title": rule.title,
        "threshold": bound,
        "symbol": str(best["symbol"]),
        "seen": seen,
        "other": other,
        "text": f"{text} (also vetoed: {', '.join(other)})" if other else text,
    }
