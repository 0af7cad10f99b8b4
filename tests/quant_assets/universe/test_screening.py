"""Candidates: who passes, why others do not, and never by anything known later."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.contracts.verdict import RuleResult
from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules
from quant_assets.market.judgement import judge_bars
from quant_assets.market.schema import HEALTH_COLUMNS, OHLCV_COLUMNS, QUARANTINE_COLUMNS, canonical_bars, empty_frame
from quant_assets.profiles.universes import layers_of, resolve
from quant_assets.universe.bases import is_fiat, is_leveraged, is_stable
from quant_assets.universe.config import Intent, MarketKind, Universe
from quant_assets.universe.direction import Direction
from quant_assets.universe.rules import NONEMPTY, universe_verdicts
from quant_assets.universe.screening import CANDIDATE_COLUMNS, bars_window, screen
from quant_assets.universe.thresholds import nearest

FIRST = pd.Timestamp("2023-01-01")
RULES = MarketRules()
SMALL = Universe(name="small", min_history_days=10, liquidity_window=8, volatility_window=6, gap_window=12)


def market(
    symbol: str, seed: int, days: int = 40, value: float = 5e6, volatility: float = 0.03, first: int = 0
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(rng.normal(0, volatility, days).cumsum())
    start = FIRST + pd.Timedelta(days=first)
    frame = pd.DataFrame({"symbol": symbol, "date": pd.date_range(start, periods=days, unit="us"), "close": close})
    worth = value * rng.uniform(0.8, 1.2, days)
    return frame.assign(volume=worth / close, quote_volume=worth, life_start=start, adj_factor=1.0)


def listed(bars: pd.DataFrame, status: str = "TRADING") -> pd.DataFrame:
    names = bars["symbol"].unique()
    days = pd.date_range(FIRST, bars["date"].max(), unit="us")
    frame = pd.DataFrame({"date": days.repeat(len(names)), "symbol": list(names) * len(days), "status": status})
    parts = frame["symbol"].str.extract(r":(?P<base>[^/]+)/(?P<quote>.+)")
    return pd.concat([frame, parts], axis=1).assign(kind="spot")


def at(bars: pd.DataFrame, day: int = 39, universe: Universe = SMALL, **options: pd.DataFrame) -> dict[str, str]:
    listings = options.get("listings", listed(bars))
    found = screen(
        bars,
        listings,
        options.get("health", empty_frame(HEALTH_COLUMNS)),
        universe,
        [FIRST + pd.Timedelta(days=day)],
        RULES,
    )
    assert list(found.columns) == list(CANDIDATE_COLUMNS)
    assert (found["passed"] == (found["veto_reasons"] == "")).all() and ((found["rank"] > 0) == found["passed"]).all()
    return {s.split(":")[1]: reasons for s, reasons in zip(found["symbol"], found["veto_reasons"], strict=True)}


GOOD = market("V:AAA/USDT", 1)


@pytest.mark.parametrize(("bars", "reason"), [
    (GOOD, ""),
    (market("V:AAA/BTC", 1), "quote"),
    (market("V:UST/USDT", 1), "stable_base"),
    (market("V:EUR/USDT", 1), "fiat_base"),
    (market("V:BTCUP/USDT", 1), "leveraged"),
    (market("V:AAA/USDT", 1, value=9e5 / 1.2), "liquidity"),
    (market("V:AAA/USDT", 1, volatility=1e-4), "volatility"),
    (market("V:AAA/USDT", 1, days=9, first=31), "history"),
    (GOOD[~GOOD["date"].isin(GOOD["date"].iloc[30:33])], "gap"),
    (GOOD[GOOD["date"] != GOOD["date"].max()], "no_bar"),
])  # fmt: skip
def test_each_veto_has_its_reason(bars, reason):
    other = market("V:ZZZ/USDT", 2)
    found = at(pd.concat([bars, other]))
    assert found.pop("ZZZ/USDT") == ""
    assert list(found.values()) == [reason]


def test_a_market_that_does_not_trade_is_vetoed():
    halted = listed(GOOD, status="HALTED")
    assert at(GOOD, listings=halted) == {"AAA/USDT": "not_trading"}


def test_all_reasons_of_a_market_are_told_together():
    bars = market("V:USDC/BTC", 1, value=10.0, volatility=1e-5)
    assert at(bars) == {"USDC/BTC": "quote,stable_base,liquidity,volatility"}


def test_exclusions_may_be_switched_off():
    bars = pd.concat([market("V:UST/USDT", 1), market("V:EUR/USDT", 2), market("V:BTCUP/USDT", 3)])
    open_door = SMALL.model_copy(
        update={"exclude_stable_bases": False, "exclude_fiat": False, "exclude_leveraged": False}
    )
    assert set(at(bars, universe=open_door).values()) == {""}


def test_toxic_symbols_are_out_from_their_day_for_their_time_and_not_before():
    event = {
        "date": FIRST + pd.Timedelta(days=20),
        "symbol": "V:AAA/USDT",
        "rule": "L1.STALL",
        "state": "toxic",
        "reason": "x",
    }
    health = pd.DataFrame([event])
    assert at(GOOD, day=19, health=health) == {"AAA/USDT": ""}
    assert at(GOOD, day=20, health=health) == at(GOOD, day=39, health=health) == {"AAA/USDT": "toxic"}
    long = market("V:AAA/USDT", 1, days=130)
    assert at(long, day=109, health=health) == {"AAA/USDT": "toxic"}
    assert at(long, day=110, health=health) == {"AAA/USDT": ""}


def test_a_missing_quote_volume_is_valued_at_the_close_and_an_unknown_value_never_passes():
    assert at(GOOD.assign(quote_volume=np.nan)) == {"AAA/USDT": ""}
    assert at(GOOD.assign(quote_volume=np.nan, volume=np.nan)) == {"AAA/USDT": "liquidity"}


@pytest.mark.parametrize(("preferred", "other", "winner"), [(5e6, 9e6, "USDT"), (2e6, 9e6, "USDC")])
def test_one_market_of_a_base_stays_the_preferred_quote_unless_it_is_thin(preferred, other, winner):
    bars = pd.concat([market("V:AAA/USDT", 1, value=preferred), market("V:AAA/USDC", 2, value=other)])
    found = at(bars)
    assert [k for k, reasons in found.items() if not reasons] == [f"AAA/{winner}"]
    assert sorted(found.values()) == ["", "duplicate_base"]


def test_alternates_are_kept_with_the_market_that_stands_for_the_base():
    bars = pd.concat([
        market("V:AAA/USDT", 1, value=5e6), market("V:AAA/USDC", 2, value=2e6), market("V:AAA/DAI", 3, value=3e6),
        market("V:AAA/BTC", 4), market("V:BBB/USDT", 5),
    ])  # fmt: skip
    found = screen(bars, listed(bars), empty_frame(HEALTH_COLUMNS), SMALL, [FIRST + pd.Timedelta(days=39)], RULES)
    kept = found.set_index("symbol")["alternates"].to_dict()
    assert kept.pop("V:AAA/USDT") == "V:AAA/DAI,V:AAA/USDC"  # the most liquid first; a vetoed one is no alternate
    assert set(kept.values()) == {""}


def test_a_universe_takes_the_kinds_of_markets_that_it_names():
    bars = pd.concat([GOOD, market("V:BBB/USDT:USDT", 2)])
    listings = listed(bars).assign(quote="USDT")
    listings["kind"] = np.where(listings["symbol"] == "V:AAA/USDT", "spot", "swap")
    assert at(bars, listings=listings) == {"AAA/USDT": "", "BBB/USDT": ""}
    for kind, vetoes in (("spot", ["", "kind"]), ("swap", ["kind", ""])):
        only = SMALL.model_copy(update={"kinds": (MarketKind(kind),)})
        assert list(at(bars, listings=listings, universe=only).values()) == vetoes


@pytest.mark.parametrize(("value", "passes"), [(1e6, True), (999_999.0, False)])
def test_the_liquidity_floor_itself_passes(value, passes):
    bars = GOOD.assign(quote_volume=value)
    assert at(bars) == {"AAA/USDT": "" if passes else "liquidity"}


def test_a_market_that_moves_as_little_as_the_floor_is_out():
    frame = screen(GOOD, listed(GOOD), empty_frame(HEALTH_COLUMNS), SMALL, [FIRST + pd.Timedelta(days=39)], RULES)
    moves = float(frame["daily_volatility"].iloc[0])
    for floor, veto in ((moves, "volatility"), (np.nextafter(moves, 0), "")):
        assert at(GOOD, universe=SMALL.model_copy(update={"min_daily_volatility": floor})) == {"AAA/USDT": veto}


def test_a_vetoed_market_does_not_push_out_another_of_its_base():
    bars = pd.concat([market("V:AAA/USDT", 1, value=10.0), market("V:AAA/USDC", 2)])
    assert at(bars) == {"AAA/USDC": "", "AAA/USDT": "liquidity"}


def test_the_limit_keeps_the_most_liquid():
    bars = pd.concat(
        [market(f"V:{base}/USDT", k, value=v) for k, (base, v) in enumerate({"A": 3e6, "B": 9e6, "C": 6e6}.items())]
    )
    assert at(bars, universe=SMALL.model_copy(update={"limit": 2})) == {"A/USDT": "limit", "B/USDT": "", "C/USDT": ""}


def test_figures_are_those_of_the_direct_formulas():
    bars = pd.concat([GOOD, market("V:BBB/USDT", 2)])
    day = FIRST + pd.Timedelta(days=30)
    row = screen(bars, listed(bars), empty_frame(HEALTH_COLUMNS), SMALL, [day], RULES).iloc[0]
    past = GOOD[GOOD["date"] <= day]
    assert row["value_traded"] == np.median(past["quote_volume"].tail(8))
    assert row["daily_volatility"] == pytest.approx(past["close"].pct_change().tail(6).std(), rel=1e-12)
    assert (row["history_days"], row["gap_share"]) == (31, 0.0)


@given(
    seed=st.integers(0, 500),
    drop=st.floats(0, 0.4),
    first=st.integers(0, 34),
    length=st.integers(0, 5),
    cut=st.booleans(),
)
@settings(max_examples=6, deadline=None)
def test_a_range_equals_its_days_and_nothing_later_is_read(seed, drop, first, length, cut):
    rng = np.random.default_rng(seed)
    names = ["V:AAA/USDT", "V:AAA/USDC", "V:BBB/USDT", "V:CCC/USDT"]
    bars = pd.concat([market(n, seed + k, value=rng.uniform(5e5, 5e6)) for k, n in enumerate(names)], ignore_index=True)
    listings = listed(bars)
    bars = bars[(rng.uniform(size=len(bars)) >= drop) | (bars["date"] == FIRST)]
    event = {
        "date": FIRST + pd.Timedelta(days=20),
        "symbol": names[2],
        "rule": "L1.STALL",
        "state": "toxic",
        "reason": "x",
    }
    health, days = pd.DataFrame([event]), pd.date_range(FIRST + pd.Timedelta(days=first), periods=length + 1)
    whole = screen(bars, listings, health, SMALL, days, RULES)
    parts = []
    for day in days:
        window = bars["date"].between(day - pd.Timedelta(days=bars_window(SMALL) - 1), day)
        known = bars[window] if cut else bars.assign(close=bars["close"].where(bars["date"] <= day, 1.0))
        parts.append(
            screen(known, listings[listings["date"] == day], health[health["date"] <= day], SMALL, [day], RULES)
        )
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))


def test_no_candidate_is_an_error_that_lists_the_vetoes_and_the_nearest_figures():
    bars = pd.concat([market("V:AAA/USDT", 1, value=4e5), market("V:UST/USDT", 2)])
    day = FIRST + pd.Timedelta(days=39)
    found = screen(bars, listed(bars), empty_frame(HEALTH_COLUMNS), SMALL, [day], RULES)
    verdict = universe_verdicts(found, [SMALL], [day])[day]
    result = verdict.results[0]
    assert (result.rule, result.verdict, verdict.passed) == (NONEMPTY, "fail", False)
    assert (
        "liquidity 1" in result.message
        and "stable_base 1" in result.message
        and "liquidity floor 1,000,000: best is V:AAA/USDT with" in result.message
    )
    unlisted = universe_verdicts(found.iloc[:0], [SMALL], [day])[day]
    assert not unlisted.passed and "no market is listed" in unlisted.results[0].message


def test_the_nearest_market_is_the_one_that_one_threshold_keeps_out():
    bars = pd.concat([
        market("V:AAA/USDT", 1, value=8e5), market("V:BBB/USDT", 2, value=6e5),
        market("V:CCC/USDT", 3, value=9e5, volatility=1e-5),
        market("V:DDD/BTC", 4, value=9.9e5),
    ])  # fmt: skip
    day = FIRST + pd.Timedelta(days=39)
    found = screen(bars, listed(bars), empty_frame(HEALTH_COLUMNS), SMALL, [day], RULES)
    liquidity, volatility = nearest(found, SMALL)
    assert (liquidity["veto"], liquidity["symbol"], liquidity["other"]) == ("liquidity", "V:AAA/USDT", [])
    assert liquidity["seen"] == found.set_index("symbol").loc["V:AAA/USDT", "value_traded"]
    assert liquidity["text"].startswith("liquidity floor 1,000,000: best is V:AAA/USDT with ")
    assert (volatility["symbol"], volatility["other"]) == ("V:CCC/USDT", ["liquidity"])
    assert volatility["text"].endswith("(also vetoed: liquidity)")
    told = universe_verdicts(found, [SMALL], [day])[day].results[0]
    assert liquidity["text"] in told.message and volatility["text"] in told.message
    assert {o["veto"]: o["markets"] for o in told.offenders} == {"liquidity": 4, "volatility": 1, "quote": 1}
    assert "nearest: no threshold decides" in nothing_near(bars).message


def nothing_near(bars: pd.DataFrame) -> RuleResult:
    """The rule's result where every market is out by what it is: no threshold is near to anything."""
    day, euros = FIRST + pd.Timedelta(days=39), SMALL.model_copy(update={"quotes": ("EUR",)})
    found = screen(bars, listed(bars), empty_frame(HEALTH_COLUMNS), euros, [day], RULES)
    return universe_verdicts(found, [euros], [day])[day].results[0]


