"""L1.CROSS_SOURCE: two sources of the same markets agree where both cover a day.

A disagreement says that one of them is wrong, not which; so it warns with the worst offenders and moves nothing to
quarantine. What a bar's own past says against it (`identity`) decides about the bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from quant_assets.config import ConfigBlock
from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, warn_rule
from quant_assets.errors import UsageError
from quant_assets.market.symbols import parse_symbol
from quant_assets.market.table import to_index

RULE = "L1.CROSS_SOURCE"
NEEDED = ("date", "symbol", "close", "volume")
OFFENDER_COLUMNS = ("symbol", "symbol_other", "date", "close", "close_other", "volume", "volume_other")


class CrossSource(ConfigBlock):
    """How far two sources of one market may differ."""

    close_tolerance: float = Field(default=0.02, gt=0.0)
    """Largest relative difference of two closes of one day."""
    volume_tolerance: float | None = Field(default=None, gt=0.0)
    """Largest relative difference of two volumes; none where the sources are different exchanges, which trade apart."""


def cross_source_results(
    own: pd.DataFrame, other: pd.DataFrame, days: pd.DatetimeIndex, rules: CrossSource
) -> dict[pd.Timestamp, RuleResult]:
    """Return L1.CROSS_SOURCE of each of `days`: closes, and volumes where they are compared.

    `own`, `other`: date, symbol, close, volume of two sources; markets match by base, quote and settlement, whatever
    the venue. Only what both have is compared; a bar that one lacks is a matter of coverage. Offenders are the worst
    first. Raises UsageError when a column is missing or a source has a market twice on a day.
    """
    wanted = to_index(days)
    pairs = _pairs(own, wanted, "own").merge(
        _pairs(other, wanted, "other"), on=["date", "pair"], suffixes=("", "_other")
    )
    close, volume = (_difference(pairs[name], pairs[f"{name}_other"]) for name in ("close", "volume"))
    worst = close / rules.close_tolerance
    if rules.volume_tolerance is not None:
        worst = np.maximum(worst, volume / rules.volume_tolerance)
    pairs = pairs.assign(close_difference=close, volume_difference=volume, worst=worst)
    groups = {day: rows for day, rows in pairs.groupby("date")}
    return {day: _result(groups.get(day, pairs.iloc[:0])) for day in wanted}


def _pairs(bars: pd.DataFrame, days: pd.DatetimeIndex, what: str) -> pd.DataFrame:
    if lacking := [name for name in NEEDED if name not in bars.columns]:
        raise UsageError(f"{what} bars lack the column(s) {', '.join(lacking)}; expected {', '.join(NEEDED)}")
    rows = bars.loc[bars["date"].isin(days), list(NEEDED)]
    names = {symbol: symbol.partition(":")[2] for symbol in rows["symbol"].unique() if parse_symbol(symbol)}
    rows = rows.assign(pair=rows["symbol"].map(names))
    if (twice := rows.duplicated(["date", "pair"])).any():
        row = rows[twice].iloc[0]
        raise UsageError(f"{what} bars have {row['pair']} twice on {row['date'].date()}; compare one venue at a time")
    return rows


def _difference(left: pd.Series, right: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return |a - b| relative to the larger; 0 where both are 0, infinite where a value is not a number."""
    a, b = left.to_numpy(dtype=np.float64), right.to_numpy(dtype=np.float64)
    size = np.maximum(np.abs(a), np.abs(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(size == 0.0, 0.0, np.abs(a - b) / size)
    return np.where(np.isfinite(share), share, np.inf)


def _result(rows: pd.DataFrame) -> RuleResult:
    broken = rows[rows["worst"] > 1.0].sort_values(["worst", "pair"], ascending=[False, True])
    if not len(rows):
        return warn_rule(RULE, checked=0, breaches=0, message="not evaluated: the other source has no bar of the day")
    if broken.empty:
        return warn_rule(RULE, checked=len(rows), breaches=0, message=f"{len(rows)} markets agree in both sources")
    shown = broken.head(MAX_OFFENDERS).assign(date=broken["date"].dt.strftime("%Y-%m-%d"))
    offenders: list[Mapping[str, Any]] = shown[list(OFFENDER_COLUMNS)].to_dict("records")  # type: ignore[assignment]
    first = broken.iloc[0]
    return warn_rule(
        RULE, checked=len(rows), breaches=len(broken), offenders=offenders,
        message=f"{len(broken)} of {len(rows)} markets differ between two sources; worst {first['symbol']}: closes by "
        f"{first['close_difference']:.2%}, volumes by {first['volume_difference']:.2%}; look which source is wrong",
    )  # fmt: skip
