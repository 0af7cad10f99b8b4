"""A fetch from the venue, killed without warning at any request and started again, ends like an undisturbed one."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tests.venue.faults import Faults
from tests.venue.market import VenueMarket
from tests.venue.server import VenueServer, serving

KILLS = 6
SYMBOLS, DAYS = 12, 400
PAGE = 100
FIRST = date(2023, 1, 1)


def synthetic_market() -> pd.DataFrame:
    rng = np.random.default_rng(17)
    days = pd.date_range(FIRST, periods=DAYS, freq="D", unit="us")
    frames = []
    for k in range(SYMBOLS):
        close = np.exp(np.cumsum(rng.normal(0, 0.03, DAYS)))
        frames.append(pd.DataFrame({"symbol": f"C{k:02d}/USDT", "date": days, "open": close, "high": close * 1.1,
                                    "low": close * 0.9, "close": close, "volume": close * 7,
                                    "quote_volume": close * close * 7, "trades": 5.0}))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def fetch(url: str, staging: str, result: str) -> None:
    """Body of the process that is killed."""
    from quant_resources.venues.ccxt_venue import CcxtVenue
    from quant_resources.venues.config import CcxtVenueConfig

    config = CcxtVenueConfig(
        base_url=url, staging=Path(staging), page_size=PAGE, workers=4, retry_wait_seconds=0.005, max_attempts=6
    )
    answer = CcxtVenue(config).bars(None, FIRST, date(2024, 12, 31))
    assert answer.report.failed == {}
    answer.frame.to_parquet(result)


class KillingServer:
    """A server that kills the process which asks, when a request of its choice arrives."""

    def __init__(self, bars: pd.DataFrame, faults: Faults) -> None:
        self.server = VenueServer(VenueMarket(bars), faults=faults, on_request=self._seen)
        self.target: int | None = None
        self.at = 0
        self._lock = threading.Lock()

    def _seen(self, number: int) -> None:
        with self._lock:
            if self.target is not None and number >= self.at:
                os.kill(self.target, signal.SIGKILL)
                self.target = None


def processes() -> multiprocessing.context.ForkServerContext:
    """Forked from one warm process without threads: a hundred of them cost little."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ccxt", "pyarrow", "quant_resources.venues.ccxt_venue"])
    return context


def run(url: str, folder: Path, killer: KillingServer, at: int | None) -> bool:
    """Fetch in a process of its own, killed at its `at`-th request; True if it came to its end."""
    process = processes().Process(target=fetch, args=(url, str(folder / "staging"), str(folder / "bars.parquet")))
    with killer._lock:
        process.start()
        killer.at = killer.server.total + (at or 0)
        killer.target = process.pid if at is not None else None
    process.join(120)
    with killer._lock:
        killer.target = None
    return process.exitcode == 0


def killed_and_finished(folder: Path, kills: int, faults: Faults, seed: int) -> tuple[pd.DataFrame, KillingServer, int]:
    """Kill `kills` fetches (forgetting a finished one's result), then let one finish. Bars, server, number killed."""
    folder.mkdir(exist_ok=True)
    rng = random.Random(seed)
    bars = synthetic_market()
    killer = KillingServer(bars, faults)
    killed = 0
    with serving(killer.server) as url:
        for _ in range(kills):
            done = run(url, folder, killer, at=rng.randint(1, 25))
            killed += not done
        assert run(url, folder, killer, at=None)
    return pd.read_parquet(folder / "bars.parquet"), killer, killed


def test_a_fetch_killed_at_any_request_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed, _, _ = killed_and_finished(tmp_path / "plain", 0, Faults(), 1)
    frame, killer, killed = killed_and_finished(tmp_path / "killed", KILLS, Faults(seed=2, shares={"error": 0.05}), 2)
    assert killed >= 4
    pd.testing.assert_frame_equal(frame, undisturbed, check_exact=True)
    assert len(frame) == SYMBOLS * DAYS
    pages = -(-DAYS // PAGE)
    errors = killer.server.faults.drawn["error"]
    for market, asked in killer.server.requests.items():
        if market.startswith("C"):
            assert asked <= pages * (killed + 1) + errors
    total = sum(n for name, n in killer.server.requests.items() if name.startswith("C"))
    in_flight = killed * 4 * pages
    assert total <= SYMBOLS * pages + in_flight + errors, "what was finished before a kill is not asked again"
    assert killer.server.gate.violations == []
