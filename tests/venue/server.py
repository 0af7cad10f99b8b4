"""A local HTTP server that answers like Binance's public interface, enforces its weights, and misbehaves as told.

In a test: `with serving(VenueServer(market)) as url`. As a process of its own:
`python -m tests.venue.server --bars FILE --port 0` prints its address; `GET /_log` tells what it saw.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from tests.venue.faults import STATUSES, Faults, spoil_body, spoil_rows
from tests.venue.market import DAY_MS, Klines, VenueMarket
from tests.venue.weights import WeightGate, spot_weight, swap_weight

KINDS = {"/api/v3/": "spot", "/fapi/v1/": "swap"}
PAGE_LIMITS = {"spot": 1_000, "swap": 1_500}
Route = Callable[[str], bytes | None]


@dataclass
class Answer:
    """What goes over the wire; `announced` bytes more than the body mean a line that is cut."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    hang: float = 0.0


def error(status: int, code: int, message: str, **headers: str) -> Answer:
    """An error in the exchange's shape."""
    return Answer(status, json.dumps({"code": code, "msg": message}).encode(), headers)


@dataclass
class VenueServer:
    """The exchange: its market, gate and faults, and a count of what was asked.

    `routes` maps a path's beginning to a function of the path that returns the body or None (404); `on_request` is
    called with the running number of each request before it is answered.
    """

    market: VenueMarket
    gate: WeightGate = field(default_factory=WeightGate)
    faults: Faults = field(default_factory=Faults)
    routes: Mapping[str, Route] = field(default_factory=dict)
    on_request: Callable[[int], None] | None = None
    total: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    pages: Counter[tuple[str, str]] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """Count, weigh and answer one request."""
        if path == "/_log":
            return Answer(200, json.dumps(self.log()).encode())
        for beginning, route in self.routes.items():
            if path.startswith(beginning):
                return self._routed(path, route)
        kind = next((kind for beginning, kind in KINDS.items() if path.startswith(beginning)), None)
        if kind is None:
            return error(404, -1, f"no such path {path}")
        number = self._count(path, query)
        if number == self.faults.ban_at:
            self.gate.ban(kind, self.faults.ban_seconds)
        weight = spot_weight(path, query) if kind == "spot" else swap_weight(path, query)
        status, used, wait = self.gate.admit(kind, weight)
        if status == 200:
            made = self._made(kind, path, query)
        else:
            made = error(status, -1003, "Way too much request weight used.", **{"Retry-After": str(-int(-wait // 1))})
        made.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        return made

    def log(self) -> dict[str, Any]:
        """What the server saw: requests, weights, refusals, violations, faults."""
        return {
            "requests": self.total, "by_market": dict(self.requests), "paths": dict(self.paths),
            "limits": dict(self.limits), "weight": self.gate.total, "faults": dict(self.faults.drawn),
            "refusals": [asdict(refusal) for refusal in self.gate.refusals],
            "violations": [asdict(refusal) for refusal in self.gate.violations],
        }  # fmt: skip

    def _routed(self, path: str, route: Route) -> Answer:
        with self._lock:
            self.total += 1
            self.paths[path] += 1
        body = route(path)
        return error(404, -1, f"no such file {path}") if body is None else Answer(200, body)

    def _count(self, path: str, query: dict[str, str]) -> int:
        with self._lock:
            self.total += 1
            self.paths[path] += 1
            self.requests[query.get("symbol", path)] += 1
            if path.endswith("/klines"):
                self.limits[query.get("limit", "500")] += 1
            number = self.total
        if self.on_request is not None:
            self.on_request(number)
        return number

    def _made(self, kind: str, path: str, query: dict[str, str]) -> Answer:
        planned = self.faults.planned_status(query.get("symbol", path))
        if planned is not None:
            waits = {} if self.faults.retry_after is None else {"Retry-After": f"{self.faults.retry_after:g}"}
            return error(planned, self.faults.code, "planned failure", **waits)
        what = path.partition("/v3/" if kind == "spot" else "/v1/")[2]
        if what == "time":
            return Answer(200, json.dumps({"serverTime": self.market.now_ms + self.faults.clock_skew_ms}).encode())
        if what == "exchangeInfo":
            return Answer(200, self.market.exchange_info(kind, self.gate.limits[kind]))
        if what == "ticker/24hr":
            return Answer(200, self.market.ticker_24h(kind))
        if what == "klines":
            return self._klines(kind, query)
        return error(404, -1, f"no such path {path}")

    def _klines(self, kind: str, query: dict[str, str]) -> Answer:
        market, start = query["symbol"], query.get("startTime", "")
        klines = self.market.klines(kind, market)
        gone_after = self.faults.delisted_after.get(market)
        if klines is None or (gone_after is not None and self.requests[market] > gone_after):
            return error(400, -1121, "Invalid symbol.")
        with self._lock:
            self.pages[market, start] += 1
            fault, rng = self.faults.draw(market, start, self.pages[market, start])
        if fault == "error":
            return error(rng.choice(STATUSES), -1000, "drawn failure")
        rows = self._rows(kind, klines, query, repeat=fault == "repeated_page")
        if self.requests[market] > self.faults.revised_after.get(market, self.requests[market]):
            rows = [_revised(row) for row in rows]
        body = b"[" + b",".join(spoil_rows(fault, rows, rng)) + b"]"
        if fault == "malformed":
            body = spoil_body(body, rng)
        if fault == "truncated":
            return Answer(200, body[: len(body) // 2], announced=len(body))
        return Answer(200, body, hang=self.faults.hang_seconds if fault == "timeout" else 0.0)

    def _rows(self, kind: str, klines: Klines, query: dict[str, str], repeat: bool) -> list[bytes]:
        start, end = (int(query[name]) if name in query else None for name in ("startTime", "endTime"))
        limit = min(int(query.get("limit", "500")), PAGE_LIMITS[kind], self.faults.page_cap)
        if self.faults.unclosed_bar:
            end = None
        if self.faults.ignore_start:
            start = 0
        if repeat and start is not None:
            start, end = start - limit * DAY_MS, start - 1
        last = self.market.now_ms if end is None else min(end, self.market.now_ms)
        return klines.select(start, last, limit)


def _revised(row: bytes) -> bytes:
    values = json.loads(row)
    values[5], values[7] = (repr(float(values[k]) * 1.1) for k in (5, 7))
    return json.dumps(values).encode()


def _handler(server: VenueServer, stopping: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answer = server.answer(parts.path, dict(parse_qsl(parts.query)))
            if answer.hang and not stopping.wait(answer.hang):
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(answer.announced or len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            self.close_connection = self.close_connection or answer.announced is not None

        def log_message(self, *_: object) -> None:
            return

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True  # the client gave up or was killed, as some tests want it to be

    return Handler


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(server: VenueServer, port: int = 0) -> Iterator[str]:
    """Serve on a loopback port (0: a free one); yields the base address."""
    stopping = threading.Event()
    listener = _Listener(("127.0.0.1", port), _handler(server, stopping))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        stopping.set()
        listener.shutdown()
        listener.server_close()


def archive_routes(bars: pd.DataFrame) -> dict[str, Route]:
    """The archive's files below /data/, made from the same bars, where that part is there."""
    if importlib.util.find_spec("tests.venue.archive") is None:
        return {}
    respond = importlib.import_module("tests.venue.archive").respond
    return {"/data/": lambda path: respond(path, bars)}


def main(arguments: list[str] | None = None) -> None:
    """Serve the bars of a Parquet file until the input ends, so that it never outlives who started it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--now-ms", type=int, default=0)
    parser.add_argument("--faults", default="{}", help="JSON of the fields of Faults")
    given = parser.parse_args(arguments)
    bars = pd.read_parquet(given.bars)
    market = VenueMarket(bars, now_ms=given.now_ms)
    server = VenueServer(market, faults=Faults(**json.loads(given.faults)), routes=archive_routes(bars))
    with serving(server, given.port) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
