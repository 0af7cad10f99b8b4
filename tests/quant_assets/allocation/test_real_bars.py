"""Selection and allocation on real bars around real events: every rule passes, and the optimum is confirmed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from quant_assets.allocation.allocate import allocate
from quant_assets.allocation.config import AllocationConfig
from quant_assets.allocation.min_variance import objective_gap
from quant_assets.allocation.rules import weights_verdict
from quant_assets.selection.config import SelectionConfig
from quant_assets.selection.rules import selection_verdict
from quant_assets.selection.select import select
from quant_assets.universe.direction import Direction

SELECTION = SelectionConfig.model_validate(
    {"score": {"feature": "edge"}, "thresholds": [{"feature": "edge", "min": 0.02}], "floor": 5, "top_n": 15}
)
ALLOCATION = AllocationConfig(cap_relief="cash")


@pytest.fixture(scope="module")
def bars(shared_folder: Path) -> pd.DataFrame:
    """Close-to-close returns without halts, a signed trend figure and a liquidity screen; nothing is cleaned."""
    columns = ["symbol", "date", "close", "quote_volume"]
    frame = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet", columns=columns)
    frame["date"] = pd.to_datetime(frame["date"])
    frame = frame[~frame["symbol"].str.contains("UP/|DOWN/|BULL/|BEAR/")].sort_values(["symbol", "date"])
    by_symbol = frame.groupby("symbol")
    frame["return"] = by_symbol["close"].pct_change().where(by_symbol["date"].diff() == pd.Timedelta(days=1))
    mean = by_symbol["close"].rolling(50).mean().reset_index(level=0, drop=True)
    frame["edge"] = frame["close"] / mean - 1.0
    frame["passed"] = by_symbol["quote_volume"].rolling(30).mean().reset_index(level=0, drop=True) > 5e6
    return frame


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("day", ["2021-05-24", "2022-05-16", "2022-11-14", "2023-10-30"])
def test_a_real_week_passes_every_rule(bars: pd.DataFrame, day: str, direction: Direction) -> None:
    week = pd.Timestamp(day)
    today = bars[bars["date"] == week - pd.Timedelta(days=1)]
    returns = bars.loc[(bars["date"] < week) & (bars["date"] >= week - pd.Timedelta(days=120)), :]
    chosen = select(today[["date", "symbol", "passed"]], today, returns, direction, SELECTION, week)
    verdict = selection_verdict(chosen.frame, returns, chosen.slices, config=SELECTION, direction=direction, week=week)
    if not chosen.winners:  # after a crash no long, in a rally no short: the week is withheld, never padded
        assert {r.rule for r in verdict.errors} == {"L3.NONEMPTY"}
        dense = chosen.frame.loc[chosen.frame["outcome"] != "hygiene", "score"]
        assert len(dense) > 10 and (direction.sign * dense < 0.02).all()
        return
    assert verdict.passed, verdict.summary()
    book = allocate(returns, chosen.winners, direction, ALLOCATION, week)
    gap = objective_gap(
        book.frame["stream_weight"].to_numpy(), book.covariance, ALLOCATION.cap, book.diagnostics.invested
    )
    judged = weights_verdict(
        book.frame, returns, book.streams, book.diagnostics, {"returns": book.newest_return},
        config=ALLOCATION, direction=direction, week=week, sampled_gap=gap,
    )  # fmt: skip
    assert judged.passed and not judged.warnings, judged.summary()
    assert abs(gap) <= 1e-6
