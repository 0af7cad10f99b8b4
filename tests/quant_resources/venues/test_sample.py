"""The synthetic market: reproducible, honest about its truth, and dirty exactly where it says so."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_resources.venues.config import SampleVenueConfig
from quant_resources.venues.factory import build_venue
from quant_resources.venues.port import BAR_COLUMNS, LISTING_COLUMNS, Venue
from quant_resources.venues.sample_truth import export_ground_truth, ground_truth

CONFIG = SampleVenueConfig()
CANONICAL = re.compile(r"^[A-Z0-9]{1,20}:[A-Z0-9]{1,20}/[A-Z0-9]{1,10}(:[A-Z0-9]{1,10})?$")
DAY = pd.Timedelta(days=1)
HASH_SCRIPT = "from tests.quant_resources.venues.test_sample import content_hash; print(content_hash())"


def content_hash() -> str:
    fresh, digest = build_venue(CONFIG), hashlib.sha256()
    for frame in (fresh.bars(None, CONFIG.start, CONFIG.end).frame, fresh.listings_range(CONFIG.start, CONFIG.end)):
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def venue() -> Venue:
    return build_venue(CONFIG)


@pytest.fixture(scope="module")
def bars(venue: Venue) -> pd.DataFrame:
    return venue.bars(None, CONFIG.start, CONFIG.end).frame


@pytest.fixture(scope="module")
def listings(venue: Venue) -> pd.DataFrame:
    return venue.listings_range(CONFIG.start, CONFIG.end)


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return ground_truth(CONFIG)["events"]


def history(bars: pd.DataFrame, symbol: str) -> pd.DataFrame:
    return bars[bars["symbol"] == symbol].drop_duplicates("date").set_index("date")


def the_event(events: pd.DataFrame, kind: str) -> tuple[str, pd.Timestamp, pd.Timestamp]:
    row = events[events["kind"] == kind].iloc[0]
    return row["symbol"], row["date"], row["end_date"]


def around(bars: pd.DataFrame, events: pd.DataFrame, kind: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The last bar before the event, the bar of its last day (or the next one after it), and the bar after that."""
    symbol, first, last = the_event(events, kind)
    own = history(bars, symbol)
    at_or_after = own[own.index >= last]
    return own[own.index < first].iloc[-1], at_or_after.iloc[0], at_or_after.iloc[1]


def test_it_says_that_it_is_synthetic(venue: Venue, bars: pd.DataFrame) -> None:
    assert isinstance(venue, Venue)
    assert (venue.name, venue.data_kind, venue.point_in_time_listings) == ("SYNTH", "synthetic", True)
    assert set(bars["source"]) == {"synthetic"}
    assert bars["symbol"].str.startswith("SYNTH:").all()
    assert all(CANONICAL.match(symbol) for symbol in bars["symbol"].unique())


def test_size_and_types(bars: pd.DataFrame, listings: pd.DataFrame) -> None:
    assert tuple(bars.columns) == BAR_COLUMNS
    assert tuple(listings.columns) == ("date", *LISTING_COLUMNS)
    assert bars["symbol"].nunique() == 62
    assert (bars["date"].min(), bars["date"].max()) == (pd.Timestamp("2022-01-01"), pd.Timestamp("2024-06-30"))
    assert bars["date"].dtype == bars["ingested_at"].dtype == listings["first_bar"].dtype == "datetime64[us]"
    assert ((bars["ingested_at"] - bars["date"]) == pd.Timedelta(days=1, minutes=5)).all()
    assert bars[["date", "symbol"]].equals(bars[["date", "symbol"]].sort_values(["date", "symbol"], ignore_index=True))


