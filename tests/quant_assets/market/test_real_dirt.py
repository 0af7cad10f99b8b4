"""Every trap of the real bars by its name: what the rules, the listings and the screening make of it."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from quant_assets.market.config import MarketRules, Redenomination
from quant_assets.market.judgement import BarJudgement
from quant_assets.market.life_cycle import Rename, asset_identities
from quant_assets.market.schema import canonical_bars
from quant_assets.returns.compute import simple_returns
from quant_assets.universe.bases import is_fiat, is_leveraged, is_stable
from quant_assets.universe.config import Universe
from quant_assets.universe.screening import screen
from quant_resources.venues.config import FilesVenueConfig
from quant_resources.venues.files import FilesVenue
from tests.quant_assets.market.synthetic import RULES, judge

DAYS = pd.date_range("2020-01-01", "2023-12-29", unit="us")
ALONE = MarketRules(retention_error=0.0)
DELISTED = ("SRM", "TRIBE", "BTCST", "MC")
BASES = (
    "BTC", "ETH", "ADA", "LUNA", "LUNC", "UST", "FTT", "QUICK", "SUN", "VIDT", "EUR", "USDC", "BUSD", "SUSD", "BTCUP",
    "ETHDOWN", "ADADOWN", *DELISTED,
)  # fmt: skip
SPLITS = {"QUICK": ("2023-07-21", 1000.0), "SUN": ("2021-06-18", 1000.0), "VIDT": ("2022-11-09", 10.0)}


@pytest.fixture(scope="module")
def raw(shared_folder) -> pd.DataFrame:
    path = shared_folder / "data" / "binance_spot_daily.parquet"
    return pd.read_parquet(path, filters=[("symbol", "in", [f"{base}/USDT" for base in BASES])])


@pytest.fixture(scope="module")
def bars(raw) -> pd.DataFrame:
    return canonical_bars(raw, venue="BINANCE", ingested_at=pd.Timestamp("2024-01-02"))


@pytest.fixture(scope="module")
def judged(bars) -> BarJudgement:
    # A few chosen markets: how many of all came on a day is a matter of the whole market (test_real_bars).
    return judge(bars, bars[["date", "symbol"]], days=DAYS, rules=ALONE)


@pytest.fixture(scope="module")
def venue(raw, tmp_path_factory) -> FilesVenue:
    folder = tmp_path_factory.mktemp("binance")
    raw.to_parquet(folder / "bars.parquet", index=False)
    return FilesVenue(FilesVenueConfig(path=folder, venue_name="BINANCE"))


def of(frame: pd.DataFrame, base: str) -> pd.DataFrame:
    return frame[frame["symbol"] == f"BINANCE:{base}/USDT"].sort_values("date", ignore_index=True)


def day(stamp: pd.Timestamp) -> str:
    return str(stamp.date())


def events(judged: BarJudgement, base: str, state: str) -> list[str]:
    found = of(judged.health, base)
    return [day(d) for d in found.loc[found["state"] == state, "date"]]


def candidates(venue: FilesVenue, judged: BarJudgement, on: str, **changes: object) -> pd.Series:
    """Veto reasons by base on one day, '' for a candidate; from bars and listings up to that day only."""
    last = pd.Timestamp(on)
    known = judged.accepted[judged.accepted["date"] <= last]
    listed = venue.listings_range(last.date(), last.date())
    health = judged.health[judged.health["date"] <= last]
    found = screen(known, listed, health, Universe(name="spot", **changes), pd.DatetimeIndex([last]), RULES)
    return found.set_index("base")["veto_reasons"]


def test_reused_ticker_luna_is_two_assets(judged):
    assert events(judged, "LUNA", "new_identity") == ["2022-05-31"]
    lives = of(judged.accepted, "LUNA").groupby("life_start")["date"].agg(["min", "max"])
    assert [(day(a), day(b)) for a, b in lives.itertuples(index=False)] == [
        ("2020-08-21", "2022-05-13"), ("2022-05-31", "2023-12-29"),
    ]  # fmt: skip


def test_no_return_crosses_the_two_lunas(judged):
    returns = simple_returns(of(judged.accepted, "LUNA"), DAYS[0], DAYS[-1]).set_index("date")
    assert returns.loc["2022-05-31", "flag"] == "first" and np.isnan(returns.loc["2022-05-31", "return"])
    assert returns["return"].max() < 5.0 and returns["return"].min() > -1.0


def test_the_first_luna_lives_on_as_lunc_where_a_person_says_so(judged):
    lives = judged.accepted.groupby(["symbol", "life_start"])["date"].max().rename("last_bar").reset_index()
    rename = Rename(old="BINANCE:LUNA/USDT", new="BINANCE:LUNC/USDT", date=dt.date(2022, 5, 28))
    found = asset_identities(lives, [rename])
    luna = found[found["symbol"] == "BINANCE:LUNA/USDT"]["asset"].tolist()
    assert luna == ["BINANCE:LUNA/USDT@2020-08-21", "BINANCE:LUNA/USDT@2022-05-31"]
    assert found.loc[found["symbol"] == "BINANCE:LUNC/USDT", "asset"].tolist() == luna[:1]


@pytest.mark.parametrize("base", SPLITS)
def test_redenomination_is_withheld_until_mapped_and_then_leaves_no_jump(bars, judged, base):
    start, factor = SPLITS[base]
    quarantined = of(judged.quarantined, base)
    assert day(quarantined["date"].min()) == start and set(quarantined["rule"]) == {"L1.REDENOMINATION"}
    assert of(judged.accepted, base)["date"].max() < pd.Timestamp(start)
    entry = Redenomination(symbol=f"BINANCE:{base}/USDT", date=pd.Timestamp(start).date(), factor=factor)
    mapped = judge(of(bars, base), of(bars, base)[["date", "symbol"]], days=DAYS, redenominations=[entry])
    assert mapped.quarantined.empty and mapped.accepted["life_start"].nunique() == 1
    around = simple_returns(mapped.accepted, pd.Timestamp(start), pd.Timestamp(start), max_halt_days=10)
    assert around["return"].abs().max() < 0.5


def test_leveraged_tokens_are_no_candidates_whatever_they_earn(venue, judged):
    found = candidates(venue, judged, "2021-06-01", min_history_days=1, min_value_traded=0.0)
    tokens = [base for base in found.index if base in ("BTCUP", "ETHDOWN", "ADADOWN")]
    assert len(tokens) == 3 and all("leveraged" in found[base] for base in tokens)
    assert not is_leveraged("JUP") and not is_leveraged("SUPER") and not is_leveraged("SYRUP")


def test_jumps_of_leveraged_tokens_are_quarantined(judged):
    assert events(judged, "ADADOWN", "toxic") == ["2021-04-08"] and events(judged, "ETHDOWN", "toxic") == ["2021-07-09"]


def test_fiat_and_stable_bases_are_no_candidates(venue, judged):
    found = candidates(venue, judged, "2022-05-01", min_history_days=1, min_value_traded=0.0)
    assert "fiat_base" in found["EUR"] and is_fiat("EUR")
    for base in ("USDC", "BUSD", "UST", "SUSD"):
        assert base not in found.index or "stable_base" in found[base]
        assert is_stable(base)
    assert {"USDC", "BUSD", "UST"} <= set(found.index)


def test_ust_is_trading_until_its_end_and_its_broken_peg_is_data(venue, judged):
    listed = venue.listings_range(dt.date(2022, 5, 1), dt.date(2022, 6, 20))
    status = of(listed, "UST").set_index("date")["status"]
    assert status.loc["2022-05-01"] == status.loc["2022-05-13"] == "TRADING"
    assert status.loc["2022-05-20"] == "HALTED" and status.index.max() < pd.Timestamp("2022-06-20")
    kept = of(judged.accepted, "UST").set_index("date")["close"]
    assert kept.loc["2022-05-08"] > 0.97 and kept.loc["2022-05-13"] < 0.3 and of(judged.quarantined, "UST").empty


@pytest.mark.parametrize(("base", "first", "last", "worst"), [
    ("LUNA", "2022-05-08", "2022-05-13", -0.99), ("FTT", "2022-11-06", "2022-11-15", -0.70),
])  # fmt: skip
def test_real_crash_is_kept_and_not_quarantined(judged, base, first, last, worst):
    kept = of(judged.accepted, base)
    crash = kept[kept["date"].between(first, last)]
    assert len(crash) == (pd.Timestamp(last) - pd.Timestamp(first)).days + 1
    assert of(judged.quarantined, base).empty and events(judged, base, "toxic") == []
    assert (
        simple_returns(crash.assign(life_start=crash["date"].min()), crash["date"].min(), crash["date"].max())[
            "return"
        ].min()
        < worst
    )


def test_suspension_of_ftt_is_a_recorded_gap_and_nothing_is_interpolated(bars, judged):
    gone = of(judged.accepted, "FTT")
    assert not gone["date"].between("2022-11-16", "2023-09-20").any()
    pd.testing.assert_series_equal(gone["close"], of(bars, "FTT")["close"])
    assert "2023-09-22" in events(judged, "FTT", "gap")
    told = of(judged.health, "FTT")
    assert told["reason"].str.contains("day\\(s\\) without a bar").any()
    flags = simple_returns(gone, DAYS[0], DAYS[-1]).set_index("date")["flag"]
    assert flags[flags == "resumed"].index.tolist() == [gone.loc[gone["date"] > "2022-11-16", "date"].min()]


def test_a_suspended_market_is_no_candidate(venue, judged):
    found = candidates(venue, judged, "2022-11-25", min_value_traded=0.0)
    assert "not_trading" in found["FTT"] and found["BTC"] == ""


@pytest.mark.parametrize("base", DELISTED)
def test_delisted_market_keeps_its_history_and_its_last_return(bars, judged, base):
    own, kept = of(bars, base), of(judged.accepted, base)
    if base == "BTCST":  # its re-denomination of 2021 is not mapped above
        entry = Redenomination(symbol="BINANCE:BTCST/USDT", date=dt.date(2021, 3, 19), factor=10.0)
        kept = judge(own, own[["date", "symbol"]], days=DAYS, redenominations=[entry]).accepted
    assert kept["date"].max() == own["date"].max() < DAYS[-1]
    returns = simple_returns(kept, DAYS[0], DAYS[-1])
    assert np.isfinite(returns["return"].iloc[-1]) and returns["date"].max() == own["date"].max()


def test_partial_last_bar_of_a_delisting_is_realised(bars, judged):
    srm = of(bars, "SRM")
    assert srm["volume"].iloc[-1] < 0.1 * srm["volume"].iloc[-31:-1].median()
    assert of(judged.accepted, "SRM")["date"].max() == pd.Timestamp("2022-11-28")


def test_partial_last_bar_of_a_day_that_is_not_over_withholds_the_day(raw):
    last = canonical_bars(raw, venue="BINANCE", ingested_at=DAYS[-1] + pd.Timedelta(hours=15))
    newest = last[last["date"] == DAYS[-1]]
    result = judge(newest)
    assert result.withheld_days == [DAYS[-1]] and set(result.quarantined["rule"]) == {"L0.CLOSED"}


def test_zero_volume_days_are_stalls_and_never_prices_to_trade_at(bars):
    spell = of(bars, "BTC").tail(40).reset_index(drop=True)
    spell.loc[30:34, ["volume", "quote_volume"]] = 0.0  # the bars at hand have none of their own: real prices, no trade
    assert not (bars["volume"] <= 0.0).any()
    found = judge(spell).health
    assert found.loc[found["rule"] == "L1.STALL", "state"].tolist() == ["stalled", "stalled", "toxic"]


def test_a_point_in_time_universe_for_2022_05_01_contains_luna(venue, judged):
    found = candidates(venue, judged, "2022-05-01")
    assert found["LUNA"] == "" and {"BTC", "ETH", "ADA", "FTT"} <= set(found[found == ""].index)
    assert "LUNC" not in found.index and found["UST"].split(",")[0] == "stable_base"


def test_the_universe_of_a_day_does_not_know_what_came_after(raw, judged, tmp_path):
    on = "2022-05-01"
    raw[pd.to_datetime(raw["date"]) <= on].to_parquet(tmp_path / "bars.parquet", index=False)
    early = FilesVenue(FilesVenueConfig(path=tmp_path, venue_name="BINANCE"))
    assert candidates(early, judged, on)["LUNA"] == ""
