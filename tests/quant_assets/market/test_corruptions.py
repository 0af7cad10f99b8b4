"""Every kind of corruption is found by its rule, from L0 to L2; clean partitions break no rule at all."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import ContractViolation
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.matrix import features_frame
from quant_assets.features.rules import feature_verdicts
from quant_assets.market.config import MarketRules
from quant_assets.market.listing_rules import listing_verdicts, refuse_hostile
from quant_assets.market.raw_rules import conservation
from quant_assets.returns.compute import simple_returns
from quant_assets.returns.rules import return_verdicts
from tests.quant_assets.market.corruptions import (
    BAR_KINDS,
    DAY,
    FEATURE_KINDS,
    LISTING_KINDS,
    RETURN_KINDS,
    SYMBOL,
    WITHOUT_QUOTE,
)
from tests.quant_assets.market.synthetic import FIRST, RULES, broken, judge, listed_from, synthetic_bars

DAYS = pd.date_range(FIRST, periods=42, unit="us")
FEATURES = FeaturesConfig(features=("momentum", "efficiency"), momentum_window=20, efficiency_window=20)


@cache
def good_bars() -> pd.DataFrame:
    return synthetic_bars(symbols=8, days=42)


@cache
def accepted() -> pd.DataFrame:
    return judge(good_bars()).accepted


@cache
def good_features() -> pd.DataFrame:
    return features_frame(accepted(), list(DAYS[-3:]), FEATURES, 365.0)


def returns_broken(returns: pd.DataFrame) -> set[str]:
    verdicts = return_verdicts(returns, accepted(), DAYS, RULES)
    return {r.rule for v in verdicts.values() for r in v.results if r.verdict != "pass"}


def features_broken(frame: pd.DataFrame) -> set[str]:
    verdict = feature_verdicts(frame, accepted(), [DAYS[-1]], FEATURES, 365.0)[DAYS[-1]]
    return {r.rule for r in verdict.results if r.verdict != "pass"}


def listings() -> pd.DataFrame:
    frame = good_bars()[good_bars()["date"] == DAY][["date", "symbol"]]
    return frame.assign(status="TRADING", first_bar=FIRST, last_bar=DAY)


def listings_broken(frame: pd.DataFrame) -> set[str]:
    verdict = listing_verdicts(frame, [f"{DAY:%Y-%m-%d}"])[f"{DAY:%Y-%m-%d}"]
    return {r.rule for r in verdict.results if r.verdict != "pass"}


def test_there_are_many_kinds_and_they_reach_every_level():
    kinds = {**BAR_KINDS, **RETURN_KINDS, **FEATURE_KINDS, **LISTING_KINDS}
    assert len(kinds) == sum(map(len, (BAR_KINDS, RETURN_KINDS, FEATURE_KINDS, LISTING_KINDS))) >= 70
    assert {rule.partition(".")[0] for _, rule in kinds.values()} == {"L0", "L1", "L2"}
    assert len({rule for _, rule in kinds.values()}) >= 20


@pytest.mark.parametrize("kind", BAR_KINDS)
def test_corrupt_bars_are_found_by_their_rule_and_no_row_is_lost(kind):
    corrupt, rule = BAR_KINDS[kind]
    dirty = good_bars().copy()
    if kind in WITHOUT_QUOTE:
        dirty["quote_volume"] = np.nan
    dirty = corrupt(dirty)
    result = judge(dirty, listed_from(good_bars()), days=DAYS)
    assert rule in broken(result)
    assert len(result.accepted) + len(result.quarantined) == len(dirty)


@pytest.mark.parametrize("kind", RETURN_KINDS)
def test_corrupt_returns_are_found_by_their_rule(kind):
    corrupt, rule = RETURN_KINDS[kind]
    good = simple_returns(accepted(), DAYS[0], DAYS[-1])
    assert returns_broken(good) == set()
    assert rule in returns_broken(corrupt(good.copy()))


def test_returns_that_fill_closed_days_are_padding():
    good = simple_returns(accepted(), DAYS[0], DAYS[-1])
    filled = good.assign(**{"return": good["return"].mask(good["date"] == DAY, 0.0)})
    verdict = return_verdicts(filled, accepted(), DAYS, RULES, [DAY])[DAY]
    assert [r.rule for r in verdict.errors] == ["L1.PADDING"]


@pytest.mark.parametrize("kind", FEATURE_KINDS)
def test_corrupt_features_are_found_by_their_rule(kind):
    corrupt, rule = FEATURE_KINDS[kind]
    assert features_broken(good_features()) == set()
    assert rule in features_broken(corrupt(good_features().copy()))


@pytest.mark.parametrize("kind", LISTING_KINDS)
def test_corrupt_listings_are_found_by_their_rule(kind):
    corrupt, rule = LISTING_KINDS[kind]
    assert listings_broken(listings()) == set()
    assert rule in listings_broken(corrupt(listings()))


def test_hostile_listings_are_refused_before_anything_is_written():
    frame = listings()
    with pytest.raises(ContractViolation, match=r"L0\.SYMBOL"):
        refuse_hostile(frame.assign(symbol=frame["symbol"].mask(frame["symbol"] == SYMBOL, "../x")))


def test_a_row_lost_between_received_and_accepted_is_found():
    counts = np.array([8]), np.array([6]), np.array([1])
    result = conservation(*counts, [DAY])[0]
    assert (result.rule, result.verdict, result.breaches) == ("L0.CONSERVE", "fail", 1)


def test_a_thousand_clean_synthetic_partitions_raise_nothing():
    partitions = 0
    for seed in range(10):
        bars = synthetic_bars(symbols=12, days=100, seed=100 + seed)
        result = judge(bars)
        assert broken(result) == set() and result.quarantined.empty and result.health.empty
        returns = simple_returns(result.accepted, FIRST, bars["date"].max())
        verdicts = return_verdicts(returns, result.accepted, pd.DatetimeIndex(bars["date"].unique()), MarketRules())
        assert all(v.passed and not v.warnings for v in verdicts.values())
        partitions += len(result.verdicts)
    assert partitions == 1000


def test_clean_features_raise_nothing():
    days = list(DAYS[25:])
    frame = features_frame(accepted(), days, FEATURES, 365.0)
    for verdict in feature_verdicts(frame, accepted(), days, FEATURES, 365.0).values():
        assert verdict.passed and not verdict.warnings, verdict.summary()


def test_a_bad_bar_in_a_large_market_is_quarantined_alone():
    bars = synthetic_bars(symbols=150, days=3)
    bars.loc[bars.index[160], "close"] = np.nan
    result = judge(bars)
    assert len(result.quarantined) == 1 and not result.withheld_days
    assert result.quarantined["rule"].tolist() == ["L0.OHLC"]
    more = bars.copy()
    more.loc[more.index[160:163], "close"] = np.nan
    assert len(judge(more).quarantined) == 150 and len(judge(more).withheld_days) == 1


def test_a_repeated_row_is_kept_once_and_a_contradiction_withholds_the_day():
    bars = synthetic_bars(symbols=5, days=3)
    again = judge(pd.concat([bars, bars.iloc[[7]]]))
    assert len(again.accepted) == 15 and again.quarantined["rule"].tolist() == ["L0.KEY"]
    other = judge(pd.concat([bars, bars.iloc[[7]].assign(volume=bars["volume"].iloc[7] * 1.001)]))
    assert other.withheld_days == [FIRST + pd.Timedelta(days=1)] and len(other.quarantined) == 6


@pytest.mark.parametrize(("missing", "verdict"), [(1, "pass"), (3, "warn"), (10, "warn"), (11, "fail")])
def test_coverage_warns_below_98_and_refuses_below_90_percent(missing, verdict):
    bars = synthetic_bars(symbols=100, days=2)
    result = judge(bars.iloc[:-missing], listed_from(bars))
    coverage = result.verdicts[FIRST + pd.Timedelta(days=1)][0].results[6]
    assert (coverage.rule, coverage.verdict, coverage.breaches) == ("L0.COVERAGE", verdict, missing)
    assert coverage.offenders[0]["symbol"].startswith("SYNTH:C0") and len(coverage.offenders) == min(missing, 10)
