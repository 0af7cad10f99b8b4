"""How the local venue misbehaves: shares of faults drawn from a seed, and faults planned for one market."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

DRAWN = (
    "error", "timeout", "malformed", "truncated", "empty", "repeated_page", "repeated_rows", "unsorted", "partial_page",
)  # fmt: skip
STATUSES = (500, 502, 503)


@dataclass
class Faults:
    """Shares of kline requests that go wrong, one fault each; the draw depends on seed, market, start time and how
    often that page was asked, never on the order in which threads arrive.

    `error` 5xx; `timeout` nothing for `hang_seconds`, then the line is cut; `malformed` something that is not the JSON
    asked for, status 200; `truncated` fewer bytes than announced; `empty` []; `repeated_page` the rows before the start
    time asked for; `repeated_rows` some rows twice; `unsorted` rows shuffled; `partial_page` only the first half.
    """

    seed: int = 0
    shares: dict[str, float] = field(default_factory=dict)
    hang_seconds: float = 1.0
    ban_at: int | None = None
    ban_seconds: float = 1.0
    clock_skew_ms: int = 0
    unclosed_bar: bool = False
    """Serve the bar of the running day whatever end time was asked for."""
    ignore_start: bool = False
    page_cap: int = 1_500
    always: dict[str, int] = field(default_factory=dict)
    """Market id or path -> status of every answer."""
    planned: dict[str, list[int]] = field(default_factory=dict)
    """Market id or path -> statuses of its next answers."""
    planned_kinds: dict[str, list[str]] = field(default_factory=dict)
    """Market id -> drawn kinds of its next kline answers, '' for a good one."""
    delisted_after: dict[str, int] = field(default_factory=dict)
    """Market id -> number of its kline requests after which the exchange no longer knows it."""
    revised_after: dict[str, int] = field(default_factory=dict)
    """Market id -> number of its kline requests after which volumes are told a tenth larger."""
    code: int = -1000
    retry_after: float | None = None
    """Retry-After header of the `always` and `planned` answers."""
    drawn: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.shares) - set(DRAWN)):
            raise ValueError(f"unknown faults {unknown}; there are {DRAWN}")

    def draw(self, market: str, start: str, nth: int) -> tuple[str, random.Random]:
        """Return the fault of the `nth` request for a page ('' for none) and a generator for its details."""
        rng = random.Random(f"{self.seed}/{market}/{start}/{nth}")
        planned = self.planned_kinds.get(market)
        kind = planned.pop(0) if planned else self._by_share(rng.random())
        if kind:
            self.drawn[kind] += 1
        return kind, rng

    def _by_share(self, point: float) -> str:
        for kind in DRAWN:
            point -= self.shares.get(kind, 0.0)
            if point < 0:
                return kind
        return ""

    def planned_status(self, name: str) -> int | None:
        """Status that was planned for the next answer to `name`, if any."""
        if name in self.always:
            return self.always[name]
        return self.planned[name].pop(0) if self.planned.get(name) else None


def spoil_rows(kind: str, rows: list[bytes], rng: random.Random) -> list[bytes]:
    """Rows with the fault of their kind in them."""
    if kind == "empty":
        return []
    if kind == "unsorted":
        return rng.sample(rows, len(rows))
    if kind == "repeated_rows" and rows:
        return rows + rng.sample(rows, max(1, len(rows) // 10))
    if kind == "partial_page":
        return rows[: max(1, len(rows) // 2)]
    return rows


def spoil_body(body: bytes, rng: random.Random) -> bytes:
    """A body that is not what was asked for: cut JSON, a page of a proxy, an object, rows cut short."""
    return rng.choice(
        [
            body[: max(1, len(body) // 2)],
            b"<html><body>busy</body></html>",
            b'{"message": "try later"}',
            b'[[1577836800000,"1.0","2.0"]]',
            b"",
        ]
    )
