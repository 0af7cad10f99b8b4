"""The archive venue against archive files served on loopback: content, lateness, faults, what is asked, resumption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from quant_assets.errors import QuantError, UsageError
from quant_resources.venues.archive import ArchiveVenue
from quant_resources.venues.config import ArchiveVenueConfig, VenueConfig
from quant_resources.venues.factory import build_venue
from quant_resources.venues.port import BAR_COLUMNS, BarsReceived, FetchReport, Venue
from tests.venue.archive import FAULTS, ArchiveFiles, ArchiveOptions
from tests.venue.market import VenueMarket
from tests.venue.server import Answer, VenueServer, serving

NUMBERS = ["open", "high", "low", "close", "volume", "quote_volume", "trades"]
NOW = datetime(2025, 3, 6, 0, 10, tzinfo=UTC)
PAIRS = ("AAA/USDT", "BBB/USDT", "CCC/USDT")


def synthetic(first: str, last: str, pairs: tuple[str, ...] = PAIRS, seed: int = 3) -> pd.DataFrame:
    """Random bars with awkward floats; nothing here is real data."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(first, last, freq="D", unit="us")
    frames = []
    for pair in pairs:
        frame = pd.DataFrame({"symbol": pair, "date": days})
        frame[NUMBERS[:-1]] = rng.lognormal(1.0, 6.0, (len(days), 6))
        frame["trades"] = rng.integers(0, 10**7, len(days)).astype(float)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


class Rest:
    """A REST venue over the same bars, as the port sees one."""

    name, data_kind, point_in_time_listings = "BINANCE", "real", False

    def __init__(self, bars: pd.DataFrame, fails: tuple[str, ...] = (), listed: tuple[str, ...] = PAIRS) -> None:
        self.rows = bars.assign(symbol="BINANCE:" + bars["symbol"], source="ccxt:BINANCE",
                                ingested_at=pd.Timestamp("2025-03-06"))  # fmt: skip
        self.fails, self.listed = fails, listed
        self.asked: list[tuple[tuple[str, ...], date, date]] = []

    def listings(self, day: date) -> pd.DataFrame:
        return pd.DataFrame({"symbol": [f"BINANCE:{pair}" for pair in self.listed]})

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        raise NotImplementedError("the archive needs only the listings of one day")

    def bars(self, symbols, start: date, end: date) -> BarsReceived:
        self.asked.append((tuple(symbols), start, end))
        failed = {s: "planned" for s in symbols if s in self.fails}
        inside = self.rows["symbol"].isin(list(symbols)) & self.rows["date"].between(str(start), str(end))
        frame = self.rows.loc[inside & ~self.rows["symbol"].isin(list(failed)), list(BAR_COLUMNS)]
        return BarsReceived(frame, FetchReport(len(symbols), 2 * len(symbols), failed, {}, len(frame)))


@contextmanager
def archive(files: ArchiveFiles, rest: Venue | None = None, **options) -> Iterator[tuple[ArchiveVenue, VenueServer]]:
    """An archive venue on a served archive, with the server that counts what was asked."""
    server = VenueServer(VenueMarket(files.bars, now_ms=0), routes={"/data/": files.respond})
    pairs = tuple(dict.fromkeys(files.bars["symbol"]))
    with serving(server) as url:
        config = ArchiveVenueConfig(symbols=pairs, base_url=url, retry_wait_seconds=0.0, **options)
        yield ArchiveVenue(config, rest, clock=lambda: NOW), server


