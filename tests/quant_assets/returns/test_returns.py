"""Returns: adjusted, never across lives or long halts, complete, and the same by range or by day."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.returns.compute import simple_returns
from quant_assets.returns.rules import return_verdicts

FIRST = pd.Timestamp("2023-01-01")
L1_RULES = ["L1.FRESH", "L1.RANGE", "L1.PADDING", "L1.DELISTED"]
RULES = MarketRules()


def accepted(
    symbol: str, days: list[int], closes: list[float], life: int | None = None, factor: object = 1.0
) -> pd.DataFrame:
    dates = (FIRST + pd.to_timedelta(days, unit="D")).astype("datetime64[us]")
    start = FIRST + pd.Timedelta(days=days[0] if life is None else life)
    frame = pd.DataFrame({"symbol": symbol, "date": dates, "close": closes, "adj_factor": factor})
    return frame.assign(life_start=start)


def by_day(returns: pd.DataFrame) -> dict[int, tuple[float, str]]:
    return {(r.date - FIRST).days: (r[3], r.flag) for r in returns.itertuples()}


def compute(bars: pd.DataFrame, first: int = 0, last: int = 60, **options: object) -> pd.DataFrame:
    return simple_returns(bars, FIRST + pd.Timedelta(days=first), FIRST + pd.Timedelta(days=last), **options)


def test_returns_are_close_to_close_with_flags_for_halts():
    found = by_day(compute(accepted("A", [0, 1, 2, 10, 19], [100, 110, 99, 198, 99])))
    assert found[0][1] == "first" and np.isnan(found[0][0])
    assert found[1] == (pytest.approx(0.10), "") and found[2] == (pytest.approx(-0.10), "")
    assert found[10] == (pytest.approx(1.0), "gap")  # seven missing days
    assert found[19][1] == "resumed" and np.isnan(found[19][0])  # eight


def test_a_new_life_has_no_return_across():
    bars = pd.concat([accepted("A", [0, 1], [5.0, 0.00005]), accepted("A", [2, 3], [8.87, 9.0])])
    found = by_day(compute(bars))
    assert found[2][1] == "first" and np.isnan(found[2][0])
    assert found[3] == (pytest.approx(9.0 / 8.87 - 1), "")


def test_a_mapped_redenomination_is_no_return():
    bars = accepted("A", [0, 1, 4, 5], [100.0, 100.0, 0.101, 0.103], factor=[1.0, 1.0, 1000.0, 1000.0])
    assert by_day(compute(bars))[4] == (pytest.approx(0.01), "gap")


def test_closed_sessions_are_no_gap():
    friday, monday = 5, 8
    closed = [FIRST + pd.Timedelta(days=d) for d in (6, 7)]
    assert by_day(compute(accepted("A", [4, friday, monday], [1, 1, 2]), closed_days=closed))[monday] == (1.0, "")


def test_a_bar_from_beyond_the_window_is_resumed_and_not_first():
    late = accepted("A", [40], [50.0], life=0)
    assert by_day(compute(late, first=40))[40][1] == "resumed"


def test_the_last_bar_before_a_delisting_has_its_return():
    bars = pd.concat([accepted("A", [0, 1, 2], [100, 50, 1]), accepted("B", [0, 1, 2, 3], [1, 1, 1, 1])])
    returns = compute(bars, last=3)
    assert by_day(returns[returns["symbol"] == "A"])[2] == (pytest.approx(-0.98), "")


def test_a_repeated_bar_or_a_missing_column_is_refused():
    bars = accepted("A", [0, 1], [1, 2])
    with pytest.raises(UsageError, match="occurs twice"):
        compute(pd.concat([bars, bars]))
    with pytest.raises(UsageError, match="adj_factor"):
        compute(bars.drop(columns="adj_factor"))


@given(seed=st.integers(0, 1000), drop=st.floats(0.0, 0.7), first=st.integers(0, 30), length=st.integers(0, 20))
@settings(max_examples=12, deadline=None)
def test_a_range_equals_its_days_and_reads_nothing_later(seed, drop, first, length):
    rng = np.random.default_rng(seed)
    frames = []
    for symbol in ("A", "B", "C"):
        days = [d for d in range(60) if rng.uniform() > drop] or [0]
        frames.append(accepted(symbol, days, list(np.exp(rng.normal(size=len(days))))))
    bars = pd.concat(frames, ignore_index=True)
    whole = compute(bars, first, first + length)
    window = [
        bars[bars["date"].between(*(FIRST + pd.Timedelta(days=x) for x in (d - 8, d)))]
        for d in range(first, first + length + 1)
    ]
    daily = [compute(part, d, d) for d, part in enumerate(window, start=first)]
    pd.testing.assert_frame_equal(whole, pd.concat(daily, ignore_index=True))
    altered = bars.assign(close=bars["close"].where(bars["date"] <= FIRST + pd.Timedelta(days=first + length), 7.0))
    pd.testing.assert_frame_equal(whole, compute(altered, first, first + length))


def judged(returns: pd.DataFrame, bars: pd.DataFrame, **options: object) -> dict[int, dict[str, str]]:
    days = pd.date_range(FIRST, periods=4)
    found = return_verdicts(returns, bars, days, RULES, **options)
    assert all([r.rule for r in v.results] == L1_RULES for v in found.values())
    return {(d - FIRST).days: {r.rule: r.verdict for r in v.results if r.verdict != "pass"} for d, v in found.items()}


@pytest.fixture
def bars() -> pd.DataFrame:
    return pd.concat([accepted("A", [0, 1, 2, 3], [1.0, 2, 3, 3]), accepted("B", [0, 1], [4.0, 3])], ignore_index=True)


def test_computed_returns_pass_every_rule(bars):
    assert judged(compute(bars, last=3), bars) == {0: {}, 1: {}, 2: {}, 3: {}}


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0001, 101.0])
def test_a_return_out_of_range_is_found(bars, value):
    returns = compute(bars, last=3)
    returns.loc[(returns["symbol"] == "A") & (returns["date"] == FIRST + pd.Timedelta(days=2)), "return"] = value
    assert judged(returns, bars) == {0: {}, 1: {}, 2: {"L1.RANGE": "fail"}, 3: {}}


def test_a_delisted_symbol_neither_loses_its_last_return_nor_goes_on(bars):
    returns = compute(bars, last=3)
    lost = returns[~((returns["symbol"] == "B") & (returns["date"] == FIRST + pd.Timedelta(days=1)))]
    assert judged(lost, bars)[1] == {"L1.DELISTED": "fail"}
    ghost = pd.DataFrame({"symbol": ["B"], "date": [FIRST + pd.Timedelta(days=2)], "return": [0.0], "flag": [""]})
    assert judged(pd.concat([returns, ghost]), bars)[2] == {"L1.DELISTED": "fail"}


def test_padding_of_a_closed_day_and_a_stale_day_are_found(bars):
    returns = compute(bars, last=3)
    third = FIRST + pd.Timedelta(days=3)
    assert judged(returns, bars, closed_days=[third])[3] == {"L1.PADDING": "fail"}
    gone, without = returns[returns["date"] != third], bars[bars["date"] != third]
    assert judged(gone, without)[3] == {"L1.FRESH": "fail"}
    assert judged(gone, without, closed_days=[third])[3] == {}
