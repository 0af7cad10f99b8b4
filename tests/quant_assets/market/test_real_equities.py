"""Real daily bars of shares and funds through the XNYS calendar: five years of holidays, half days and splits."""

import numpy as np
import pandas as pd
import pytest

from quant_assets.market.calendars import closed_days, open_days
from quant_assets.market.judgement import BarJudgement
from quant_assets.market.listing_rules import in_sessions
from quant_assets.market.schema import canonical_bars
from quant_assets.market.splits import declared_splits
from quant_assets.returns.compute import simple_returns
from quant_assets.returns.rules import return_verdicts
from quant_resources.venues.config import FilesVenueConfig
from quant_resources.venues.files import FilesVenue
from tests.quant_assets.market.synthetic import RULES, broken, judge

DAYS = pd.date_range("2016-01-01", "2021-03-31", unit="us")
FIRST, LAST = DAYS[0].date(), DAYS[-1].date()
SPLITS = {
    ("HRL", "2016-02-10"): 2.0, ("HLT", "2017-01-04"): 0.4873294346978557, ("MET", "2017-08-07"): 1.122,
    ("BRO", "2018-03-29"): 2.0, ("AAPL", "2020-08-31"): 4.0, ("PFE", "2020-11-17"): 1.054, ("MKC", "2020-12-01"): 2.0,
}  # fmt: skip
NOT_LIQUID = {"ALTY", "AMUB", "BBP", "BDCZ"}
PRICES = ["open", "high", "low", "close"]


@pytest.fixture(scope="module")
def raw(shared_folder) -> pd.DataFrame:
    frame = pd.read_parquet(shared_folder / "data" / "us_equities_daily.parquet")
    return frame[frame["asset_class"] != "fx"].assign(date=pd.to_datetime(frame["date"]))


@pytest.fixture(scope="module")
def bars(raw) -> pd.DataFrame:
    return canonical_bars(raw, venue="NYSE", default_quote="USD", ingested_at=pd.Timestamp("2021-04-02"))


@pytest.fixture(scope="module")
def expected() -> pd.DatetimeIndex:
    return open_days("XNYS", FIRST, LAST)


@pytest.fixture(scope="module")
def judged(bars, expected) -> BarJudgement:
    listed = pd.MultiIndex.from_product([expected, bars["symbol"].unique()], names=["date", "symbol"]).to_frame(
        index=False
    )
    return judge(bars, listed, days=DAYS, closed_days=closed_days("XNYS", FIRST, LAST))


def printed(raw: pd.DataFrame, symbols: list[str]) -> pd.DataFrame:
    """Prices as they were printed before each split: the factor is taken out of the adjusted ones again."""
    frame = raw[raw["symbol"].isin(symbols)].astype({"volume": "float64"}).assign(adjusted=False)
    for (symbol, day), factor in SPLITS.items():
        old = (frame["symbol"] == symbol) & (frame["date"] < day)
        frame.loc[old, PRICES] *= factor
        frame.loc[old, "volume"] /= factor
    return frame


def test_the_calendar_and_the_bars_have_the_same_days(raw, expected):
    traded = raw.groupby("date")["symbol"].nunique()
    assert list(traded.index) == list(expected) and len(expected) == 1320 and (traded == 66).all()


def test_half_days_have_bars(raw):
    half = ["2018-07-03", "2019-11-29", "2020-11-27", "2020-12-24"]
    assert set(half) <= set(raw["date"].dt.strftime("%Y-%m-%d"))


def test_no_false_gap_on_any_holiday_weekend_or_half_day(judged):
    assert not broken(judged) & {
        "L1.GAP",
        "L1.FRESH",
        "L0.COVERAGE",
        "L1.IDENTITY",
        "L1.REDENOMINATION",
        "L1.RETURN_CAP",
    }
    assert judged.withheld_days == [] and judged.quarantined.empty and len(judged.accepted) == 66 * 1320
    assert set(judged.health["rule"]) <= {"L1.STALL"}


def test_only_funds_that_hardly_trade_stand_still(judged):
    tickers = judged.health["symbol"].str.removeprefix("NYSE:").str.removesuffix("/USD")
    assert set(tickers) <= NOT_LIQUID and len(tickers) > 100


def test_without_its_calendar_every_holiday_would_be_a_gap(bars):
    week = bars[bars["date"].between("2020-11-23", "2020-12-01")]
    days = pd.date_range("2020-11-23", "2020-12-01", unit="us")
    assert {"L1.GAP", "L1.FRESH"} <= broken(judge(week, week[["date", "symbol"]], days=days))


def test_a_bar_on_a_holiday_withholds_that_day(bars):
    week = bars[bars["date"].between("2020-11-23", "2020-12-01")]
    days = pd.date_range("2020-11-23", "2020-12-01", unit="us")
    padded = week[week["date"] == "2020-11-25"].assign(date=pd.Timestamp("2020-11-26"))
    closed = closed_days("XNYS", days[0].date(), days[-1].date())
    result = judge(pd.concat([week, padded]), week[["date", "symbol"]], days=days, closed_days=closed)
    assert result.withheld_days == [pd.Timestamp("2020-11-26")]


