"""One bucket of request weight for all workers: nothing is sent that could exceed what the exchange allows a minute.

The exchange counts what *arrives* in a window whose edges are not known here. So a request is held against the bucket
from the moment it is let go until a whole window after its answer: whatever lies between the two, any window of the
exchange then holds at most the capacity. Belongs here: the bucket and the weights. Does not belong here: any request.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quant_assets.errors import QuantError

WINDOW_SECONDS = 60.0
_RECHECK_SECONDS = 0.5


class PacingStopped(QuantError):
    """The bucket was closed while a worker waited for it; the message says why."""


class WeightBudget:
    """`capacity` weight in any `window` seconds, shared by threads; at least `spacing` seconds between two requests.

    `clock` is monotonic seconds and `sleep` waits; both are injected, so that a test needs no time.
    """

    def __init__(
        self,
        capacity: int,
        window: float = WINDOW_SECONDS,
        spacing: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity} lets no request pass")
        self.capacity = capacity
        self._window, self._spacing, self._clock, self._sleep = window, spacing, clock, sleep
        self._changed = threading.Condition()
        self._done: deque[tuple[float, int]] = deque()
        self._done_weight = 0
        self._in_flight = 0
        self._next_start = 0.0
        self._paused_until = 0.0

    @contextmanager
    def spending(self, weight: int, stopped: Callable[[], str | None] = lambda: None) -> Iterator[None]:
        """Wait until `weight` fits and no pause holds, then run the body; its weight counts for a window after it.

        `stopped` is asked while waiting: a reason ends the wait with PacingStopped. QuantError for a weight that can
        never fit.
        """
        if weight > self.capacity:
            raise QuantError(
                f"a request of weight {weight} exceeds the allowance of {self.capacity} a minute; raise it"
            )
        self._take(weight, stopped)
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= weight
                self._keep(weight)
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nothing go for `seconds` from now (an earlier, longer pause stays)."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def reconcile(self, used: int) -> None:
        """Take over the exchange's own count of this window: what exceeds ours, somebody else on this address spent.

        Call it inside `spending`, so that the request whose answer tells the count is part of ours.
        """
        with self._changed:
            foreign = used - self._spent(self._clock())
            if foreign > 0:
                self._keep(foreign)

    def spent(self) -> int:
        """Weight that counts against the capacity now."""
        with self._changed:
            return self._spent(self._clock())

    def _keep(self, weight: int) -> None:
        self._done.append((self._clock(), weight))
        self._done_weight += weight

    def _spent(self, now: float) -> int:
        while self._done and self._done[0][0] + self._window <= now:
            self._done_weight -= self._done.popleft()[1]
        return self._in_flight + self._done_weight

    def _take(self, weight: int, stopped: Callable[[], str | None]) -> None:
        while True:
            with self._changed:
                if reason := stopped():
                    raise PacingStopped(reason)
                now = self._clock()
                wait = self._wait_for(weight, now)
                if wait <= 0:
                    self._in_flight += weight
                    self._next_start = now + self._spacing
                    return
                if self._sleep is None:
                    self._changed.wait(min(wait, _RECHECK_SECONDS))
            if self._sleep is not None:
                self._sleep(wait)

    def _wait_for(self, weight: int, now: float) -> float:
        """Seconds until it is worth looking again; 0 when `weight` may go now."""
        held = max(self._paused_until, self._next_start) - now
        if held > 0:
            return held
        excess = self._spent(now) + weight - self.capacity
        for moment, done in self._done:
            if excess <= 0:
                return 0.0
            excess -= done
            if excess <= 0:
                return moment + self._window - now
        return 0.0 if excess <= 0 else _RECHECK_SECONDS


_BUDGETS: dict[tuple[str, int, float], WeightBudget] = {}
_BUDGETS_LOCK = threading.Lock()


def shared_budget(pool: str, capacity: int, spacing: float = 0.0) -> WeightBudget:
    """Return this process's one bucket for `pool` (an address and a kind of market): two venues there share it."""
    with _BUDGETS_LOCK:
        return _BUDGETS.setdefault((pool, capacity, spacing), WeightBudget(capacity, spacing=spacing))
