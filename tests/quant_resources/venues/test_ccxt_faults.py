"""A venue that fails: everything comes, or the report names exactly what is missing; nothing is short in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from quant_assets.errors import QuantError
from quant_resources.venues.ccxt_venue import CcxtVenue
from quant_resources.venues.config import CcxtVenueConfig
from tests.quant_resources.venues.test_ccxt_venue import DAYS, LAST, START, VALUES, bars_of, server_of
from tests.venue.faults import DRAWN, Faults
from tests.venue.server import Answer, VenueServer, serving

SYMBOLS = 24
Build = Callable[..., CcxtVenue]


def market_bars() -> pd.DataFrame:
    """Unbroken histories, some of which begin late or end early."""
    parts = []
    for k in range(SYMBOLS):
        own = bars_of(f"C{k:02d}/USDT", DAYS - 1, seed=k)
        parts.append(own[200:] if k % 5 == 1 else own[:-300] if k % 5 == 2 else own)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def build() -> Iterator[Build]:
    with ExitStack() as stack:

        def make(server: VenueServer, **settings) -> CcxtVenue:
            url = stack.enter_context(serving(server))
            quick = {"retry_wait_seconds": 0.005, "retry_wait_max_seconds": 0.05, "timeout_ms": 400, "resume": False}
            return CcxtVenue(CcxtVenueConfig(base_url=url, **{**quick, **settings}))

        yield make


def assert_equal_to(frame: pd.DataFrame, bars: pd.DataFrame) -> None:
    expected = bars.assign(symbol="BINANCE:" + bars["symbol"]).sort_values(["date", "symbol"], ignore_index=True)
    columns = ["symbol", "date", *VALUES]
    pd.testing.assert_frame_equal(frame[columns], expected[columns], check_exact=True, check_dtype=False)


def test_random_faults_a_ban_and_doubled_pages_lose_nothing(build: Build) -> None:
    bars = market_bars()
    server = server_of(bars)
    shares = {"error": 0.05, "timeout": 0.02, "malformed": 0.01, "repeated_page": 0.03, "repeated_rows": 0.03,
              "truncated": 0.01, "unsorted": 0.02, "empty": 0.01, "partial_page": 0.02}  # fmt: skip
    server.faults = Faults(seed=11, shares=shares, hang_seconds=0.8, ban_at=60, ban_seconds=1.0)
    answer = build(server, page_size=150, max_attempts=6).bars(None, START, LAST)
    assert answer.report.failed == {} and answer.report.short == {}
    assert_equal_to(answer.frame, bars)
    report = answer.report
    assert report.rows_received == len(answer.frame) + report.rows_repeated + report.rows_unclosed
    assert report.rows_repeated > 0
    assert server.faults.drawn.keys() >= {"error", "timeout", "repeated_page", "repeated_rows"}
    assert server.gate.violations == [], "nobody asked while the ban lasted, but for what was on its way"
    assert any(refusal.status == 418 for refusal in server.gate.refusals)
    assert any("418, wait 1 s" in note for note in report.notes)
    assert report.attempts >= server.total - len(server.gate.refusals)


def test_what_always_fails_is_named_and_gives_no_row(build: Build) -> None:
    bars = market_bars()
    server = server_of(bars)
    server.faults = Faults(
        seed=5,
        shares={"error": 0.05},
        always={"C03USDT": 503, "C07USDT": 400},
        delisted_after={"C05USDT": 3},
        code=-1000,
    )
    answer = build(server, page_size=150, max_attempts=4).bars(None, START, LAST)
    missing = {"BINANCE:C03/USDT", "BINANCE:C05/USDT", "BINANCE:C07/USDT"}
    assert set(answer.report.failed) == missing
    assert "Invalid symbol" in answer.report.failed["BINANCE:C05/USDT"], "delisted in the middle of its pages"
    assert server.requests["C03USDT"] == 4, "bounded by max_attempts"
    assert server.requests["C07USDT"] == 1, "a refusal is not asked again"
    assert_equal_to(answer.frame, bars[~("BINANCE:" + bars["symbol"]).isin(missing)])


@pytest.mark.parametrize("kind", DRAWN)
def test_each_kind_of_fault_once_is_survived_and_for_ever_is_named(build: Build, kind: str) -> None:
    bars = pd.concat([bars_of("AAA/USDT", 300, "2023-01-01"), bars_of("BBB/USDT", 300, "2023-01-01", seed=2)])
    server = server_of(bars, status={"AAAUSDT": "BREAK", "BBBUSDT": "BREAK"})
    server.faults.hang_seconds = 0.5
    server.faults.planned_kinds = {"AAAUSDT": ["", kind], "BBBUSDT": [kind]}
    venue = build(server, page_size=100, max_attempts=3, timeout_ms=200)
    answer = venue.bars(None, date(2023, 1, 1), date(2023, 10, 27))
    assert_equal_to(answer.frame, bars)
    server.faults.planned_kinds = {"AAAUSDT": [kind] * 200}
    again = venue.bars(None, date(2023, 1, 1), date(2023, 10, 27))
    if kind in {"unsorted", "repeated_rows", "partial_page"}:
        assert_equal_to(again.frame, bars)
    elif kind != "empty":  # an exchange that tells no bar, however it is asked, is believed
        assert again.report.failed_symbols == ("BINANCE:AAA/USDT",)
        assert_equal_to(again.frame, bars[bars["symbol"] == "BBB/USDT"])


def test_pages_that_stay_empty_against_the_newest_bar_are_no_end(build: Build, monkeypatch) -> None:
    server = server_of(bars_of("AAA/USDT", 300, "2023-01-01"), status={"AAAUSDT": "BREAK"})
    served = server._klines

    def keeping_back(kind: str, query: dict[str, str]) -> Answer:
        silent = "startTime" in query and server.requests["AAAUSDT"] > 2
        return Answer(200, b"[]") if silent else served(kind, query)

    monkeypatch.setattr(server, "_klines", keeping_back)
    with pytest.raises(QuantError, match="although the newest one is"):
        build(server, page_size=100, max_attempts=3).bars(None, date(2023, 1, 1), date(2023, 10, 27))


@pytest.mark.parametrize("code", [-1000, -1003, -424242])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_one_refusal_then_success_is_retried(build: Build, status: int, code: int) -> None:
    server = server_of(bars_of("ETH/USDT", 40))
    server.faults = Faults(planned={"ETHUSDT": [status]}, code=code, retry_after=0)
    answer = build(server, max_attempts=2).bars(None, START, date(2020, 1, 5))
    assert len(answer.frame) == 5 and answer.report.failed == {}
    assert server.requests["ETHUSDT"] == 2
    assert answer.report.attempts == 4, "markets, time, klines refused, klines answered"


def test_markets_and_time_are_asked_again_too(build: Build) -> None:
    server = server_of(bars_of("ETH/USDT", 40))
    server.faults.planned = {"/api/v3/exchangeInfo": [502, 503], "/api/v3/time": [500]}
    assert len(build(server).bars(None, START, date(2020, 1, 5)).frame) == 5
    server.faults.always = {"/api/v3/exchangeInfo": 503}
    with pytest.raises(QuantError, match=r"loading the markets failed after bounded retries.*run again"):
        build(server, max_attempts=2).bars(None, START, date(2020, 1, 5))


def test_a_ban_longer_than_one_wants_to_wait_ends_the_fetch_at_once(build: Build) -> None:
    server = server_of(*(bars_of(f"C{k}/USDT", 40, seed=k) for k in range(12)))
    server.faults = Faults(always={"C3USDT": 418}, retry_after=600)
    answer = build(server, workers=2, max_pause_seconds=5).bars(None, START, date(2020, 1, 5))
    assert server.requests["C3USDT"] == 1, "a ban is not answered with more requests"
    assert "BINANCE:C3/USDT" in answer.report.failed
    unasked = [reason for symbol, reason in answer.report.failed.items() if symbol != "BINANCE:C3/USDT"]
    assert unasked and all("418, wait 600 s" in reason for reason in unasked)
    assert set(answer.frame["symbol"]) | set(answer.report.failed) == {f"BINANCE:C{k}/USDT" for k in range(12)}
    assert any("stopped early" in note for note in answer.report.notes)


def test_an_exchange_that_dies_costs_a_bounded_number_of_requests(build: Build) -> None:
    server = server_of(*(bars_of(f"C{k:02d}/USDT", 40, seed=k) for k in range(60)))
    server.faults = Faults(shares={"error": 1.0})
    with pytest.raises(QuantError, match="all 60 symbols failed"):
        build(server, workers=2, max_attempts=2, give_up_after=5).bars(None, START, date(2020, 1, 5))
    assert server.paths["/api/v3/klines"] <= (5 + 2) * 2


def test_a_bar_revised_between_two_readings_is_left_to_the_contracts(build: Build) -> None:
    server = server_of(bars_of("AAA/USDT", 300, "2023-01-01"))
    server.faults = Faults(
        planned_kinds={"AAAUSDT": ["repeated_rows", "", "repeated_page"]}, revised_after={"AAAUSDT": 2}
    )
    answer = build(server, page_size=100).bars(None, date(2023, 1, 1), date(2023, 10, 27))
    told_twice = answer.frame[answer.frame.duplicated(["symbol", "date"], keep=False)]
    assert len(told_twice) == 2 * 100 and not told_twice.duplicated(["symbol", "date", *VALUES]).any()
    assert answer.report.rows_repeated == 10


def test_progress_is_told_symbol_by_symbol(build: Build) -> None:
    server = server_of(*(bars_of(f"C{k}/USDT", 40, seed=k) for k in range(5)))
    venue, seen = build(server), []
    venue.progress = lambda done, of: seen.append((done, of))
    venue.bars(None, START, date(2020, 1, 5))
    assert seen == [(k, 5) for k in range(1, 6)]


def test_an_interrupted_fetch_stops_its_workers(build: Build) -> None:
    server = server_of(*(bars_of(f"C{k:02d}/USDT", 40, seed=k) for k in range(40)))
    venue = build(server, workers=2)

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    venue.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        venue.bars(None, START, date(2020, 1, 5))
    assert server.paths["/api/v3/klines"] < 20


def test_the_folder_of_a_symbol_with_a_hostile_name_stays_inside(build: Build, tmp_path: Path) -> None:
    server = server_of(bars_of("AAA/USDT", 40), bars_of("..\\..\\x/USDT", 40, seed=2))
    venue = build(server, resume=True, staging=tmp_path / "staging")
    answer = venue.bars(None, START, date(2020, 1, 5))
    assert len(answer.frame) + 5 * len(answer.report.failed) == 10
    assert {p.name for p in tmp_path.iterdir()} == {"staging"}
    assert all(p.suffix == ".arrow" for p in (tmp_path / "staging").rglob("*") if p.is_file())
