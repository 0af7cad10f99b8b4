"""What the local venue knows: bars of a frame, rendered in the exchange's shape, and its list of markets."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DAY_MS = 86_400_000
FIELDS = ("open", "high", "low", "close", "volume", "quote_volume")


@dataclass(frozen=True)
class Ticker:
    """A market's id at the exchange and what it is made of."""

    id: str
    base: str
    quote: str
    kind: str

    @classmethod
    def of(cls, symbol: str) -> Ticker:
        """From `[VENUE:]BASE/QUOTE[:SETTLE]`; a settlement makes it a perpetual."""
        venue_or_base, _, rest = symbol.partition("/")
        quote, _, settle = rest.partition(":")
        base = venue_or_base.rpartition(":")[2]
        return cls(base + quote, base, quote, "swap" if settle else "spot")


class Klines:
    """One market's bars: open times, and each row as the JSON text that is served."""

    def __init__(self, bars: pd.DataFrame, microseconds: bool = False) -> None:
        ordered = bars.sort_values("date", kind="stable")
        self.open_ms = ordered["date"].to_numpy().astype("datetime64[ms]").astype(np.int64)
        self._columns = [ordered[name].to_numpy(dtype=np.float64) for name in FIELDS]
        self._trades = ordered["trades"].fillna(0).to_numpy(dtype=np.int64)
        self._unit = 1_000 if microseconds else 1
        self._rows: list[bytes] = []

    def rows(self) -> list[bytes]:
        """Every row, rendered at the first call."""
        if not self._rows:
            values = zip(self.open_ms.tolist(), *(c.tolist() for c in self._columns), self._trades.tolist(),
                         strict=True)  # fmt: skip
            self._rows = [kline(*row, unit=self._unit) for row in values]
        return self._rows

    def select(self, start: int | None, end: int | None, limit: int) -> list[bytes]:
        """The first `limit` rows from `start` on, or without it the last ones."""
        stop = len(self.open_ms) if end is None else int(np.searchsorted(self.open_ms, end, side="right"))
        if start is None:
            return self.rows()[max(0, stop - limit) : stop]
        first = int(np.searchsorted(self.open_ms, start, side="left"))
        return self.rows()[first : min(stop, first + limit)]


def kline(
    open_ms: int, opened: float, high: float, low: float, close: float, volume: float, value: float, trades: int,
    unit: int = 1,
) -> bytes:  # fmt: skip
    """One row in the recorded shape: prices as strings (exact), times and trades as integers; takers took it all."""
    volume_text, value_text = repr(volume), repr(value)
    return (
        f'[{open_ms * unit},"{opened!r}","{high!r}","{low!r}","{close!r}","{volume_text}",'
        f'{(open_ms + DAY_MS) * unit - 1},"{value_text}",{trades},"{volume_text}","{value_text}","0"]'
    ).encode()


