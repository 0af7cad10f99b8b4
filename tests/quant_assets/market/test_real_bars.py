"""Every trap of the real bars is found by the rule that should find it, and the real crashes stay."""

from collections import Counter

import pandas as pd
import pytest

from quant_assets.market.config import Redenomination
from quant_assets.market.judgement import BarJudgement
from quant_assets.market.schema import canonical_bars
from tests.quant_assets.market.synthetic import judge, seen_recently

DAYS = pd.date_range("2020-01-01", "2023-12-29", unit="us")
SPLITS = {
    "QUICK": ("2023-07-21", 1000.0), "SUN": ("2021-06-18", 1000.0), "VIDT": ("2022-11-09", 10.0),
    "DREP": ("2021-04-02", 0.01), "BTCST": ("2021-03-19", 10.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def bars(shared_folder) -> pd.DataFrame:
    raw = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet")
    return canonical_bars(raw, venue="BINANCE", ingested_at=pd.Timestamp("2024-01-02"))


@pytest.fixture(scope="module")
def judged(bars) -> BarJudgement:
    return judge(bars, seen_recently(bars, DAYS[-1]), days=DAYS)


def named(frame: pd.DataFrame, base: str) -> pd.DataFrame:
    return frame[frame["symbol"] == f"BINANCE:{base}/USDT"]


def events(judged: BarJudgement, rule: str, state: str) -> set[tuple[str, str]]:
    found = judged.health[(judged.health["rule"] == rule) & (judged.health["state"] == state)]
    return {(r.symbol.split(":")[1].split("/")[0], str(r.date.date())) for r in found.itertuples()}


def test_no_day_is_withheld_and_every_row_is_accounted_for(bars, judged):
    assert judged.withheld_days == []
    assert (len(bars), len(judged.accepted), len(judged.quarantined)) == (227_380, 224_249, 3_131)
    assert Counter(judged.quarantined["rule"]) == {"L1.REDENOMINATION": 3_125, "L1.RETURN_CAP": 6}


def test_redenominations_are_withheld_from_their_day_on(judged):
    found = judged.health[judged.health["state"] == "redenominated"]
    first = found.groupby("symbol")["date"].min()
    assert {s.split(":")[1].split("/")[0]: str(d.date()) for s, d in first.items()} == {
        k: v[0] for k, v in SPLITS.items()
    }


def test_mapped_redenominations_are_accepted_with_ordinary_returns(bars):
    mine = bars[bars["symbol"].isin([f"BINANCE:{base}/USDT" for base in SPLITS])]
    entries = [
        Redenomination(symbol=f"BINANCE:{base}/USDT", date=pd.Timestamp(day).date(), factor=factor)
        for base, (day, factor) in SPLITS.items()
    ]
    result = judge(mine, mine[["date", "symbol"]], days=DAYS, redenominations=entries)
    assert result.quarantined.empty
    assert (result.accepted.groupby("symbol")["life_start"].nunique() == 1).all()
    adjusted = result.accepted.assign(price=result.accepted["close"] * result.accepted["adj_factor"])
    assert adjusted.groupby("symbol")["price"].pct_change().abs().max() < 5.0


def test_the_reused_ticker_is_a_new_asset(judged):
    assert events(judged, "L1.IDENTITY", "new_identity") == {("LUNA", "2022-05-31")}
    lives = named(judged.accepted, "LUNA").groupby("life_start")["date"].agg(["min", "max"])
    assert [str(d.date()) for d in lives["max"]] == ["2022-05-13", "2023-12-29"]


@pytest.mark.parametrize(("base", "first", "last", "days"), [
    ("LUNA", "2022-05-08", "2022-05-13", 6), ("FTT", "2022-11-06", "2022-11-15", 10),
])  # fmt: skip
def test_real_crashes_are_kept(judged, base, first, last, days):
    kept = named(judged.accepted, base)
    assert kept["date"].between(first, last).sum() == days
    assert named(judged.quarantined, base).empty


def test_jumps_of_leveraged_tokens_are_toxic_and_start_new_lives(judged):
    jumps = {
        ("ADADOWN", "2021-04-08"), ("BNBDOWN", "2021-04-14"), ("DOTDOWN", "2021-04-07"), ("DOTDOWN", "2021-10-22"),
        ("ETHDOWN", "2021-07-09"), ("TRXDOWN", "2021-09-14"),
    }  # fmt: skip
    assert events(judged, "L1.RETURN_CAP", "toxic") == jumps
    assert {base for base, _ in events(judged, "L1.RETURN_CAP", "new_identity")} == {base for base, _ in jumps}


def test_the_suspension_is_a_gap_and_not_a_new_asset(judged):
    resumed = {d for base, d in events(judged, "L1.GAP", "gap") if base == "FTT"}
    assert min(resumed) == "2023-09-22"
    assert named(judged.accepted, "FTT")["life_start"].nunique() == 1


def test_the_mass_delisting_is_a_coverage_warning(judged):
    found = {
        day: r for day, (raw, _) in judged.verdicts.items() for r in raw.results
        if r.rule == "L0.COVERAGE" and r.verdict != "pass"
    }  # fmt: skip
    assert [str(day.date()) for day in found] == ["2022-10-01"]
    result = found[pd.Timestamp("2022-10-01")]
    assert (result.verdict, result.breaches, result.checked) == ("warn", 11, 223)


def test_a_week_judged_day_by_day_equals_the_range(bars, judged):
    week = pd.date_range("2022-05-10", "2022-05-16", unit="us")
    for day in week:
        one = judge(
            bars[bars["date"] == day], seen_recently(bars, DAYS[-1]).query("date == @day"), days=[day],
            history=judged.accepted[judged.accepted["date"] < day],
            earlier_quarantine=judged.quarantined[judged.quarantined["date"] < day],
        )  # fmt: skip
        for name in ("accepted", "quarantined", "health"):
            frame = getattr(judged, name)
            pd.testing.assert_frame_equal(getattr(one, name), frame[frame["date"] == day].reset_index(drop=True))
        assert one.verdicts[day] == judged.verdicts[day]