def test_some_candidates_pass_the_rule_for_every_universe():
    day = FIRST + pd.Timedelta(days=39)
    strict = SMALL.model_copy(update={"name": "strict", "min_value_traded": 1e12})
    frames = [screen(GOOD, listed(GOOD), empty_frame(HEALTH_COLUMNS), u, [day], RULES) for u in (SMALL, strict)]
    assert universe_verdicts(frames[0], [SMALL], [day])[day].passed
    assert not universe_verdicts(pd.concat(frames), [SMALL, strict], [day])[day].passed


def test_a_missing_column_or_a_double_listing_is_refused():
    health = empty_frame(HEALTH_COLUMNS)
    with pytest.raises(UsageError, match="status"):
        screen(GOOD, listed(GOOD).drop(columns="status"), health, SMALL, [FIRST], RULES)
    with pytest.raises(UsageError, match="twice on one day"):
        screen(GOOD, pd.concat([listed(GOOD)] * 2), health, SMALL, [FIRST], RULES)


@pytest.mark.parametrize(
    "base", ["BTCUP", "ETHDOWN", "1INCHUP", "LINKUP", "XRPBULL", "EOSBEAR", "BTC3L", "ETH5S", "BULL"]
)
def test_leveraged_tokens_are_recognised(base):
    assert is_leveraged(base)


