"""The ccxt venue against a local server of Binance's shape: paging, closed bars, retries, failures told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from quant_assets.errors import EmptyResult, QuantError, UsageError
from quant_resources.venues.ccxt_klines import UnusableBars, bar_of_candle, bar_of_kline, epoch_to_ms
from quant_resources.venues.ccxt_venue import CcxtVenue
from quant_resources.venues.config import CcxtVenueConfig, api_credentials
from quant_resources.venues.port import BAR_COLUMNS, LISTING_COLUMNS, Venue
from tests.quant_resources.venues.venue_server import DAY_MS, Exchange, kline, serving

START = date(2020, 1, 1)
START_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
DAYS = 1_503
NOW_MS = START_MS + (DAYS - 1) * DAY_MS + 3_600_000
LAST = date(2024, 2, 11)
"""The day that is not over at NOW_MS: the server has a bar of it, and it must not come through."""

Build = Callable[..., CcxtVenue]


def days_of(count: int, first: int = 0) -> list[list[object]]:
    return [kline(START_MS + k * DAY_MS, close=100.0 + k) for k in range(first, first + count)]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange({"BTCUSDT": days_of(DAYS), "ETHUSDT": days_of(40)}, now_ms=NOW_MS)


@pytest.fixture
def build(exchange: Exchange) -> Iterator[Build]:
    with ExitStack() as stack:
        url = stack.enter_context(serving(exchange))

        def make(*symbols: str, clock: Callable[[], datetime] | None = None, **settings: object) -> CcxtVenue:
            quick = {"rate_limit_ms": 1, "retry_wait_seconds": 0.01, "max_attempts": 3, **settings}
            return CcxtVenue(CcxtVenueConfig(symbols=symbols, base_url=url, **quick), clock=clock)

        yield make


def test_more_than_one_page_is_walked_and_the_unclosed_last_bar_dropped(build: Build, exchange: Exchange) -> None:
    venue = build("BTC/USDT")
    answer = venue.bars(None, START, LAST)
    assert isinstance(venue, Venue)
    assert exchange.requests["BTCUSDT"] == 2
    assert tuple(answer.frame.columns) == BAR_COLUMNS
    assert answer.frame["date"].tolist() == list(pd.date_range("2020-01-01", "2024-02-10"))
    assert (answer.report.rows_received, answer.report.rows_unclosed) == (DAYS, 1)
    assert answer.frame["close"].tolist() == [100.0 + k for k in range(DAYS - 1)]
    assert (answer.frame["trades"] == 617).all()
    assert (answer.frame["quote_volume"] / answer.frame["close"]).round(9).eq(10.0).all()
    assert set(answer.frame["symbol"]) == {"BINANCE:BTC/USDT"} and set(answer.frame["source"]) == {"ccxt:BINANCE"}
    assert set(answer.frame["ingested_at"]) == {pd.Timestamp(NOW_MS, unit="ms")}
    assert set(exchange.paths) == {"/api/v3/exchangeInfo", "/api/v3/time", "/api/v3/klines"}


def test_a_bar_is_closed_from_the_first_moment_after_its_day(build: Build) -> None:
    midnight = datetime(2020, 1, 11, tzinfo=UTC)
    before = datetime(2020, 1, 10, 23, 59, 59, 999_999, tzinfo=UTC)
    for moment, newest in ((midnight, "2020-01-10"), (before, "2020-01-09")):
        frame = build("ETH/USDT", clock=lambda moment=moment: moment).bars(None, START, date(2020, 1, 20)).frame
        assert frame["date"].max() == pd.Timestamp(newest)


def test_a_server_with_smaller_pages_than_asked_loses_nothing(build: Build, exchange: Exchange) -> None:
    exchange.page_cap = 300
    assert len(build("BTC/USDT").bars(None, START, LAST).frame) == DAYS - 1
    assert exchange.requests["BTCUSDT"] == 6


@pytest.mark.parametrize("code", [-1000, -424242])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_one_fault_then_success_is_retried(build: Build, exchange: Exchange, status: int, code: int) -> None:
    exchange.fault_code = code
    exchange.faults["ETHUSDT"] = [status]
    answer = build("ETH/USDT").bars(None, START, date(2020, 1, 5))
    assert len(answer.frame) == 5
    assert answer.report.failed == {}
    assert exchange.requests["ETHUSDT"] == 2
    assert answer.report.attempts == 4, "markets, time, klines refused, klines answered"


def test_a_symbol_that_always_fails_is_reported_and_the_others_come(build: Build, exchange: Exchange) -> None:
    exchange.always_failing["BTCUSDT"] = 500
    answer = build("BTC/USDT", "ETH/USDT").bars(None, START, date(2020, 1, 5))
    assert answer.report.failed_symbols == ("BINANCE:BTC/USDT",)
    assert "planned failure" in answer.report.failed["BINANCE:BTC/USDT"]
    assert exchange.requests["BTCUSDT"] == 3, "bounded by max_attempts"
    assert set(answer.frame["symbol"]) == {"BINANCE:ETH/USDT"}
    assert set(answer.report.seconds) == {"BINANCE:BTC/USDT", "BINANCE:ETH/USDT"}


def test_a_refusal_is_not_retried(build: Build, exchange: Exchange) -> None:
    exchange.always_failing["BTCUSDT"] = 400
    exchange.fault_code = -1121
    answer = build("BTC/USDT", "ETH/USDT").bars(None, START, date(2020, 1, 5))
    assert answer.report.failed_symbols == ("BINANCE:BTC/USDT",)
    assert exchange.requests["BTCUSDT"] == 1


def test_a_server_that_is_gone_is_one_clear_error() -> None:
    config = CcxtVenueConfig(
        symbols=("BTC/USDT",), base_url="http://127.0.0.1:9", rate_limit_ms=1, retry_wait_seconds=0.01, max_attempts=2
    )
    with pytest.raises(QuantError, match="loading the markets failed after bounded retries"):
        CcxtVenue(config).bars(None, START, START)


def test_a_ban_is_not_answered_with_more_requests(build: Build, exchange: Exchange) -> None:
    exchange.always_failing["ETHUSDT"] = 418
    with pytest.raises(QuantError, match=r"all 1 symbols failed.*BINANCE:ETH/USDT"):
        build("ETH/USDT").bars(None, START, date(2020, 1, 5))
    assert exchange.requests["ETHUSDT"] == 1


def test_unlisted_symbols_are_failures_not_gaps(build: Build) -> None:
    answer = build("ETH/USDT", "GONE/USDT").bars(None, START, date(2020, 1, 5))
    assert answer.report.failed == {"BINANCE:GONE/USDT": "UnusableBars: GONE/USDT is not listed at BINANCE"}


def test_no_markets_no_answer(build: Build, exchange: Exchange) -> None:
    exchange.always_failing["/api/v3/exchangeInfo"] = 503
    with pytest.raises(QuantError, match=r"loading the markets failed after bounded retries.*run again"):
        build("ETH/USDT").bars(None, START, date(2020, 1, 5))
    assert exchange.requests["/api/v3/exchangeInfo"] == 3


def test_microseconds_are_not_mistaken_for_milliseconds(build: Build, exchange: Exchange) -> None:
    exchange.symbols["ETHUSDT"] = [kline(START_MS + k * DAY_MS, microseconds=True) for k in range(5)]
    frame = build("ETH/USDT").bars(None, START, date(2020, 1, 5)).frame
    assert frame["date"].tolist() == list(pd.date_range("2020-01-01", "2020-01-05"))
    for epoch in (1_577_836_800, 1_577_836_800_000, 1_577_836_800_000_000, 1_577_836_800_000_000_000):
        assert epoch_to_ms(epoch) == START_MS
    for nonsense in (0, 20200101, -5, float("nan"), 1e30):
        with pytest.raises(UnusableBars, match="no epoch"):
            epoch_to_ms(nonsense)


def test_bars_of_another_day_boundary_are_refused(build: Build, exchange: Exchange) -> None:
    exchange.symbols["BTCUSDT"] = [kline(START_MS + 8 * 3_600_000)]
    report = build("BTC/USDT", "ETH/USDT").bars(None, START, date(2020, 1, 5)).report
    assert "not 00:00 UTC" in report.failed["BINANCE:BTC/USDT"]


def test_a_server_that_ignores_the_start_time_does_not_loop(build: Build, exchange: Exchange) -> None:
    exchange.ignore_start = True
    with pytest.raises(QuantError, match=r"all 2 symbols failed.*ignores the start time"):
        build("BTC/USDT", "ETH/USDT").bars(None, date(2022, 1, 1), date(2023, 12, 31))
    assert (exchange.requests["BTCUSDT"], exchange.requests["ETHUSDT"]) == (2, 1)


def test_rows_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(UnusableBars, match="at least 9"):
        bar_of_kline([START_MS, "1", "1", "1", "1", "1"])
    with pytest.raises(UnusableBars, match="'cheap' is no number"):
        bar_of_candle([START_MS, "cheap", 1, 1, 1, 1])
    candle = bar_of_candle([START_MS, 1.0, 2.0, 0.5, None, 7.0])
    assert pd.isna(candle.close) and pd.isna(candle.quote_volume) and pd.isna(candle.trades)


def test_listings_are_a_snapshot_and_say_so(build: Build, exchange: Exchange) -> None:
    exchange.status["ETHUSDT"] = "BREAK"
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


def test_recorded_answers_of_the_real_exchange_are_understood(
    build: Build, exchange: Exchange, shared_folder: Path
) -> None:
    recorded = shared_folder / "data" / "recorded"
    info = json.loads(gzip.decompress((recorded / "binance_spot_exchangeInfo_2022-12-19.json.gz").read_bytes()))
    markets = {market["symbol"]: market for market in info["symbols"]}
    exchange.symbols = {symbol: [] for symbol in markets}
    exchange.market = markets.__getitem__  # type: ignore[method-assign]  # the recorded bodies instead of made ones
    base, quote = (markets[next(iter(markets))][key] for key in ("baseAsset", "quoteAsset"))
    row = build(f"{base}/{quote}").listings(LAST).iloc[0]
    filters = {f["filterType"]: f for f in markets[next(iter(markets))]["filters"]}
    assert row["tick_size"] == float(filters["PRICE_FILTER"]["tickSize"])
    assert row["lot_size"] == float(filters["LOT_SIZE"]["stepSize"])
    rows = json.loads((recorded / "binance_http_spot_market_klines.json").read_text())
    bar = bar_of_kline(rows[0])
    assert (bar.open_ms, bar.open, bar.close, bar.trades) == (1634943780000, 60685.22, 60719.27, 617.0)
    assert bar.low <= bar.quote_volume / bar.volume <= bar.high


def test_a_generic_exchange_is_read_through_the_common_candles(build: Build, exchange: Exchange) -> None:
    venue = build("ETH/USDT")
    venue.bars(None, START, START)
    client = venue._loaded
    client.markets["ETH/USDT"]["spot"] = False
    candles = [[START_MS + k * DAY_MS, 1.0, 2.0, 0.5, 1.5, 7.0] for k in range(3)]
    client.fetch_ohlcv = lambda pair, timeframe, since, limit: [row for row in candles if row[0] >= since]
    frame = venue.bars(None, START, date(2020, 1, 3)).frame
    assert frame["close"].tolist() == [1.5] * 3
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
