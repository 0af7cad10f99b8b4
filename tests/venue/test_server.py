"""The local venue server keeps the exchange's own rules: shapes, weights, refusals. Tests of clients stand on it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.venue.faults import Faults
from tests.venue.market import DAY_MS, VenueMarket, rename_ticker, reuse_ticker
from tests.venue.server import VenueServer, serving
from tests.venue.weights import STRIKES_UNTIL_BAN, WeightGate, spot_weight, swap_weight

FIRST_MS = 1_704_067_200_000


def synthetic_bars(*symbols: str, days: int = 10) -> pd.DataFrame:
    dates = pd.date_range("2024-01-01", periods=days, unit="us")
    values = np.arange(1.0, days + 1)
    prices = {name: values for name in ("open", "high", "low", "close", "volume", "quote_volume", "trades")}
    return pd.concat([pd.DataFrame({"symbol": s, "date": dates, **prices}) for s in symbols], ignore_index=True)


def get(url: str) -> tuple[int, Any, dict[str, str]]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused), dict(refused.headers)


@pytest.fixture
def server() -> VenueServer:
    return VenueServer(VenueMarket(synthetic_bars("BTC/USDT", "OLD/USDT", "BTC/USDT:USDT")))


@pytest.fixture
def url(server: VenueServer) -> Iterator[str]:
    with serving(server) as address:
        yield address


def test_klines_have_the_exchange_s_shape_and_paging(url):
    status, rows, headers = get(f"{url}/api/v3/klines?symbol=BTCUSDT&interval=1d&startTime={FIRST_MS + 1}&limit=3")
    assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, "2")
    assert [row[0] for row in rows] == [FIRST_MS + k * DAY_MS for k in (1, 2, 3)]
    assert all(len(row) == 12 and isinstance(row[4], str) and row[6] == row[0] + DAY_MS - 1 for row in rows)
    _, newest, _ = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1d&limit=2")
    assert [row[0] for row in newest] == [FIRST_MS + k * DAY_MS for k in (8, 9)]


def test_markets_time_and_tickers_are_told(server, url):
    server.market.status["OLDUSDT"] = "BREAK"
    _, spot, _ = get(f"{url}/api/v3/exchangeInfo")
    _, swap, _ = get(f"{url}/fapi/v1/exchangeInfo")
    assert {m["symbol"]: m["status"] for m in spot["symbols"]} == {"BTCUSDT": "TRADING", "OLDUSDT": "BREAK"}
    assert [m["contractType"] for m in swap["symbols"]] == ["PERPETUAL"]
    assert [spot["rateLimits"][0]["limit"], swap["rateLimits"][0]["limit"]] == [6_000, 2_400]
    assert get(f"{url}/api/v3/time")[1] == {"serverTime": FIRST_MS + 10 * DAY_MS + 3_600_000}
    assert {t["symbol"]: t["lastPrice"] for t in get(f"{url}/api/v3/ticker/24hr")[1]} == {
        "BTCUSDT": "10.0", "OLDUSDT": "10.0",
    }  # fmt: skip
    assert get(f"{url}/api/v3/klines?symbol=NONE&interval=1d")[:2] == (400, {"code": -1121, "msg": "Invalid symbol."})
    assert get(f"{url}/other")[0] == 404


@pytest.mark.parametrize(("limit", "weight"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1_000, 5), (1_001, 10)])
def test_a_page_of_a_perpetual_weighs_by_its_limit(limit, weight):
    assert swap_weight("/fapi/v1/klines", {"limit": str(limit)}) == weight
    assert spot_weight("/api/v3/klines", {"limit": str(limit)}) == 2


def test_over_the_limit_is_429_ignoring_it_418_and_both_end():
    now = [0.0]
    gate = WeightGate(limits={"spot": 10, "swap": 10}, ban_seconds=100.0, clock=lambda: now[0])
    assert [gate.admit("spot", 5)[0] for _ in range(2)] == [200, 200]
    now[0] = 20.0
    assert gate.admit("spot", 1) == (429, 11, 40.0)
    assert gate.admit("swap", 1)[0] == 200, "another interface has its own count"
    now[0] = 21.0
    statuses = [gate.admit("spot", 1)[0] for _ in range(STRIKES_UNTIL_BAN)]
    assert statuses == [429] * (STRIKES_UNTIL_BAN - 1) + [418]
    assert len(gate.violations) == 1 + STRIKES_UNTIL_BAN
    now[0] = 120.0
    assert gate.admit("spot", 1)[0] == 418
    now[0] = 121.5
    assert gate.admit("spot", 1)[0] == 200


def test_a_planned_ban_forgives_only_what_was_on_its_way():
    now = [0.0]
    gate = WeightGate(clock=lambda: now[0])
    gate.ban("spot", 5.0)
    now[0] = 0.2
    assert gate.admit("spot", 2)[0] == 418 and gate.violations == []
    now[0] = 2.0
    assert gate.admit("spot", 2)[0] == 418 and len(gate.violations) == 1
    now[0] = 5.1
    assert gate.admit("spot", 2)[0] == 200


def test_faults_do_not_depend_on_the_order_of_requests():
    shares = {"error": 0.3, "empty": 0.2}
    pages = [(market, str(start), nth) for market in "ABC" for start in range(30) for nth in (1, 2)]
    first, second = Faults(seed=4, shares=shares), Faults(seed=4, shares=shares)
    forward = {page: first.draw(*page)[0] for page in pages}
    backward = {page: second.draw(*page)[0] for page in reversed(pages)}
    assert forward == backward
    assert 0.3 < sum(kind != "" for kind in forward.values()) / len(pages) < 0.7
    with pytest.raises(ValueError, match="unknown faults"):
        Faults(shares={"gremlins": 0.1})


def test_a_renamed_and_a_re_used_ticker():
    bars = synthetic_bars("AAA/USDT", days=40)
    renamed = rename_ticker(bars, "AAA/USDT", "BBB/USDT", "2024-01-21")
    assert renamed.groupby("symbol").size().to_dict() == {"AAA/USDT": 20, "BBB/USDT": 20}
    reused = reuse_ticker(bars, "AAA/USDT", "2024-01-31", gap_days=10, factor=100.0)
    assert len(reused) == 30
    assert reused["close"].tolist() == [*range(1, 21), *(100.0 * k for k in range(31, 41))]


def test_other_paths_are_routed(server, url):
    server.routes = {"/data/": lambda path: b"{}" if path == "/data/a.zip" else None}
    assert get(f"{url}/data/a.zip")[:2] == (200, {})
    assert get(f"{url}/data/b.zip")[0] == 404


def test_as_a_process_it_serves_until_its_input_ends(tmp_path: Path):
    synthetic_bars("BTC/USDT").to_parquet(tmp_path / "bars.parquet")
    command = [sys.executable, "-m", "tests.venue.server", "--bars", str(tmp_path / "bars.parquet")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdin is not None and process.stdout is not None
        address = process.stdout.readline().strip()
        assert get(f"{address}/api/v3/time")[0] == 200
        log = get(f"{address}/_log")[1]
        process.stdin.close()
        assert process.wait(20) == 0
    assert (log["requests"], log["weight"], log["violations"]) == (1, {"spot": 1}, [])
