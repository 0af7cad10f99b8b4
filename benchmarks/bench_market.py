"""L0 and L1 on a whole panel of bars."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.measure import Measurement, median_of
from benchmarks.panel import synthetic_bars
from quant_assets.market.config import MarketRules
from quant_assets.market.judgement import BarJudgement, judge_bars
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS, empty_frame


def judge_panel(bars: pd.DataFrame) -> BarJudgement:
    """Judge all bars as one range with nothing before them."""
    return judge_bars(
        bars,
        empty_frame(OHLCV_COLUMNS),
        bars[["date", "symbol"]],
        MarketRules(),
        days=pd.DatetimeIndex(bars["date"].unique()),
        earlier_quarantine=empty_frame(QUARANTINE_COLUMNS),
    )


def measurements() -> Iterator[Measurement]:
    """Every rule of both levels, verdicts of each day included."""
    bars = synthetic_bars()
    accepted = len(judge_panel(bars).accepted)
    note = f"{len(bars):,} bars, {accepted:,} accepted"
    yield median_of("L0 + L1 of 500 symbols x 5 years", lambda: judge_panel(bars), runs=3, bar=1.0, note=note)