@dataclass
class VenueMarket:
    """All markets of a bars frame. `now_ms` is the exchange's time, by default an hour into the day after the last bar.

    A market whose last bar is older than two days is listed as BREAK; `status` overrides, `hidden` ids are not listed.
    """

    bars: pd.DataFrame
    now_ms: int = 0
    status: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    microseconds: bool = False

    def __post_init__(self) -> None:
        self.now_ms = self.now_ms or int(self.bars["date"].max().timestamp() * 1000) + DAY_MS + 3_600_000
        groups = self.bars.groupby("symbol", sort=True).indices
        self._parts = {Ticker.of(str(symbol)): positions for symbol, positions in groups.items()}
        days = self.bars["date"].to_numpy().astype("datetime64[ms]").astype(np.int64)
        self._lives = {ticker: (int(days[p].min()), int(days[p].max())) for ticker, p in self._parts.items()}
        self._klines: dict[tuple[str, str], Klines] = {}
        self._lock = threading.Lock()

    def tickers(self, kind: str) -> list[Ticker]:
        """The markets of `kind` that are still in the exchange's list."""
        return [ticker for ticker in self._parts if ticker.kind == kind and ticker.id not in self.hidden]

    def klines(self, kind: str, market_id: str) -> Klines | None:
        """The bars of a market, None where there is no such market."""
        with self._lock:
            if (kind, market_id) not in self._klines:
                for ticker, positions in self._parts.items():
                    if (ticker.kind, ticker.id) == (kind, market_id):
                        self._klines[kind, market_id] = Klines(self.bars.iloc[positions], self.microseconds)
            return self._klines.get((kind, market_id))

    def exchange_info(self, kind: str, rate_limit: int) -> bytes:
        """The list of markets in the shape of `kind`'s interface."""
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": rate_limit}]
        described = [self._described(ticker) for ticker in self.tickers(kind)]
        body = {"timezone": "UTC", "serverTime": self.now_ms, "rateLimits": limits, "exchangeFilters": [],
                "symbols": described}  # fmt: skip
        return json.dumps(body).encode()

    def ticker_24h(self, kind: str) -> bytes:
        """Last price, volumes and trades of the newest day of each market."""
        found = []
        for ticker in self.tickers(kind):
            klines = self.klines(kind, ticker.id)
            assert klines is not None
            row = json.loads(klines.rows()[-1])
            found.append({"symbol": ticker.id, "openPrice": row[1], "highPrice": row[2], "lowPrice": row[3],
                          "lastPrice": row[4], "volume": row[5], "quoteVolume": row[7], "openTime": row[0],
                          "closeTime": row[6], "count": row[8]})  # fmt: skip
        return json.dumps(found).encode()

    def _described(self, ticker: Ticker) -> dict[str, object]:
        first_ms, last_ms = self._lives[ticker]
        alive = self.now_ms - last_ms <= 2 * DAY_MS
        gone = "BREAK" if ticker.kind == "spot" else "SETTLING"
        status = self.status.get(ticker.id, "TRADING" if alive else gone)
        common = {
            "symbol": ticker.id, "status": status, "baseAsset": ticker.base, "quoteAsset": ticker.quote,
            "baseAssetPrecision": 8, "quotePrecision": 8, "orderTypes": ["LIMIT"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
                {"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "notional": "10.0", "applyToMarket": True},
            ],
        }  # fmt: skip
        if ticker.kind == "spot":
            return common | {"quoteAssetPrecision": 8, "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
                             "permissions": ["SPOT"]}  # fmt: skip
        return common | {
            "pair": ticker.id, "contractType": "PERPETUAL", "marginAsset": ticker.quote, "pricePrecision": 2,
            "quantityPrecision": 5, "deliveryDate": 4_133_404_800_000, "onboardDate": first_ms,
            "underlyingType": "COIN", "underlyingSubType": [], "timeInForce": ["GTC"],
        }  # fmt: skip


def rename_ticker(bars: pd.DataFrame, old: str, new: str, day: str) -> pd.DataFrame:
    """The bars as the exchange tells them after renaming `old` to `new` on `day`: two markets, the older one dead."""
    moved = (bars["symbol"] == old) & (bars["date"] >= pd.Timestamp(day))
    return bars.assign(symbol=bars["symbol"].where(~moved, new))


def reuse_ticker(
    bars: pd.DataFrame, symbol: str, day: str, gap_days: int = 17, factor: float = 20_000.0
) -> pd.DataFrame:
    """The bars with another asset under the same ticker from `day` on, after a hole of `gap_days`."""
    own = bars["symbol"] == symbol
    since = pd.Timestamp(day)
    hole = own & (bars["date"] < since) & (bars["date"] >= since - pd.Timedelta(days=gap_days))
    later = own & (bars["date"] >= since)
    prices = {name: bars[name].where(~later, bars[name] * factor) for name in ("open", "high", "low", "close")}
    return bars.assign(**prices)[~hole].reset_index(drop=True)
