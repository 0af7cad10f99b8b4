"""The ccxt venue against a local server of Binance's shape: markets, paging, closed bars, refusals, resumption."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from quant_assets.errors import EmptyResult, QuantError, UsageError
from quant_resources.venues.ccxt_klines import block_of_klines
from quant_resources.venues.ccxt_venue import CcxtVenue
from quant_resources.venues.config import CcxtVenueConfig, api_credentials
from quant_resources.venues.port import BAR_COLUMNS, LISTING_COLUMNS, Resumable, Venue
from tests.venue.faults import Faults
from tests.venue.market import DAY_MS, VenueMarket, rename_ticker, reuse_ticker
from tests.venue.server import VenueServer, serving

START = date(2020, 1, 1)
DAYS = 1_503
LAST = date(2024, 2, 11)
"""The day that is not over at the exchange's time: the server has a bar of it, and it must not come through."""
NOW_MS = int(pd.Timestamp(LAST).timestamp() * 1000) + 3_600_000
VALUES = ["open", "high", "low", "close", "volume", "quote_volume", "trades"]

Build = Callable[..., CcxtVenue]


def bars_of(symbol: str, days: int, first: str = "2020-01-01", seed: int = 1) -> pd.DataFrame:
    """Synthetic bars whose values have all the digits a float can have."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.03, days)))
    opened = np.concatenate([[100.0], close[:-1]])
    volume = rng.lognormal(5, 1, days)
    return pd.DataFrame(
        {
            "symbol": symbol, "date": pd.date_range(first, periods=days, freq="D", unit="us"), "open": opened,
            "high": np.maximum(opened, close) * 1.01, "low": np.minimum(opened, close) * 0.99, "close": close,
            "volume": volume, "quote_volume": volume * close, "trades": np.floor(volume * 3),
        }
    )  # fmt: skip


def server_of(*frames: pd.DataFrame, now_ms: int = NOW_MS, **settings) -> VenueServer:
    return VenueServer(VenueMarket(pd.concat(frames, ignore_index=True), now_ms=now_ms, **settings))


@pytest.fixture
def exchange() -> VenueServer:
    return server_of(bars_of("BTC/USDT", DAYS), bars_of("ETH/USDT", 40, seed=2))


@pytest.fixture
def build(exchange: VenueServer, tmp_path: Path) -> Iterator[Build]:
    with ExitStack() as stack:
        urls: dict[int, str] = {}

        def make(*symbols: str, on: VenueServer = exchange, clock=None, **settings) -> CcxtVenue:
            if id(on) not in urls:
                urls[id(on)] = stack.enter_context(serving(on))
            quick = {"retry_wait_seconds": 0.005, "max_attempts": 3, "staging": tmp_path / "staging", **settings}
            config = CcxtVenueConfig(symbols=symbols or None, base_url=urls[id(on)], **quick)
            return CcxtVenue(config, clock=clock)

        yield make


def test_more_than_one_page_is_walked_and_every_digit_kept(build: Build, exchange: VenueServer) -> None:
    venue = build("BTC/USDT")
    answer = venue.bars(None, START, LAST)
    assert isinstance(venue, Venue) and isinstance(venue, Resumable)
    assert exchange.requests["BTCUSDT"] == 2
    assert tuple(answer.frame.columns) == BAR_COLUMNS
    expected = bars_of("BTC/USDT", DAYS).iloc[:-1]
    pd.testing.assert_frame_equal(answer.frame[["date", *VALUES]], expected[["date", *VALUES]], check_exact=True)
    assert answer.report.rows_received == DAYS - 1
    assert set(answer.frame["symbol"]) == {"BINANCE:BTC/USDT"} and set(answer.frame["source"]) == {"ccxt:BINANCE"}
    assert set(answer.frame["ingested_at"]) == {pd.Timestamp(NOW_MS, unit="ms")}
    assert set(exchange.paths) == {"/api/v3/exchangeInfo", "/api/v3/time", "/api/v3/klines"}
    assert exchange.gate.total == {"spot": 20 + 1 + 2 * 2}, "weights as documented"


def test_a_bar_is_closed_from_the_first_moment_after_its_day(build: Build) -> None:
    midnight = datetime(2020, 1, 11, tzinfo=UTC)
    before = datetime(2020, 1, 10, 23, 59, 59, 999_999, tzinfo=UTC)
    for moment, newest in ((midnight, "2020-01-10"), (before, "2020-01-09")):
        frame = build("ETH/USDT", clock=lambda moment=moment: moment).bars(None, START, date(2020, 1, 20)).frame
        assert frame["date"].max() == pd.Timestamp(newest)


def test_the_running_day_s_bar_is_counted_and_dropped(build: Build, exchange: VenueServer) -> None:
    exchange.faults.unclosed_bar = True
    report = build("BTC/USDT").bars(None, START, LAST).report
    assert (report.rows_received, report.rows_unclosed) == (DAYS, 1)


def test_a_range_that_has_not_begun_asks_for_no_bar(build: Build, exchange: VenueServer) -> None:
    answer = build("BTC/USDT").bars(None, LAST, LAST)
    assert answer.frame.empty and tuple(answer.frame.columns) == BAR_COLUMNS
    assert exchange.requests["BTCUSDT"] == 0


def test_a_server_clock_that_is_ahead_makes_no_bar_closed(build: Build, monkeypatch) -> None:
    now = datetime(2024, 2, 11, 1, tzinfo=UTC)
    monkeypatch.setattr("quant_resources.venues.ccxt_venue.utc_now", lambda: now)
    skewed = server_of(bars_of("BTC/USDT", DAYS))
    skewed.faults.clock_skew_ms = DAY_MS
    answer = build("BTC/USDT", on=skewed).bars(None, date(2024, 2, 1), date(2024, 2, 20))
    assert answer.frame["date"].max() == pd.Timestamp("2024-02-10")
    assert "clock is 86400 s ahead" in " ".join(answer.report.notes)


def test_a_server_with_smaller_pages_than_asked_loses_nothing(build: Build, exchange: VenueServer) -> None:
    exchange.faults.page_cap = 300
    assert len(build("BTC/USDT").bars(None, START, LAST).frame) == DAYS - 1
    assert exchange.requests["BTCUSDT"] == 6


def test_without_symbols_every_market_of_the_quotes_and_kinds_is_meant(build: Build) -> None:
    names = ["BTC/USDT", "OLD/USDT", "ETH/BTC", "BTC/USDT:USDT"]
    market = server_of(*(bars_of(name, 400, first="2023-01-01", seed=k) for k, name in enumerate(names)))
    spot = build(on=market, resume=False).listings(LAST)
    assert spot["symbol"].tolist() == ["BINANCE:BTC/USDT", "BINANCE:OLD/USDT"]
    both = build(on=market, resume=False, kinds=("spot", "swap"), quotes=("USDT", "BTC"))
    listed = both.listings(LAST).set_index("symbol")
    assert set(listed.index) == {f"BINANCE:{name}" for name in names}
    assert listed.loc["BINANCE:BTC/USDT:USDT", "kind"] == "swap"
    assert set(both.bars(None, date(2023, 1, 1), LAST).frame["symbol"]) == set(listed.index)
    with pytest.raises(EmptyResult, match="none of its 3 markets is of the kinds spot and quotes EUR"):
        build(on=market, quotes=("EUR",)).bars(None, START, LAST)


def test_a_market_that_no_longer_trades_is_fetched_and_one_that_was_renamed_is_two(build: Build) -> None:
    both = pd.concat([bars_of("OLD/USDT", DAYS - 1), bars_of("BTC/USDT", DAYS - 1)])
    market = server_of(rename_ticker(both, "OLD/USDT", "NEW/USDT", "2023-01-01"))
    venue = build(on=market)
    status = venue.listings(LAST).set_index("symbol")["status"].to_dict()
    assert status == {"BINANCE:BTC/USDT": "TRADING", "BINANCE:NEW/USDT": "TRADING", "BINANCE:OLD/USDT": "HALTED"}
    answer = venue.bars(None, START, LAST)
    lives = answer.frame.groupby("symbol")["date"].agg(["min", "max"])
    assert lives.loc["BINANCE:OLD/USDT", "max"] == pd.Timestamp("2022-12-31")
    assert lives.loc["BINANCE:NEW/USDT", "min"] == pd.Timestamp("2023-01-01")
    assert answer.report.short == {} and answer.report.failed == {}


def test_a_re_used_ticker_comes_as_told_with_its_hole(build: Build) -> None:
    bars = reuse_ticker(bars_of("LUNA/USDT", DAYS - 1), "LUNA/USDT", "2022-05-31")
    market = server_of(bars)
    frame = build(on=market).bars(None, START, LAST).frame
    assert frame["close"].tolist() == bars["close"].tolist()
    assert frame["date"].diff().max() == pd.Timedelta(days=18)


def test_a_trading_market_whose_bars_end_early_is_named(build: Build, exchange: VenueServer) -> None:
    exchange.market.status["ETHUSDT"] = "TRADING"
    answer = build("BTC/USDT", "ETH/USDT").bars(None, START, LAST)
    assert build("ETH/USDT").bars(None, START, LAST).report.resumed == 0, "it may only be late, so it is asked again"
    assert answer.report.short == {"BINANCE:ETH/USDT": "trades, yet its last bar is 2020-02-09"}


def test_perpetuals_are_asked_in_pages_of_the_least_weight(build: Build) -> None:
    market = server_of(bars_of("BTC/USDT:USDT", DAYS - 1))
    answer = build(on=market, kinds=("swap",)).bars(None, START, LAST)
    assert len(answer.frame) == DAYS - 1 and set(answer.frame["symbol"]) == {"BINANCE:BTC/USDT:USDT"}
    assert dict(market.limits) == {"499": 3, "5": 1}
    assert market.gate.total["swap"] == 1 + 3 * 2 + 1


def test_unlisted_symbols_are_failures_not_gaps(build: Build) -> None:
    answer = build("ETH/USDT", "GONE/USDT").bars(None, START, date(2020, 1, 5))
    assert answer.report.failed == {"BINANCE:GONE/USDT": "UnusableBars: GONE/USDT is not listed at BINANCE"}
    named = build("ETH/USDT").bars(["ETH/USDT", "BINANCE:BTC/USDT"], START, date(2020, 1, 5))
    assert set(named.frame["symbol"]) == {"BINANCE:ETH/USDT", "BINANCE:BTC/USDT"}


def test_listings_are_a_snapshot_and_say_so(build: Build) -> None:
    venue = build("BTC/USDT", "ETH/USDT", "GONE/USDT")
    assert venue.point_in_time_listings is False
    today = venue.listings(LAST)
    assert tuple(today.columns) == LISTING_COLUMNS
    assert dict(zip(today["symbol"], today["status"], strict=True)) == {
        "BINANCE:BTC/USDT": "TRADING",
        "BINANCE:ETH/USDT": "HALTED",
    }
    row = today.iloc[0]
    assert (row["base"], row["quote"], row["kind"]) == ("BTC", "USDT", "spot")
    assert (row["tick_size"], row["lot_size"], row["min_notional"]) == (0.01, 0.00001, 10.0)
    assert today[["first_bar", "last_bar"]].isna().all().all()
    assert venue.is_point_in_time(LAST) and venue.is_point_in_time(date(2024, 2, 10))
    assert not venue.is_point_in_time(date(2024, 2, 9))
    assert len(venue.listings_range(date(2024, 2, 8), LAST)) == 8
    with pytest.raises(UsageError, match="has not begun"):
        venue.listings(date(2024, 2, 12))
    with pytest.raises(EmptyResult, match="correct `symbols`"):
        build("GONE/USDT").listings(LAST)


def test_a_server_that_is_gone_is_one_clear_error() -> None:
    config = CcxtVenueConfig(
        symbols=("BTC/USDT",), base_url="http://127.0.0.1:9", retry_wait_seconds=0.01, max_attempts=2, resume=False
    )
    with pytest.raises(QuantError, match="loading the markets failed after bounded retries"):
        CcxtVenue(config).bars(None, START, START)


def test_microseconds_come_as_days(build: Build) -> None:
    market = server_of(bars_of("ETH/USDT", 40), microseconds=True)
    frame = build("ETH/USDT", on=market).bars(None, START, date(2020, 1, 5)).frame
    assert frame["date"].tolist() == list(pd.date_range("2020-01-01", "2020-01-05"))


def test_recorded_answers_of_the_real_exchange_are_understood(
    build: Build, exchange: VenueServer, shared_folder: Path, monkeypatch
) -> None:
    recorded = shared_folder / "data" / "recorded"
    body = gzip.decompress((recorded / "binance_spot_exchangeInfo_2022-12-19.json.gz").read_bytes())
    markets = json.loads(body)["symbols"]
    monkeypatch.setattr(exchange.market, "exchange_info", lambda kind, limit: body)
    listed = build(quotes=tuple(sorted({m["quoteAsset"] for m in markets}))).listings(LAST).set_index("symbol")
    assert len(listed) == len(markets), "every market of the recorded list, whatever its status"
    assert (listed["status"] == "TRADING").sum() == sum(m["status"] == "TRADING" for m in markets)
    for market in markets[:50]:
        row = listed.loc[f"BINANCE:{market['baseAsset']}/{market['quoteAsset']}"]
        filters = {f["filterType"]: f for f in market["filters"]}
        assert row["tick_size"] == float(filters["PRICE_FILTER"]["tickSize"])
        assert row["lot_size"] == float(filters["LOT_SIZE"]["stepSize"])
    bar = block_of_klines(json.loads((recorded / "binance_http_spot_market_klines.json").read_text()))
    assert (bar.open_ms[0], bar.values[0, 0], bar.values[0, 3]) == (1634943780000, 60685.22, 60719.27)
    assert bar.values[0, 2] <= bar.values[0, 5] / bar.values[0, 4] <= bar.values[0, 1]


def test_a_generic_exchange_is_read_through_the_common_candles(build: Build, monkeypatch) -> None:
    import ccxt

    first = int(pd.Timestamp(START).timestamp() * 1000)
    candles = [[first + k * DAY_MS, 1.0, 2.0, 0.5, 1.5, 7.0] for k in range(3)]
    markets = ccxt.binance().deep_extend(
        {"X/USDT": {"id": "XUSDT", "symbol": "X/USDT", "base": "X", "quote": "USDT", "spot": True, "swap": False,
                    "linear": None, "active": True}}
    )  # fmt: skip
    monkeypatch.setattr(ccxt.kraken, "load_markets", lambda self: self.set_markets(list(markets.values())))
    monkeypatch.setattr(
        ccxt.kraken, "fetch_ohlcv", lambda self, pair, frame, since, limit: [c for c in candles if c[0] >= since]
    )
    now = datetime(2020, 1, 4, 1, tzinfo=UTC)
    frame = build("X/USDT", exchange="kraken", clock=lambda: now).bars(None, START, date(2020, 1, 3)).frame
    assert frame["close"].tolist() == [1.5] * 3 and set(frame["symbol"]) == {"KRAKEN:X/USDT"}
    assert frame[["quote_volume", "trades"]].isna().all().all()


def test_keys_come_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="api_key"):
        CcxtVenueConfig.model_validate({"symbols": ["BTC/USDT"], "api_key": "k"})
    assert api_credentials("nowhere") is None
    monkeypatch.setenv("QUANT_NOWHERE_API_KEY", "visible-key")
    monkeypatch.setenv("QUANT_NOWHERE_API_SECRET", "visible-secret")
    found = api_credentials("nowhere")
    assert found is not None and found[1].get_secret_value() == "visible-secret"
    assert "visible" not in repr(found)


def test_an_unknown_exchange_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="unknown exchange 'atlantis'"):
        CcxtVenue(CcxtVenueConfig(exchange="atlantis", symbols=("BTC/USDT",))).bars(None, START, START)


def test_settings_of_the_transport_are_no_settings_of_the_data() -> None:
    fields = set(CcxtVenueConfig.model_fields)
    assert fields >= CcxtVenueConfig.OPERATIONAL
    assert fields - CcxtVenueConfig.OPERATIONAL == {
        "kind", "exchange", "symbols", "quotes", "kinds", "data_kind", "base_url",
    }  # fmt: skip
    assert "staging" not in CcxtVenueConfig(staging=Path("x")).model_dump()


def test_finished_symbols_are_not_asked_again_and_other_venues_of_the_range_are(
    build: Build, exchange: VenueServer
) -> None:
    exchange.faults = Faults(always={"ETHUSDT": 503})
    first = build("BTC/USDT", "ETH/USDT").bars(None, START, LAST)
    assert first.report.failed_symbols == ("BINANCE:ETH/USDT",)
    exchange.faults = Faults()
    asked = exchange.requests["BTCUSDT"]
    venue = build("BTC/USDT", "ETH/USDT")
    second = venue.bars(None, START, LAST)
    assert (second.report.resumed, second.report.failed, exchange.requests["BTCUSDT"]) == (1, {}, asked)
    assert second.report.rows_received == len(second.frame) == DAYS - 1 + 40
    pd.testing.assert_frame_equal(
        second.frame[second.frame["symbol"] == "BINANCE:BTC/USDT"].reset_index(drop=True), first.frame
    )
    assert venue.bars(None, START, LAST).report.resumed == 0, "the same venue asks anew"
    venue.release(START, LAST)
    assert build("BTC/USDT").bars(None, START, LAST).report.resumed == 0, "published, so nothing was kept"
    assert build("BTC/USDT", resume=False).bars(None, START, LAST).report.resumed == 0