@pytest.mark.parametrize("base", ["JUP", "SUPER", "SYRUP", "UP", "BTC", "PUMP", "BEARISH", "UPBTC", "DOWN", "SOL"])
def test_coins_are_not_taken_for_leveraged_tokens(base):
    assert not is_leveraged(base, {"BTC", "J", "S", "SOL"})


def test_a_listed_base_makes_its_leveraged_token_known():
    assert is_leveraged("GALADOWN", {"GALA"}) and not is_leveraged("GALADOWN", {"BTC"})


def test_kinds_of_bases():
    assert is_stable("UST") and is_stable("FDUSD") and not is_stable("LUNA")
    assert is_fiat("EUR") and not is_fiat("BTC")


def test_an_intent_allows_its_direction():
    assert Intent.BOTH.allows(Direction.SHORT) and Intent.LONG.allows(Direction.LONG)
    assert not Intent.LONG.allows(Direction.SHORT) and not Intent.SHORT.allows(Direction.LONG)


def test_real_bars_on_the_first_of_may_2022(shared_folder):
    raw = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet")
    bars = canonical_bars(raw, venue="BINANCE", ingested_at=pd.Timestamp("2024-01-02"))
    days = pd.date_range("2022-01-01", "2022-05-20", unit="us")
    bars = bars[bars["date"].isin(days)]
    seen = bars[["date", "symbol"]]
    judged = judge_bars(
        bars, empty_frame(OHLCV_COLUMNS), seen, RULES, days=days, earlier_quarantine=empty_frame(QUARANTINE_COLUMNS)
    )
    parts = seen["symbol"].str.extract(r":(?P<base>[^/]+)/(?P<quote>.+)")
    listings = pd.concat([seen, parts], axis=1).assign(status="TRADING", kind="spot")
    universe = resolve("binance_spot", layers_of([])).universe
    asked = pd.to_datetime(["2022-05-01", "2022-05-12"])
    found = screen(judged.accepted, listings, judged.health, universe, asked, RULES)
    may = found[found["date"] == asked[0]].set_index("base")
    assert may.loc["LUNA", "veto_reasons"] == "" and may.loc["BTC", "rank"] == 1
    assert "stable_base" in may.loc["UST", "veto_reasons"] and "leveraged" in may.loc["BTCUP", "veto_reasons"]
    assert "fiat_base" in may.loc["EUR", "veto_reasons"]
    assert may.loc["LUNA", "value_traded"] > 1e8 and may["passed"].sum() > 50
    pool = may[may["passed"]].sort_values("rank")
    assert pool["value_traded"].min() >= 1e6 and pool["daily_volatility"].min() > 0.001
    assert pool["value_traded"].is_monotonic_decreasing and set(pool["quote"]) == {"USDT"}
    crash = found[found["date"] == asked[1]].set_index("base")
    assert crash.loc["LUNA", "veto_reasons"] == ""  # the crash is no toxicity: whoever held it, holds it