def test_the_same_bytes_in_every_process_whatever_the_hash_seed() -> None:
    other_seed = "4711" if os.environ.get("PYTHONHASHSEED") != "4711" else "0"
    done = subprocess.run(
        [sys.executable, "-c", HASH_SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": other_seed},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == content_hash()


def test_another_seed_is_another_market(bars: pd.DataFrame) -> None:
    other = build_venue(SampleVenueConfig(seed=8)).bars(None, CONFIG.start, CONFIG.end).frame
    assert not np.isclose(other["close"].head(50), bars["close"].head(50)).any()


@pytest.mark.parametrize("day", [date(2022, 6, 1), date(2023, 7, 16), date(2023, 10, 3), date(2024, 1, 13)])
def test_bars_up_to_a_day_are_the_prefix_of_longer_ones(venue: Venue, bars: pd.DataFrame, day: date) -> None:
    expected = bars[bars["date"] <= pd.Timestamp(day)].reset_index(drop=True)
    pd.testing.assert_frame_equal(venue.bars(None, CONFIG.start, day).frame, expected, check_exact=True)


@pytest.mark.parametrize("day", [date(2022, 3, 1), date(2023, 7, 16), date(2023, 8, 25)])
def test_a_market_that_ends_earlier_begins_the_same(bars: pd.DataFrame, listings: pd.DataFrame, day: date) -> None:
    shorter = build_venue(SampleVenueConfig(end=day))
    expected = bars[bars["date"] <= pd.Timestamp(day)].reset_index(drop=True)
    pd.testing.assert_frame_equal(shorter.bars(None, CONFIG.start, day).frame, expected, check_exact=True)
    known = listings[listings["date"] <= pd.Timestamp(day)].reset_index(drop=True)
    pd.testing.assert_frame_equal(shorter.listings_range(CONFIG.start, day), known, check_exact=True)


def test_every_planned_event_has_its_rule_and_lies_in_the_span(events: pd.DataFrame) -> None:
    expected = {
        "late_listing": 9, "delisting": 5, "halt": 1, "ticker_reuse": 1, "crash": 1, "redenomination": 1,
        "toxic_spike": 1, "unit_error": 1, "low_above_high": 1, "nan_close": 1, "negative_volume": 1,
        "duplicate_row": 1, "stall": 1, "volume_spike": 1, "missing_bar": 2, "stable_base": 1, "leveraged_base": 1,
    }  # fmt: skip
    assert events["kind"].value_counts().to_dict() == expected
    rules = set(events["rule_expected"]) - {""}
    assert rules == {
        "L0.OHLC", "L0.VOLUME", "L0.KEY", "L0.COVERAGE", "L1.GAP", "L1.IDENTITY", "L1.REDENOMINATION",
        "L1.RETURN_CAP", "L1.STALL", "L1.VOLUME_SPIKE", "L1.DELISTED",
    }  # fmt: skip


def test_late_listings_and_delistings_are_where_the_bars_begin_and_end(
    bars: pd.DataFrame, listings: pd.DataFrame, events: pd.DataFrame
) -> None:
    spans = bars.groupby("symbol")["date"].agg(["min", "max"])
    for event in events[events["kind"] == "late_listing"].itertuples():
        assert spans.loc[event.symbol, "min"] == event.date
        assert listings.loc[listings["symbol"] == event.symbol, "date"].min() == event.date
    for event in events[events["kind"] == "delisting"].itertuples():
        assert spans.loc[event.symbol, "max"] == event.date
        after = listings[(listings["symbol"] == event.symbol) & (listings["date"] > event.date)]
        assert set(after["status"]) == {"DELISTED"}
        assert after["date"].max() == event.date + 30 * DAY
        assert set(after["last_bar"]) == {event.date}


def test_the_halt_resumes_at_a_related_price(bars: pd.DataFrame, listings: pd.DataFrame, events: pd.DataFrame) -> None:
    symbol, first, last = the_event(events, "halt")
    before, resumed, _ = around(bars, events, "halt")
    assert (resumed.name - before.name).days - 1 == 5
    assert resumed["open"] / before["close"] == pytest.approx(1.0, abs=0.15)
    status = listings[(listings["symbol"] == symbol) & listings["date"].between(first, last)]["status"]
    assert status.tolist() == ["HALTED"] * 5


def test_the_reused_ticker_comes_back_unrelated_and_is_two_lives(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    symbol, _, _ = the_event(events, "ticker_reuse")
    before, resumed, _ = around(bars, events, "ticker_reuse")
    assert (resumed.name - before.name).days - 1 == 20
    decades = np.log10(resumed["open"] / before["close"])
    assert decades == pytest.approx(np.log10(37.4), abs=0.1)
    assert abs(decades - round(decades)) > 0.3
    lives = ground_truth(CONFIG)["lives"].set_index("symbol").loc[symbol]
    assert lives["life"].tolist() == [1, 2]
    assert lives["last_bar"].iloc[0] == before.name and lives["first_bar"].iloc[1] == resumed.name
    assert lives["ended"].tolist() == [True, False]


def test_the_redenomination_is_a_thousandth_after_four_days_with_value_continuous(
    bars: pd.DataFrame, listings: pd.DataFrame, events: pd.DataFrame
) -> None:
    symbol, _, _ = the_event(events, "redenomination")
    before, resumed, _ = around(bars, events, "redenomination")
    assert (resumed.name - before.name).days - 1 == 4
    assert resumed["open"] / before["close"] == pytest.approx(1e-3, rel=0.1)
    assert resumed["quote_volume"] / before["quote_volume"] == pytest.approx(1.0, abs=0.7)
    assert resumed["volume"] / before["volume"] == pytest.approx(1e3, rel=0.7)
    ticks = listings[listings["symbol"] == symbol].set_index("date")["tick_size"]
    assert ticks[resumed.name] == pytest.approx(ticks[before.name] / 1e3)


def test_the_crash_is_real_it_trades_all_the_way_down(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    symbol, first, last = the_event(events, "crash")
    own = history(bars, symbol)
    before, crash = own[own.index < first].iloc[-1], own.loc[first:last]
    assert len(crash) == 3 and own.index.max() == last
    assert crash["close"].iloc[-1] / before["close"] - 1 < -0.99
    previous = np.array([before["close"], *crash["close"].iloc[:-1]])
    assert np.allclose(crash["open"] / previous, 1.0, atol=0.01)
    assert (crash["close"] / previous - 1).min() < -0.95
    assert (crash["high"] / crash["low"]).min() > 2
    assert (crash["quote_volume"] > 2 * own["quote_volume"].median()).all()


def test_toxic_bars_jump_in_and_out_without_trading_there(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    for kind, factor in (("toxic_spike", 10.0), ("unit_error", 1_000.0)):
        before, toxic, after = around(bars, events, kind)
        assert toxic["open"] / before["close"] == pytest.approx(factor, rel=0.01)
        assert toxic["close"] / before["close"] - 1 > 5.0
        assert after["open"] / before["close"] == pytest.approx(1.0, abs=0.3)
        assert toxic["high"] / toxic["low"] < 1.5
        assert toxic["quote_volume"] / before["quote_volume"] == pytest.approx(1.0, abs=0.7)


def test_malformed_bars_are_single_rows(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    spots = {kind: the_event(events, kind)[:2] for kind in ("low_above_high", "nan_close", "negative_volume")}
    found = {
        "low_above_high": bars[bars["low"] > bars["high"]],
        "nan_close": bars[bars["close"].isna()],
        "negative_volume": bars[bars["volume"] < 0],
    }
    for kind, rows in found.items():
        assert list(zip(rows["symbol"], rows["date"], strict=True)) == [spots[kind]]
    repeated = bars[bars.duplicated(["symbol", "date"], keep="first")]
    assert list(zip(repeated["symbol"], repeated["date"], strict=True)) == [the_event(events, "duplicate_row")[:2]]


def test_the_stall_is_the_only_time_a_price_stands_still(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    symbol, first, last = the_event(events, "stall")
    flat = bars[(bars["high"] == bars["low"]) | (bars["volume"] == 0)]
    assert set(flat["symbol"]) == {symbol}
    assert flat["date"].tolist() == list(pd.date_range(first, last))
    assert len(flat) == 6 and flat["close"].nunique() == 1


def test_the_volume_spike_is_the_largest_anomaly_of_log_volume(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    symbol, day, _ = the_event(events, "volume_spike")
    wide = (
        bars[bars["volume"] > 0]
        .drop_duplicates(["date", "symbol"])
        .pivot(index="date", columns="symbol")["quote_volume"]
    )
    log = np.log(wide)
    trailing = log.rolling(60, min_periods=30)
    deviation = (log - trailing.median()).abs()
    score = deviation / (1.4826 * deviation.rolling(60, min_periods=30).median())
    assert score.loc[day, symbol] > 10
    assert score[symbol].idxmax() == day
    assert wide.loc[day, symbol] / wide.loc[day - 10 * DAY : day - DAY, symbol].median() > 25


def test_clean_bars_are_consistent(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    dirty = events[events["kind"].isin(["low_above_high", "nan_close", "negative_volume"])][["symbol", "date"]]
    clean = bars.merge(dirty, on=["symbol", "date"], how="left", indicator=True).query("_merge == 'left_only'")
    assert (clean["low"] > 0).all()
    assert (clean["low"] <= clean[["open", "close"]].min(axis=1)).all()
    assert (clean["high"] >= clean[["open", "close"]].max(axis=1)).all()
    assert np.isfinite(clean[["open", "close", "volume", "quote_volume", "trades"]]).all().all()
    assert (clean["quote_volume"] >= clean["volume"] * clean["low"] * (1 - 1e-12)).all()
    assert (clean["quote_volume"] <= clean["volume"] * clean["high"] * (1 + 1e-12)).all()


def test_opens_are_continuous_outside_the_planned_events(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    unique = bars.drop_duplicates(["symbol", "date"]).sort_values(["symbol", "date"])
    previous = unique.groupby("symbol")[["close", "date"]].shift()
    jump = (unique["open"] / previous["close"] - 1).abs() > 0.01
    planned = {"halt", "ticker_reuse", "redenomination", "toxic_spike", "unit_error", "missing_bar"}
    assert set(unique.loc[jump, "symbol"]) <= set(events.loc[events["kind"].isin(planned), "symbol"])
    returns = (unique["close"] / previous["close"] - 1)[~jump]
    assert returns.max() < 5.0
    crash = the_event(events, "crash")[0]
    assert returns[unique["symbol"] != crash].min() > -0.95


def test_coverage_is_full_except_for_one_day_in_the_warning_band(
    bars: pd.DataFrame, listings: pd.DataFrame, events: pd.DataFrame
) -> None:
    expected = listings[listings["status"] == "TRADING"].groupby("date").size()
    received = bars.drop_duplicates(["date", "symbol"]).groupby("date").size()
    coverage = received / expected
    below = coverage[coverage < 1]
    assert below.index.tolist() == [the_event(events, "missing_bar")[1]]
    assert 0.90 <= below.iloc[0] < 0.98
    malformed = events[events["kind"].isin(["low_above_high", "nan_close", "negative_volume"])]["date"]
    assert malformed.is_unique, "one row a day, so that no partition fails over dirt"
    assert ((received[malformed] - 1) / expected[malformed] >= 0.98).all()


def test_listings_know_nothing_later_than_their_day(listings: pd.DataFrame, bars: pd.DataFrame) -> None:
    assert (listings["last_bar"] <= listings["date"]).all()
    assert (listings["first_bar"] <= listings["date"]).all()
    first = bars.groupby("symbol")["date"].min()
    assert (listings["symbol"].map(first) == listings["first_bar"]).all()


def test_liquidity_is_heavy_tailed_with_markets_below_the_floor(bars: pd.DataFrame) -> None:
    value = bars.groupby("symbol")["quote_volume"].median().sort_values()
    assert 5 <= (value < 1e6).sum() <= 20
    assert value.iloc[-1] > 100 * value.median()


def test_the_peg_holds_and_the_leveraged_token_is_three_times_its_stem(bars: pd.DataFrame) -> None:
    closes = bars.drop_duplicates(["date", "symbol"]).pivot(index="date", columns="symbol", values="close")
    assert closes["SYNTH:USDC/USDT"].between(0.99, 1.01).all()
    returns = closes[["SYNTH:ARKEN/USDT", "SYNTH:ARKENUP/USDT"]].pct_change()
    assert returns.corr().iloc[0, 1] > 0.999
    assert returns.std().iloc[1] / returns.std().iloc[0] == pytest.approx(3.0, abs=0.05)


def test_the_stated_regimes_and_loadings_are_in_the_bars(bars: pd.DataFrame, events: pd.DataFrame) -> None:
    truth = ground_truth(CONFIG)
    loadings = truth["loadings"].query("cluster >= 0").set_index("symbol")
    special = set(events["symbol"])
    plain = [symbol for symbol in loadings.index if symbol not in special]
    closes = bars.drop_duplicates(["date", "symbol"]).pivot(index="date", columns="symbol", values="close")
    log = np.log(closes[plain]).diff().iloc[1:]
    factors = truth["factors"].set_index("date").iloc[1:]
    design = np.column_stack([np.ones(len(factors)), factors.to_numpy()])
    fitted = pd.DataFrame(
        np.linalg.lstsq(design, log.to_numpy(), rcond=None)[0][1:], columns=plain, index=factors.columns
    )
    assert np.corrcoef(fitted.loc["market"], loadings.loc[plain, "beta_market"])[0, 1] > 0.8
    own_cluster = [fitted.loc[f"cluster_{loadings.loc[symbol, 'cluster']}", symbol] for symbol in plain]
    assert np.corrcoef(own_cluster, loadings.loc[plain, "beta_cluster"])[0, 1] > 0.7
    stress = truth["regimes"].set_index("date")["regime"].iloc[1:] == 1
    assert 0.1 < stress.mean() < 0.6
    assert log[stress].std().mean() / log[~stress].std().mean() > 1.4


def test_there_is_no_free_lunch(bars: pd.DataFrame) -> None:
    closes = bars.drop_duplicates(["date", "symbol"]).pivot(index="date", columns="symbol", values="close")
    returns = closes.pct_change(fill_method=None)
    returns = returns.where(returns.abs() < 0.6)
    past = closes.pct_change(30, fill_method=None).shift()
    coefficients = past.rank(axis=1).corrwith(returns.rank(axis=1), axis=1).dropna()
    assert abs(coefficients.mean()) < 0.05
    equal_weight = returns.mean(axis=1)
    assert abs(equal_weight.mean() / equal_weight.std() * np.sqrt(365)) < 2.0


def test_unknown_symbols_are_reported_and_impossible_dates_refused(venue: Venue) -> None:
    answer = venue.bars(["SYNTH:ARKEN/USDT", "SYNTH:../x"], date(2022, 1, 1), date(2022, 1, 3))
    assert answer.report.failed_symbols == ("SYNTH:../x",)
    assert answer.report.rows_received == len(answer.frame) == 3
    with pytest.raises(UsageError, match=r"outside its span 2022-01-01\.\.2024-06-30"):
        venue.bars(None, date(2021, 12, 31), date(2022, 1, 3))
    with pytest.raises(UsageError, match="after end"):
        venue.listings_range(date(2022, 2, 1), date(2022, 1, 3))


def test_the_ground_truth_is_written_as_parquet(tmp_path: Path) -> None:
    written = export_ground_truth(CONFIG, tmp_path)
    assert {path.stem for path in written} == {"events", "regimes", "factors", "loadings", "lives", "parameters"}
    read_back = pd.read_parquet(tmp_path / "synthetic_ground_truth" / "events.parquet")
    assert read_back["symbol"].tolist() == ground_truth(CONFIG)["events"]["symbol"].tolist()


def test_a_caller_cannot_spoil_the_shared_market(venue: Venue) -> None:
    first = venue.bars(None, date(2022, 1, 1), date(2022, 1, 5)).frame
    digest = hashlib.sha256(first.to_csv().encode()).hexdigest()
    first["close"] = 0.0
    again = venue.bars(None, date(2022, 1, 1), date(2022, 1, 5)).frame
    assert hashlib.sha256(again.to_csv().encode()).hexdigest() == digest
