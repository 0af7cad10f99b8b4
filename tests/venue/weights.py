"""The exchange's request weights as its documentation states them, and the gate that enforces them per minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SPOT_LIMIT, SWAP_LIMIT = 6_000, 2_400
DEFAULT_LIMITS = {"spot": SPOT_LIMIT, "swap": SWAP_LIMIT}
STRIKES_UNTIL_BAN = 20
"""Requests sent into a 429 before it becomes a 418."""


def spot_weight(path: str, query: dict[str, str]) -> int:
    """Weight of a request below /api/v3."""
    if path.endswith("/ticker/24hr"):
        return 2 if "symbol" in query else 80
    return {"exchangeInfo": 20, "klines": 2}.get(path.rpartition("/")[2], 1)


def swap_weight(path: str, query: dict[str, str]) -> int:
    """Weight of a request below /fapi/v1: a kline request costs by its limit."""
    if path.endswith("/ticker/24hr"):
        return 1 if "symbol" in query else 40
    if not path.endswith("/klines"):
        return 1
    limit = int(query.get("limit", "500"))
    if limit < 100:
        return 1
    if limit < 500:
        return 2
    return 5 if limit <= 1_000 else 10


@dataclass(frozen=True)
class Refusal:
    """A request the gate did not let through: `late` is how long after the first refusal it was sent."""

    kind: str
    status: int
    rule: str
    used: int
    late: float


@dataclass
class WeightGate:
    """Counts weights per fixed window and kind of market; over the limit 429, ignoring that 418.

    `violations` holds what a well-behaved client never causes. A ban that a test planned is no violation itself, and
    requests that were on their way when it fell are only `refusals`; one sent `grace` seconds later is a violation.
    """

    limits: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    window_seconds: float = 60.0
    ban_seconds: float = 120.0
    grace: float = 0.5
    clock: Callable[[], float] = time.time
    refusals: list[Refusal] = field(default_factory=list)
    violations: list[Refusal] = field(default_factory=list)
    total: dict[str, int] = field(default_factory=dict)
    _used: dict[tuple[str, int], int] = field(default_factory=dict)
    _closed: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    _strikes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ban(self, kind: str, seconds: float) -> None:
        """Refuse everything of `kind` with 418 for `seconds`, as a test ordered."""
        with self._lock:
            self._closed[kind] = (self.clock(), self.clock() + seconds, 418)

    def admit(self, kind: str, weight: int) -> tuple[int, int, float]:
        """Return (status, weight used in this window, seconds to wait) of a request."""
        with self._lock:
            now = self.clock()
            window = int(now // self.window_seconds)
            used = self._used[(kind, window)] = self._used.get((kind, window), 0) + weight
            self.total[kind] = self.total.get(kind, 0) + weight
            since, until, status = self._closed.get(kind, (0.0, 0.0, 200))
            if now < until:
                return self._refuse_again(kind, status, used, now - since, until - now)
            if used <= self.limits[kind]:
                return 200, used, 0.0
            until = (window + 1) * self.window_seconds
            self._closed[kind], self._strikes = (now, until, 429), 0
            refusal = Refusal(kind, 429, f"more than {self.limits[kind]} a window", used, 0.0)
            self.refusals.append(refusal)
            self.violations.append(refusal)
            return 429, used, until - now

    def _refuse_again(self, kind: str, status: int, used: int, late: float, wait: float) -> tuple[int, int, float]:
        self._strikes += 1
        if status == 429 and self._strikes >= STRIKES_UNTIL_BAN:
            status, wait, now = 418, self.ban_seconds, self.clock()
            self._closed[kind] = (now, now + wait, 418)
        refusal = Refusal(kind, status, "sent while told to wait", used, late)
        self.refusals.append(refusal)
        if late > self.grace:
            self.violations.append(refusal)
        return status, used, wait
