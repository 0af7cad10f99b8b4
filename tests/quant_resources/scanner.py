"""A scanner on loopback: it answers a request as the public one would, from a table of synthetic or constructed rows.

``faults`` are what it does instead for the first requests: a status code, or a body that is sent as it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Row = dict[str, Any]


@dataclass
class Scanner:
    """The rows that it has, what goes wrong, and the requests that it saw."""

    rows: list[Row]
    faults: list[int | str] = field(default_factory=list)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        self.seen.append((path, body))
        if self.faults:
            fault = self.faults.pop(0)
            return (fault, "{}") if isinstance(fault, int) else (200, fault)
        found = [row for row in self.rows if all(_holds(row, rule) for rule in body["filter"])]
        order = body["sort"]
        found.sort(key=lambda row: row[order["sortBy"]], reverse=order["sortOrder"] == "desc")
        first, end = body["range"]
        data = [{"s": row["s"], "d": [row[name] for name in body["columns"]]} for row in found[first:end]]
        return 200, json.dumps({"totalCount": len(found), "data": data})


def _holds(row: Row, rule: dict[str, Any]) -> bool:
    value, right = row[rule["left"]], rule["right"]
    return {"equal": value == right, "in_range": isinstance(right, list) and value in right}[rule["operation"]]


@contextmanager
def serving(rows: list[Row], *faults: int | str) -> Iterator[Scanner]:
    """Serve the rows on a free port until the block ends."""
    scanner = Scanner(rows, list(faults))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, text = scanner.answer(self.path, body)
            payload = text.encode()
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scanner.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield scanner
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def row(name: str, quote: str = "USDT", kind: str = "spot", rating: float | None = 0.5, value: float = 1e6) -> Row:
    """One synthetic market as the scanner knows it."""
    ticker = f"BINANCE:{name}{quote}{'.P' if kind == 'swap' else ''}"
    figures = {"close": 2.0, "Volatility.D": 3.0, "ADX": 20.0, "RSI": 55.0}
    ratings = {"Recommend.MA": rating, "Recommend.Other": rating, "Recommend.All": rating}
    names = {"s": ticker, "exchange": "BINANCE", "type": kind, "base_currency": name, "currency": quote}
    return {**names, "Value.Traded": value, **figures, **ratings}