def same_numbers(received: pd.DataFrame, source: pd.DataFrame) -> None:
    """Equal keys, and every float equal in every bit."""
    want = source.assign(symbol="BINANCE:" + source["symbol"]).sort_values(["date", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(received[["symbol", "date"]], want[["symbol", "date"]], check_dtype=False)
    assert received[NUMBERS].to_numpy().tobytes() == want[NUMBERS].to_numpy().tobytes()


@pytest.mark.parametrize("header", [False, True])
def test_the_archive_equals_its_source_bit_for_bit_over_the_change_of_units(header):
    bars = synthetic("2024-11-20", "2025-03-05")
    with archive(ArchiveFiles(bars, ArchiveOptions(header=header))) as (venue, server):
        got = venue.bars(None, date(2024, 11, 20), date(2025, 3, 5))

    same_numbers(got.frame, bars)
    assert list(got.frame.columns) == list(BAR_COLUMNS)
    assert set(got.frame["source"]) == {"archive:BINANCE"}
    report = got.report
    # November to February by months, five days of March by days; a zip and a checksum each.
    assert report.attempts == server.total == 3 * (4 + 5) * 2
    assert (report.requested, report.failed, report.rows_unclosed) == (3, {}, 0)
    assert report.rows_received == len(bars)
    assert set(report.seconds) == {f"BINANCE:{p}" for p in PAIRS}


def test_futures_have_paths_of_their_own_and_stay_in_milliseconds():
    bars = synthetic("2024-12-28", "2025-01-31", ("AAA/USDT:USDT",))
    with archive(ArchiveFiles(bars), market="um") as (venue, server):
        got = venue.bars(None, date(2024, 12, 28), date(2025, 1, 31))
    same_numbers(got.frame, bars)
    assert all(path.startswith("/data/futures/um/monthly/klines/AAAUSDT/1d/") for path in server.paths)


def test_a_range_inside_a_month_gives_only_its_days():
    bars = synthetic("2024-11-01", "2024-12-31")
    with archive(ArchiveFiles(bars)) as (venue, _):
        got = venue.bars(["BBB/USDT", "BINANCE:AAA/USDT"], date(2024, 11, 17), date(2024, 12, 3))
    inside = bars["date"].between("2024-11-17", "2024-12-03") & (bars["symbol"] != "CCC/USDT")
    same_numbers(got.frame, bars[inside])


def test_days_before_listing_and_after_delisting_are_no_failure():
    bars = synthetic("2024-09-10", "2024-10-20")
    with archive(ArchiveFiles(bars)) as (venue, _):
        got = venue.bars(None, date(2024, 1, 1), date(2025, 3, 5))
        listed = venue.listings_range(date(2024, 9, 9), date(2024, 11, 25))
    same_numbers(got.frame, bars)
    assert got.report.failed == {}
    days = listed[listed["symbol"] == "BINANCE:AAA/USDT"].set_index("date")["status"]
    assert days.index.min() == pd.Timestamp("2024-09-10")
    assert (days[:"2024-10-21"] == "TRADING").all() and (days["2024-10-22":] == "HALTED").all()
    assert days.index.max() == pd.Timestamp("2024-11-19"), "30 days after its last bar it is gone"


def test_listings_of_a_day_do_not_depend_on_the_range_they_are_asked_in():
    bars = synthetic("2024-09-10", "2025-02-20")
    with archive(ArchiveFiles(bars)) as (venue, _):
        whole = venue.listings_range(date(2024, 10, 1), date(2025, 3, 1))
        for day in (date(2024, 10, 1), date(2024, 12, 31), date(2025, 3, 1)):
            alone = venue.listings(day)
            part = whole[whole["date"] == pd.Timestamp(day)].drop(columns="date").reset_index(drop=True)
            pd.testing.assert_frame_equal(alone.reset_index(drop=True), part)


def test_a_month_absent_between_two_others_is_named_in_the_notes():
    bars = synthetic("2024-08-01", "2024-12-31", ("AAA/USDT",))
    bars = bars[bars["date"].dt.month != 10]
    with archive(ArchiveFiles(bars)) as (venue, _):
        got = venue.bars(None, date(2024, 8, 1), date(2024, 12, 31))
    same_numbers(got.frame, bars)
    assert "AAAUSDT-1d-2024-10.zip" in " ".join(got.report.notes)


def test_a_month_not_published_yet_is_read_by_days_and_the_newest_days_come_from_rest():
    bars = synthetic("2025-01-15", "2025-03-05")
    late = ArchiveOptions(monthly_late=("2025-02",), first_daily_missing=pd.Timestamp("2025-03-04"))
    rest = Rest(bars)
    with archive(ArchiveFiles(bars, late), rest, route="files") as (venue, server):
        got = venue.bars(None, date(2025, 1, 15), date(2025, 3, 5))
    same_numbers(got.frame, bars)
    symbols = tuple(f"BINANCE:{p}" for p in PAIRS)
    assert rest.asked == [(symbols, date(2025, 3, 4), date(2025, 3, 5))]
    assert got.report.attempts == server.total + 6
    sources = got.frame.groupby("date")["source"].unique().map(list)
    assert sources["2025-03-03"] == ["archive:BINANCE"] and sources["2025-03-04"] == ["ccxt:BINANCE"]


def test_without_rest_the_days_that_are_not_archived_are_named():
    bars = synthetic("2025-02-01", "2025-03-05")
    files = ArchiveFiles(bars, ArchiveOptions(first_daily_missing=pd.Timestamp("2025-03-05")))
    with archive(files) as (venue, _):
        got = venue.bars(None, date(2025, 2, 1), date(2025, 3, 5))
    same_numbers(got.frame, bars[bars["date"] < "2025-03-05"])
    assert "not archived yet, and no REST is configured: 3 symbols" in " ".join(got.report.notes)
    assert set(got.report.short) == {f"BINANCE:{p}" for p in PAIRS}


def test_a_tail_that_rest_cannot_give_is_a_named_failure_and_the_symbol_stays_listed():
    bars = synthetic("2025-02-01", "2025-03-05")
    files = ArchiveFiles(bars, ArchiveOptions(first_daily_missing=pd.Timestamp("2025-03-05")))
    with archive(files, Rest(bars, fails=("BINANCE:BBB/USDT",)), route="files") as (venue, _):
        got = venue.bars(None, date(2025, 2, 1), date(2025, 3, 5))
        listed = venue.listings(date(2025, 3, 5)).set_index("symbol")["status"]
    assert got.report.failed == {"BINANCE:BBB/USDT": "REST 2025-03-05..2025-03-05: planned"}
    same_numbers(got.frame, bars[bars["symbol"] != "BBB/USDT"])
    assert listed["BINANCE:BBB/USDT"] == "TRADING", "what failed is still expected"


def test_the_cheaper_route_asks_rest_and_falls_back_to_files_where_rest_fails():
    bars = synthetic("2024-06-01", "2025-03-05")
    rest = Rest(bars, fails=("BINANCE:CCC/USDT",), listed=PAIRS[1:])
    with archive(ArchiveFiles(bars), rest) as (venue, server):
        got = venue.bars(None, date(2024, 6, 1), date(2025, 2, 28))
    same_numbers(got.frame, bars[bars["date"] <= "2025-02-28"])
    assert {path.split("/")[5] for path in server.paths} == {"AAAUSDT", "CCCUSDT"}
    assert got.frame.loc[got.frame["symbol"] == "BINANCE:BBB/USDT", "source"].unique().tolist() == ["ccxt:BINANCE"]
    assert "REST failed for 1 symbols" in " ".join(got.report.notes)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named_and_the_others_are_complete(fault):
    bars = synthetic("2024-11-01", "2025-01-31")
    files = ArchiveFiles(bars, ArchiveOptions(faults={"BBBUSDT-1d-2024-12.zip": fault}))
    with archive(files) as (venue, _):
        got = venue.bars(None, date(2024, 11, 1), date(2025, 1, 31))
        listed = venue.listings(date(2024, 12, 20)).set_index("symbol")["status"]
    assert list(got.report.failed) == ["BINANCE:BBB/USDT"]
    assert "BBBUSDT-1d-2024-12.zip" in got.report.failed["BINANCE:BBB/USDT"]
    same_numbers(got.frame, bars[bars["symbol"] != "BBB/USDT"])
    assert listed["BINANCE:BBB/USDT"] == "TRADING", "a file that exists proves that the market was there"


def test_every_symbol_failing_is_an_error():
    bars = synthetic("2024-11-01", "2024-11-30", ("AAA/USDT",))
    files = ArchiveFiles(bars, ArchiveOptions(faults={"AAAUSDT-1d-2024-11.zip": "wrong_checksum"}))
    with archive(files) as (venue, _), pytest.raises(QuantError, match=r"AAAUSDT-1d-2024-11\.zip: sha256 is"):
        venue.bars(None, date(2024, 11, 1), date(2024, 11, 30))


def test_refusals_of_the_server_are_retried_with_bounds_and_counted():
    bars = synthetic("2024-11-01", "2024-12-31")
    files = ArchiveFiles(bars)
    planned = {f"/data/spot/monthly/klines/{m}/1d/{m}-1d-2024-11.zip": n for m, n in (("AAAUSDT", 2), ("BBBUSDT", 9))}
    with archive(files, max_attempts=3, workers=2) as (venue, server):
        plain = server.answer

        def answer(path: str, query: dict[str, str]) -> Answer:
            made = plain(path, query)
            if planned.get(path, 0):
                planned[path] -= 1
                half = Answer(200, made.body[:50], announced=len(made.body))
                return half if planned[path] % 2 else Answer(503, b"busy", {"Retry-After": "0"})
            return made

        server.answer = answer
        got = venue.bars(None, date(2024, 11, 1), date(2024, 12, 31))
    assert list(got.report.failed) == ["BINANCE:BBB/USDT"]
    assert "BBBUSDT-1d-2024-11.zip: no answer after 3 attempts" in got.report.failed["BINANCE:BBB/USDT"]
    assert got.report.attempts == server.total == 4 + (4 + 2) + (3 + 2)
    same_numbers(got.frame, bars[bars["symbol"] != "BBB/USDT"])


def test_what_is_in_the_cache_is_not_asked_again_unless_it_was_damaged(tmp_path):
    bars = synthetic("2024-11-01", "2024-12-31")
    with archive(ArchiveFiles(bars), cache=tmp_path) as (venue, server):
        first = venue.bars(None, date(2024, 11, 1), date(2024, 12, 31))
        asked = server.total
        second = venue.bars(None, date(2024, 11, 1), date(2024, 12, 31))
        assert (asked, server.total, second.report.attempts) == (12, 12, 0)
        victim = next(tmp_path.rglob("BBBUSDT-1d-2024-12.zip"))
        victim.write_bytes(victim.read_bytes()[:-3] + b"...")
        third = venue.bars(None, date(2024, 11, 1), date(2024, 12, 31))
    assert server.total == 14
    for other in (second, third):
        pd.testing.assert_frame_equal(first.frame, other.frame)


FETCHER = """
import os, sys
from datetime import date
from pathlib import Path
from quant_resources.venues.config import ArchiveVenueConfig
from quant_resources.venues.archive import ArchiveVenue
url, cache, out, *pairs = sys.argv[1:]
config = ArchiveVenueConfig(symbols=tuple(pairs), base_url=url, cache=Path(cache), workers=2)
for _ in sys.stdin:
    child = os.fork()
    if not child:
        frame = ArchiveVenue(config).bars(None, date(2023, 1, 1), date(2024, 12, 31)).frame
        frame.drop(columns="ingested_at").to_parquet(out)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "data").write_text("in the way", encoding="utf-8")
    bars = synthetic("2024-12-01", "2024-12-31", ("AAA/USDT",))
    with (
        archive(ArchiveFiles(bars), cache=tmp_path) as (venue, _),
        pytest.raises(UsageError, match="cannot be written"),
    ):
        venue.bars(None, date(2024, 12, 1), date(2024, 12, 31))


def test_a_killed_fetch_goes_on_where_it_was(tmp_path):
    bars = synthetic("2023-01-01", "2024-12-31")
    server = VenueServer(VenueMarket(bars, now_ms=0), routes={"/data/": ArchiveFiles(bars).respond})
    out, kills = tmp_path / "bars.parquet", (2, 9, 21, 34, 50, 67, 81, 104, 127, 150)
    with serving(server) as url:
        command = [sys.executable, "-c", FETCHER, url, str(tmp_path / "cache"), str(out), *PAIRS]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as fetcher:

            def attempt(kill_at: int | None) -> int:
                fetcher.stdin.write("go\n")
                child = int(fetcher.stdout.readline())
                while kill_at is not None and server.total < kill_at:
                    time.sleep(0.0005)
                if kill_at is not None:
                    os.kill(child, signal.SIGKILL)
                return int(fetcher.stdout.readline())

            assert [attempt(kill) for kill in kills] == [-signal.SIGKILL] * len(kills)
            assert not out.exists() and attempt(None) == 0
            fetcher.stdin.close()
    same_numbers(pd.read_parquet(out), bars)
    whole = len(PAIRS) * 24 * 2
    assert whole <= server.total <= whole + len(kills) * 2 * 2, "only files in flight are asked for again"


@pytest.mark.parametrize(
    "block",
    [
        {"symbols": []},
        {"symbols": ["BTC/USDT", "BTC/USDT"]},
        {"symbols": ["BTCUSDT"]},
        {"symbols": ["../../x"]},
        {"symbols": ["BTC/USDT:USDT"]},
        {"symbols": ["BTC/USDT"], "market": "um"},
        {"symbols": ["BTC/USDT"], "base_url": "file:///etc"},
        {"symbols": ["BTC/USDT"], "rest": {"kind": "ccxt", "exchange": "kraken"}},
    ],
)
def test_a_block_that_cannot_work_is_refused(block):
    with pytest.raises(ValueError, match="archive"):
        TypeAdapter(VenueConfig).validate_python({"kind": "archive", **block})


def test_the_block_names_symbols_once_and_its_cache_is_no_configuration(tmp_path):
    block = {"kind": "archive", "symbols": ["BTC/USDT"], "rest": {"kind": "ccxt"}, "cache": str(tmp_path)}
    config = TypeAdapter(VenueConfig).validate_python(block)
    assert config.rest.symbols == ("BTC/USDT",) and config.cache == Path(tmp_path)
    assert "cache" not in config.model_dump()
    venue = build_venue(config)
    assert isinstance(venue, Venue) and (venue.name, venue.data_kind, venue.point_in_time_listings) == (
        "BINANCE", "real", True,
    )  # fmt: skip


def test_files_and_the_real_client_together_give_the_whole_history():
    bars = synthetic("2024-12-01", "2025-03-05")
    late = ArchiveOptions(first_daily_missing=pd.Timestamp("2025-03-04"))
    market = VenueMarket(bars, now_ms=int(NOW.timestamp() * 1_000))
    server = VenueServer(market, routes={"/data/": ArchiveFiles(bars, late).respond})
    with serving(server) as url:
        block = {"kind": "archive", "symbols": list(PAIRS), "base_url": url, "route": "files",
                 "rest": {"kind": "ccxt", "base_url": url, "resume": False}}  # fmt: skip
        venue = build_venue(TypeAdapter(VenueConfig).validate_python(block), clock=lambda: NOW)
        got = venue.bars(None, date(2024, 12, 1), date(2025, 3, 5))
    same_numbers(got.frame, bars)
    assert got.report.failed == {} and got.report.short == {}
    assert got.report.attempts == server.total - server.paths["/api/v3/exchangeInfo"], (
        "bars, not REST's list of markets"
    )
    assert got.frame["source"].value_counts().to_dict() == {"archive:BINANCE": len(bars) - 6, "ccxt:BINANCE": 6}
