"""Two sources of the same markets: what agrees, what does not, and what cannot be compared."""

import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.market.cross_source import CrossSource, cross_source_results
from tests.quant_assets.market.synthetic import FIRST, synthetic_bars

DAYS = pd.date_range(FIRST, periods=3, unit="us")


def other_source(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(symbol=bars["symbol"].str.replace("SYNTH:", "OTHER:"))


def compare(own: pd.DataFrame, other: pd.DataFrame, **rules: float):
    results = cross_source_results(own, other, DAYS, CrossSource(**rules))
    assert list(results) == list(DAYS)
    return list(results.values())


def test_equal_sources_agree_and_small_differences_are_tolerated():
    bars = synthetic_bars(days=3)
    near = other_source(bars).assign(close=bars["close"] * 1.01, volume=bars["volume"] * 3)
    for result in compare(bars, near):
        assert (result.verdict, result.checked, result.breaches) == ("pass", 8, 0)


def test_a_close_that_differs_is_a_warning_with_the_worst_first():
    bars, other = synthetic_bars(days=3), other_source(synthetic_bars(days=3))
    other.loc[8, "close"] *= 1.05
    other.loc[10, "close"] *= 2.0
    before, hurt, after = compare(bars, other)
    assert (before.verdict, after.verdict, hurt.verdict, hurt.breaches) == ("pass", "pass", "warn", 2)
    assert [o["symbol"] for o in hurt.offenders] == ["SYNTH:C002/USDT", "SYNTH:C000/USDT"]
    assert hurt.offenders[0]["close_other"] == pytest.approx(2 * hurt.offenders[0]["close"])


def test_volumes_are_compared_where_the_profile_says_that_both_are_one_exchange():
    bars = synthetic_bars(days=3)
    other = other_source(bars).assign(volume=bars["volume"] * 1.5)
    assert [r.breaches for r in compare(bars, other, volume_tolerance=0.1)] == [8, 8, 8]


def test_a_missing_number_differs_and_a_missing_bar_is_not_compared():
    bars = synthetic_bars(days=3)
    other = other_source(bars)
    other.loc[0, "close"] = float("nan")
    first, second, third = compare(bars, other[(other["date"] != DAYS[2]) & (other.index != 9)])
    assert (first.breaches, second.checked, third.checked) == (1, 7, 0)
    assert "not evaluated" in third.message


def test_one_venue_is_compared_at_a_time():
    bars = synthetic_bars(days=3)
    with pytest.raises(UsageError, match="twice"):
        compare(pd.concat([bars, other_source(bars)]), bars)
    with pytest.raises(UsageError, match="lack"):
        compare(bars.drop(columns="volume"), bars)
