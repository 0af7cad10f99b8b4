"""A local HTTP server that answers like Binance's public spot API, with faults that a test can order."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DAY_MS = 86_400_000


def kline(open_ms: int, close: float = 100.0, microseconds: bool = False) -> list[object]:
    """One kline in the recorded shape: prices as strings, times and trades as integers."""
    unit = 1_000 if microseconds else 1
    return [
        open_ms * unit, f"{close:.8f}", f"{close * 1.1:.8f}", f"{close * 0.9:.8f}", f"{close:.8f}", "10.00000000",
        (open_ms + DAY_MS) * unit - 1, f"{close * 10:.8f}", 617, "5.00000000", f"{close * 5:.8f}", "0",
    ]  # fmt: skip


@dataclass
class Exchange:
    """What the server knows and how it misbehaves."""

    symbols: dict[str, list[list[object]]]
    now_ms: int
    faults: dict[str, list[int]] = field(default_factory=dict)
    always_failing: dict[str, int] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    fault_code: int = -1000
    ignore_start: bool = False
    page_cap: int = 1_000
    requests: Counter = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, object]:
        self.paths.append(path)
        symbol = query.get("symbol", path)
        self.requests[symbol] += 1
        if symbol in self.always_failing:
            return self.always_failing[symbol], {"code": self.fault_code, "msg": "planned failure"}
        if self.faults.get(symbol):
            return self.faults[symbol].pop(0), {"code": self.fault_code, "msg": "planned failure"}
        if path == "/api/v3/time":
            return 200, {"serverTime": self.now_ms}
        if path == "/api/v3/exchangeInfo":
            return 200, {"timezone": "UTC", "serverTime": self.now_ms, "rateLimits": [], "exchangeFilters": [],
                         "symbols": [self.market(symbol) for symbol in self.symbols]}  # fmt: skip
        if path == "/api/v3/klines":
            return 200, self.klines(query)
        return 404, {"code": -1, "msg": f"no such path {path}"}

    def klines(self, query: dict[str, str]) -> list[list[object]]:
        start = 0 if self.ignore_start else int(query["startTime"])
        end, limit = int(query["endTime"]), min(int(query["limit"]), self.page_cap)
        rows = [row for row in self.symbols[query["symbol"]] if start <= self.open_ms(row) <= end]
        return rows[:limit]

    @staticmethod
    def open_ms(row: list[object]) -> int:
        opened = int(str(row[0]))
        return opened // 1_000 if opened > 10**14 else opened

    def market(self, symbol: str) -> dict[str, object]:
        base = symbol.removesuffix("USDT")
        return {
            "symbol": symbol, "status": self.status.get(symbol, "TRADING"), "baseAsset": base, "quoteAsset": "USDT",
            "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT"],
            "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": ["SPOT"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
                {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": True, "avgPriceMins": 5},
            ],
        }  # fmt: skip


@contextmanager
def serving(exchange: Exchange) -> Iterator[str]:
    """Serve `exchange` on a free loopback port; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = exchange.answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
