"""The bucket of request weight: whatever workers do, no window of the exchange ever sees more than the allowance."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import QuantError
from quant_resources.venues.ccxt_weights import (
    SWAP_PAGE,
    SWAP_SMALL_PAGE,
    binance_pool,
    binance_weight,
    swap_kline_weight,
    swap_page,
)
from quant_resources.venues.pacing import PacingStopped, WeightBudget, shared_budget
from tests.venue.weights import spot_weight, swap_weight

WINDOW = 60.0


class Simulation:
    """Requests that overlap in simulated time: each ends some time after it was let go and arrives in between."""

    def __init__(self, capacity: int, spacing: float = 0.0) -> None:
        self.now = 0.0
        self.flying: list[tuple[float, ExitStack]] = []
        self.arrivals: list[tuple[float, int]] = []
        self.budget = WeightBudget(capacity, WINDOW, spacing, clock=lambda: self.now, sleep=self.advance)

    def advance(self, seconds: float) -> None:
        assert seconds > 0
        until = self.now + seconds
        for end, request in sorted((f for f in self.flying if f[0] <= until), key=lambda f: f[0]):
            self.now = max(self.now, end)
            request.close()
        self.flying = [f for f in self.flying if f[0] > until]
        self.now = until

    def send(self, weight: int, lasts: float, arrives: float) -> None:
        request = ExitStack()
        request.enter_context(self.budget.spending(weight))
        self.arrivals.append((self.now + arrives * lasts, weight))
        self.flying.append((self.now + lasts, request))


requests = st.lists(
    st.tuples(st.integers(1, 10), st.floats(0.001, 20.0), st.floats(0, 1), st.floats(0, 5)), min_size=1, max_size=80
)


@given(requests, st.integers(10, 40))
@settings(max_examples=60, deadline=None)
def test_no_window_of_the_exchange_sees_more_than_the_capacity(wanted, capacity):
    simulation = Simulation(capacity)
    for weight, lasts, arrives, pause in wanted:
        if pause > 0.001:
            simulation.advance(pause)
        simulation.send(weight, lasts, arrives)
    moments = sorted(simulation.arrivals)
    for start, _ in moments:
        assert sum(weight for moment, weight in moments if start <= moment < start + WINDOW) <= capacity


def test_what_fits_goes_at_once_and_what_does_not_waits_for_the_oldest():
    simulation = Simulation(10)
    for _ in range(5):
        simulation.send(2, 0.1, 0.5)
    assert simulation.now == 0.0
    simulation.advance(1.0)
    simulation.send(2, 0.1, 0.5)
    assert simulation.now == pytest.approx(WINDOW + 0.1)


def test_the_exchange_s_own_count_is_taken_over_once():
    simulation = Simulation(100)
    with simulation.budget.spending(2):
        simulation.budget.reconcile(90)
    with simulation.budget.spending(2):
        simulation.budget.reconcile(92)
    assert simulation.budget.spent() == 92
    simulation.send(8, 0.1, 0.0)
    simulation.send(2, 0.1, 0.0)
    assert simulation.now >= WINDOW, "88 of somebody else's and 12 of ours fill the minute"


def test_a_pause_holds_everybody_and_spacing_keeps_requests_apart():
    simulation = Simulation(100, spacing=2.0)
    simulation.budget.pause(30.0)
    simulation.budget.pause(3.0)
    simulation.send(1, 0.1, 0.0)
    assert simulation.now == 30.0
    simulation.send(1, 0.1, 0.0)
    assert simulation.now == 32.0


def test_waiting_ends_with_the_reason_to_stop_and_the_impossible_is_refused():
    budget = WeightBudget(5)
    budget.pause(3_600.0)
    reasons: list[str] = []
    stop = threading.Event()

    def wait() -> None:
        with pytest.raises(PacingStopped, match="gone"), budget.spending(1, lambda: "gone" if stop.is_set() else None):
            raise AssertionError("must not run")
        reasons.append("told")

    worker = threading.Thread(target=wait)
    worker.start()
    stop.set()
    worker.join(10)
    assert reasons == ["told"]
    with pytest.raises(QuantError, match="weight 6 exceeds"), budget.spending(6):
        pass
    with pytest.raises(ValueError, match="lets no request pass"):
        WeightBudget(0)


def test_two_venues_at_one_address_share_one_bucket():
    assert shared_budget("127.0.0.1:1 spot", 100) is shared_budget("127.0.0.1:1 spot", 100)
    assert shared_budget("127.0.0.1:1 spot", 100) is not shared_budget("127.0.0.1:1 swap", 100)


@given(st.sampled_from(["klines", "exchangeInfo", "time"]), st.integers(1, 1_500))
def test_our_weights_are_the_server_s(what, limit):
    query = {"limit": str(limit)}
    for path, pool, weigh in (("/api/v3/", "spot", spot_weight), ("/fapi/v1/", "swap", swap_weight)):
        url = f"http://x{path}{what}?limit={limit}"
        assert (binance_pool(url), binance_weight(url)) == (pool, weigh(path + what, query))


@given(st.integers(1, 6_000))
def test_no_other_page_size_costs_less_for_a_perpetual(days):
    def cost(page: int) -> int:
        return -(-days // page) * swap_kline_weight(page)

    def walked() -> int:
        left, weight = days, 0
        while left > 0:
            weight += swap_kline_weight(swap_page(left))
            left -= swap_page(left)
        return weight

    assert walked() <= min(cost(page) for page in (SWAP_PAGE, 1_000, 1_500))
    assert swap_page(SWAP_SMALL_PAGE) == SWAP_SMALL_PAGE and swap_page(SWAP_SMALL_PAGE + 1) == SWAP_PAGE