def test_returns_are_dated_on_sessions_without_padding_or_halts(judged, expected):
    closed = closed_days("XNYS", FIRST, LAST)
    returns = simple_returns(judged.accepted, FIRST, LAST, closed_days=closed)
    assert set(returns["date"]) == set(expected)
    assert set(returns["flag"]) == {"", "first"} and (returns["flag"] == "first").sum() == 66
    verdicts = return_verdicts(returns, judged.accepted, DAYS, RULES, closed)
    assert all(v.passed and not v.warnings for v in verdicts.values())


def test_padding_of_closed_days_is_an_error(judged):
    closed = closed_days("XNYS", FIRST, LAST)
    returns = simple_returns(judged.accepted, FIRST, LAST, closed_days=closed)
    friday, saturday = pd.Timestamp("2020-11-20"), pd.Timestamp("2020-11-21")
    filled = returns[returns["date"] == friday].assign(date=saturday, **{"return": 0.0})
    bars = judged.accepted[judged.accepted["date"] == friday].assign(date=saturday)
    verdict = return_verdicts(filled, bars, [saturday], RULES, closed)[saturday]
    assert [r.rule for r in verdict.errors] == ["L1.PADDING"] and verdict.errors[0].breaches == 66


def test_splits_that_prices_contain_are_recognised_and_not_applied_again(raw, tmp_path):
    raw.to_parquet(tmp_path / "bars.parquet", index=False)
    venue = FilesVenue(FilesVenueConfig(path=tmp_path, venue_name="NYSE", default_quote="USD"))
    assert venue.splits(LAST).empty


def test_splits_of_raw_prices_are_mapped_and_the_returns_are_those_of_adjusted_prices(raw, tmp_path, judged):
    symbols = sorted({symbol for symbol, _ in SPLITS})
    frame = printed(raw, symbols)
    frame.to_parquet(tmp_path / "bars.parquet", index=False)
    venue = FilesVenue(FilesVenueConfig(path=tmp_path, venue_name="NYSE", default_quote="USD"))
    told = venue.splits(LAST)
    names = told["symbol"].str.removeprefix("NYSE:").str.removesuffix("/USD")
    assert (
        dict(zip(zip(names, told["date"].dt.strftime("%Y-%m-%d"), strict=True), told["factor"], strict=True)) == SPLITS
    )
    assert len(venue.splits(pd.Timestamp("2018-12-31").date())) == 4
    received = canonical_bars(frame, venue="NYSE", default_quote="USD", ingested_at=pd.Timestamp("2021-04-02"))
    closed = closed_days("XNYS", FIRST, LAST)
    mapped = judge(received, days=DAYS, closed_days=closed, redenominations=declared_splits(told, ()))
    assert mapped.quarantined.empty and (mapped.accepted.groupby("symbol")["adj_factor"].nunique() == 2).all()
    own = simple_returns(mapped.accepted, FIRST, LAST, closed_days=closed)
    known = simple_returns(judged.accepted, FIRST, LAST, closed_days=closed)
    both = own.merge(known, on=["date", "symbol"], suffixes=("", "_adjusted"))
    assert len(both) == len(own) == len(symbols) * 1320
    np.testing.assert_allclose(both["return"], both["return_adjusted"], rtol=1e-9, atol=1e-12)
    unmapped = simple_returns(judge(received, days=DAYS, closed_days=closed).accepted, FIRST, LAST, closed_days=closed)
    assert unmapped["return"].min() < -0.7 < own["return"].min()


def test_a_weekend_or_a_holiday_halts_nobody(raw, tmp_path):
    raw[raw["symbol"].isin(["KO", "F"]) & raw["date"].between("2020-11-02", "2020-12-11")].to_parquet(
        tmp_path / "b.parquet"
    )
    venue = FilesVenue(FilesVenueConfig(path=tmp_path, venue_name="NYSE", default_quote="USD"))
    start, end = pd.Timestamp("2020-11-09").date(), pd.Timestamp("2020-11-30").date()
    listed = in_sessions(venue.listings_range(start, end), "XNYS", 1)
    assert set(listed["date"]) == set(open_days("XNYS", start, end)) and set(listed["status"]) == {"TRADING"}
    frame = pd.read_parquet(tmp_path / "b.parquet")
    gone = ~((frame["symbol"] == "F") & frame["date"].isin(pd.to_datetime(["2020-11-27", "2020-11-30"])))
    frame[gone].to_parquet(tmp_path / "b.parquet")
    later = in_sessions(venue.listings_range(start, end), "XNYS", 1)
    ford = later[later["symbol"] == "NYSE:F/USD"].set_index("date")["status"]
    assert (ford["2020-11-27"], ford["2020-11-30"]) == ("TRADING", "HALTED")
