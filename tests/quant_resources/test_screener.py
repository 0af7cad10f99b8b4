"""The screener's client against a scanner on loopback: what it asks, what it takes over, and what it refuses."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys

import pytest
from pydantic import ValidationError

from quant_assets.errors import ContractViolation, EmptyResult, QuantError, UsageError
from quant_assets.market.symbols import is_canonical
from quant_resources.screener import SNAPSHOT_COLUMNS, Screener, ScreenerConfig
from tests.quant_resources.scanner import row, serving

NOW = dt.datetime(2025, 6, 16, 0, 10, tzinfo=dt.UTC)
ROWS = [row("ETH", value=7e8), row("BTC", value=9e8), row("SOL", quote="USDC", value=5e8, rating=None)]


def screener(scanner, **config) -> Screener:
    settings = ScreenerConfig(base_url=scanner.url, retry_wait_seconds=0.0, **config)
    return Screener(settings, clock=lambda: NOW)


def test_one_request_asks_for_what_is_taken_over_and_nothing_else():
    with serving(ROWS) as scanner:
        screener(scanner, limit=2).snapshot()
        ((path, body),) = scanner.seen
    assert path == "/crypto/scan"
    assert set(body) == {"markets", "symbols", "options", "columns", "filter", "sort", "range"}
    assert (body["range"], body["sort"]) == ([0, 2], {"sortBy": "Value.Traded", "sortOrder": "desc"})
    assert {rule["left"]: rule["right"] for rule in body["filter"]} == {"exchange": "BINANCE", "type": ["spot"]}


def test_a_snapshot_has_canonical_symbols_and_the_moment_it_was_taken():
    with serving([*ROWS, row("DOGE", kind="swap"), row("BTC", quote="USD", kind="swap")]) as scanner:
        found = screener(scanner, types=("spot", "swap")).snapshot()
    frame = found.frame.set_index("symbol")
    assert list(found.frame.columns) == list(SNAPSHOT_COLUMNS)
    assert list(frame.index) == [
        "BINANCE:BTC/USD:BTC", "BINANCE:BTC/USDT", "BINANCE:DOGE/USDT:USDT", "BINANCE:ETH/USDT", "BINANCE:SOL/USDC",
    ]  # fmt: skip
    assert frame.loc["BINANCE:DOGE/USDT:USDT", "ticker"] == "BINANCE:DOGEUSDT.P"
    assert math.isnan(frame.loc["BINANCE:SOL/USDC", "recommend_ma"])
    assert (found.total, found.rejected) == (5, {})
    assert found.taken_at.isoformat() == "2025-06-16T00:10:00" and (frame["taken_at"] == found.taken_at).all()


def test_the_limit_takes_the_most_traded_and_tells_how_many_match():
    with serving(ROWS) as scanner:
        found = screener(scanner, limit=2).snapshot()
    assert sorted(found.frame["symbol"]) == ["BINANCE:BTC/USDT", "BINANCE:ETH/USDT"] and found.total == 3


@pytest.mark.parametrize("hostile", [
    {"s": "BINANCE:../../etc/passwd"}, {"base_currency": "BTC/../X"}, {"currency": "US'; drop table x"},
    {"base_currency": None}, {"Recommend.MA": "0.5"}, {"close": True}, {"s": "BINANCE:BTC\nUSDT"},
])  # fmt: skip
def test_a_row_that_names_no_market_or_no_number_is_left_out_and_told(hostile):
    with serving([*ROWS, {**row("EVIL"), **hostile}]) as scanner:
        found = screener(scanner).snapshot()
    assert len(found.frame) == 3 and all(map(is_canonical, found.frame["symbol"]))
    (reason,) = found.rejected.values()
    assert "capitals and digits" in reason or "not a number" in reason


@pytest.mark.parametrize("faults", [(500,), (503, 429), (502, 500, 504)])
def test_a_busy_scanner_is_asked_again(faults):
    with serving(ROWS, *faults) as scanner:
        assert len(screener(scanner).snapshot().frame) == 3
        assert len(scanner.seen) == len(faults) + 1


@pytest.mark.parametrize(("faults", "asked"), [((500,) * 9, 4), ((403,) * 9, 1), ((302,), 1)])
def test_no_answer_is_an_error_and_never_an_empty_snapshot(faults, asked):
    with serving(ROWS, *faults) as scanner:
        with pytest.raises(QuantError, match="screener"):
            screener(scanner).snapshot()
        assert len(scanner.seen) == asked


@pytest.mark.parametrize("body", ["not json", "[]", '{"data": []}', '{"totalCount": 1, "data": {}}'])
def test_a_malformed_answer_is_refused(body):
    with serving(ROWS, body) as scanner, pytest.raises(ContractViolation, match="nothing was stored"):
        screener(scanner).snapshot()


@pytest.mark.parametrize("data", [[], [{"s": "BINANCE:BTCUSDT", "d": [1]}], ["x"]])
def test_an_answer_without_a_market_is_refused(data):
    told = f"none of {len(data)} rows is a market of BINANCE"
    answer = json.dumps({"totalCount": len(data), "data": data})
    with serving(ROWS, answer) as scanner, pytest.raises(EmptyResult, match=told):
        screener(scanner).snapshot()


def test_nobody_there_is_an_error_that_says_what_to_do():
    with serving(ROWS) as scanner:
        gone = screener(scanner, max_attempts=2, timeout_seconds=1.0)
    with pytest.raises(QuantError, match=r"no answer after at most 2 requests.*try again today"):
        gone.snapshot()


def test_without_the_optional_package_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tradingview_screener.query", None)
    with serving(ROWS) as scanner:
        with pytest.raises(UsageError, match=r"quant-assets\[tradingview\]"):
            screener(scanner).snapshot()
        assert scanner.seen == []


@pytest.mark.parametrize("config", [
    {"base_url": "ftp://scanner"}, {"base_url": "https://scanner/path?x=1"}, {"market": "../x"}, {"types": []},
    {"types": ["spot", "spot"]}, {"exchange": "binance us"}, {"api_key": "x"}, {"limit": 0},
])  # fmt: skip
def test_a_configuration_that_makes_no_sense_is_refused(config):
    with pytest.raises(ValidationError):
        ScreenerConfig(**config)


def test_the_constructed_answer_of_395_markets_is_taken_over_whole(shared_folder):
    """The file is constructed from real bars in the scanner's shape; it is no recording."""
    path = shared_folder / "data" / "recorded" / "tradingview_crypto_scan_constructed_2025-06-15.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    names = content["_request_columns"]
    rows = [{"s": item["s"], **dict(zip(names, item["d"], strict=True))} for item in content["data"]]
    with serving(rows) as scanner:
        found = screener(scanner).snapshot()
    assert content["_constructed"] is True and found.total == len(found.frame) == content["totalCount"] == 395
    btc = found.frame.set_index("symbol").loc["BINANCE:BTC/USDT"]
    assert (btc["close"], btc["value_traded"]) == (105594.01, 756496656.0711846)
    assert btc["recommend_all"] == pytest.approx((btc["recommend_ma"] + btc["recommend_other"]) / 2)
