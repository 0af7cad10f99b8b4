"""Recognising a foreign file of bars by its columns and its name, and bringing it into the platform's long form.

Belongs here: conventions of other tools, symbols from file names, units of time. What is recognised is stated, never
guessed silently. Does not belong here: reading files, and judging values - impossible prices stay for the contracts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.market.import_times import bar_days
from quant_assets.market.symbols import is_canonical

IMPORT_COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume", "quote_volume", "trades")
SPLIT_COLUMNS = ("splits", "adjusted")
"""Carried along where a file has splits: the ratio, and whether the prices contain it."""
PLATFORM, CCXT, BINANCE, FREQTRADE, YAHOO = "platform", "ccxt", "binance", "freqtrade", "yahoo"
MEANINGS = {
    PLATFORM: "long bars with a symbol column",
    CCXT: "ccxt candles: timestamp, open, high, low, close, volume",
    BINANCE: "Binance raw klines: open_time, open, ..., quote volume, count of trades",
    FREQTRADE: "freqtrade candles: date, open, high, low, close, volume",
    YAHOO: "Yahoo prices: Date, Open, High, Low, Close, Adj Close, Volume",
}
"""What each convention is, for messages."""
BINANCE_ORDER = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
CCXT_ORDER = ("timestamp", "open", "high", "low", "close", "volume")
QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH",
    "BNB",
)  # fmt: skip
"""Quote currencies that are recognised in a file name, longer names first."""
_SYNONYMS = {
    "quote_volume": ("quote_volume", "quote_asset_volume"),
    "trades": ("trades", "count", "number_of_trades"),
    "splits": ("splits", "split", "stock_splits"),
}
_TIME_NAMES = {PLATFORM: ("date", "timestamp"), CCXT: ("timestamp",), BINANCE: ("open_time",),
               FREQTRADE: ("date",), YAHOO: ("date",)}  # fmt: skip
_PRICES = ("open", "high", "low", "close", "volume")
_TIMEFRAME = re.compile(r"(?P<body>.+?)[-_.](?P<frame>\d+[smhdwSMHDW]|daily|weekly|monthly)(?:[-_.].*)?", re.IGNORECASE)
_PARTS = re.compile(r"([A-Z0-9]{1,20})[-_]([A-Z0-9]{1,10})(?:[-_]([A-Z0-9]{1,10}))?")


@dataclass(frozen=True)
class Recognised:
    """One file as it was understood: `frame` has `IMPORT_COLUMNS`, and `SPLIT_COLUMNS` where the file has splits.

    Dates are UTC midnights, symbols are canonical.
    """

    file: str
    convention: str
    symbol_from: str
    times: str
    notes: tuple[str, ...]
    frame: pd.DataFrame

    def to_record(self) -> dict[str, object]:
        """What was recognised, for tables and JSON."""
        symbols = sorted(self.frame["symbol"].unique())
        return {
            "file": self.file,
            "convention": self.convention,
            "symbols": symbols,
            "symbol_from": self.symbol_from,
            "times": self.times,
            "rows": len(self.frame),
            "first": f"{self.frame['date'].min().date()}",
            "last": f"{self.frame['date'].max().date()}",
            "notes": list(self.notes),
        }


def recognise(raw: pd.DataFrame, file: str, *, venue: str, default_quote: str, symbol: str | None = None) -> Recognised:
    """Return the bars of one file in the platform's form, with a statement of everything that was recognised.

    `raw`: the file's columns under their own names (strings), or under 0, 1, ... where it has no header. `symbol` names
    the market where the file does not (or overrides its name). Raises UsageError for columns, times, numbers or names
    that cannot be understood and for bars that are not daily, EmptyResult for a file without rows.
    """
    named, order = _named(raw, file)
    if named.empty:
        raise EmptyResult(f"{file} has no rows; nothing was imported")
    convention = _convention(list(named.columns), list(map(str, raw.columns)), file)
    symbols, symbol_from = _symbols(named, convention, file, venue, default_quote, symbol)
    time_name = next(name for name in _TIME_NAMES[convention] if name in named)
    dates, times = bar_days(named[time_name], symbols, file, session_midnights=convention == YAHOO)
    frame = pd.DataFrame({"symbol": symbols.to_numpy(), "date": dates.to_numpy()})
    for name in IMPORT_COLUMNS[2:]:
        source = next((n for n in _SYNONYMS.get(name, (name,)) if n in named), None)
        frame[name] = float("nan") if source is None else _numbers(named[source], file).to_numpy()
    frame["symbol"] = frame["symbol"].astype("str")
    notes = [order] if order else []
    if convention == YAHOO:
        currency_pair = symbol is None and _PARTS.fullmatch(_body(file)[0]) is not None
        frame, more = _yahoo(frame, "adj_close" in named, currency_pair)
        notes += more
    splits = next((name for name in _SYNONYMS["splits"] if name in named), None)
    if splits is not None:
        frame = frame.assign(splits=_numbers(named[splits], file).to_numpy(), adjusted=_adjusted(named, convention))
        notes.append(f"{int((~frame['splits'].isin([0.0, 1.0]) & frame['splits'].notna()).sum())} splits in {splits}")
    return Recognised(file, convention, symbol_from, times, tuple(notes), frame)


def _named(raw: pd.DataFrame, file: str) -> tuple[pd.DataFrame, str]:
    """Return the frame with lower-case names, and a note where the order of columns had to stand in for a header."""
    if all(isinstance(name, int) for name in raw.columns):
        order = {len(BINANCE_ORDER): BINANCE_ORDER, len(CCXT_ORDER): CCXT_ORDER}.get(len(raw.columns))
        if order is None:
            raise UsageError(
                f"{file} has no header and {len(raw.columns)} columns; without a header only Binance klines (12 "
                "columns) and ccxt candles (6) are recognised: add a header line"
            )
        return raw.set_axis(list(order), axis=1), f"no header: columns taken in the order {', '.join(order)}"
    names = [re.sub(r"\s+", "_", str(name).strip().lower()) for name in raw.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{file}: columns occur more than once: {', '.join(twice)}; keep one of each")
    return raw.set_axis(names, axis=1), ""


def _convention(names: Sequence[str], written: Sequence[str], file: str) -> str:
    """Return the convention of these columns; the names alone decide."""
    found = None
    if "symbol" in names and {"date", "timestamp"} & set(names):
        found = PLATFORM
    elif "open_time" in names:
        found = BINANCE
    elif "adj_close" in names or ("Date" in written and "Close" in written):
        found = YAHOO
    elif "timestamp" in names:
        found = CCXT
    elif "date" in names:
        found = FREQTRADE
    missing = [name for name in _PRICES if name not in names]
    if found is None or missing:
        known = "; ".join(f"{name}: {meaning}" for name, meaning in MEANINGS.items())
        lacking = ", ".join(missing) or "date, timestamp or open_time"
        raise UsageError(f"{file}: no known columns, {lacking} missing; found: {', '.join(written)}. Known: {known}")
    return found


def _symbols(
    frame: pd.DataFrame, convention: str, file: str, venue: str, default_quote: str, given: str | None
) -> tuple[pd.Series, str]:
    """Return a canonical symbol for every row, and where it was found."""
    if given is not None:
        name = canonical_name(given, venue, default_quote)
        if name is None:
            raise UsageError(f"--symbol {given!r} is no market; write BASE/QUOTE, such as BTC/USDT")
        return pd.Series(name, index=frame.index, dtype="str"), "--symbol"
    if convention == PLATFORM:
        return _column_symbols(frame["symbol"], file, venue, default_quote), "column symbol"
    pair = pair_of_file(file, convention, venue, default_quote)
    return pd.Series(pair, index=frame.index, dtype="str"), "file name"


def _column_symbols(column: pd.Series, file: str, venue: str, default_quote: str) -> pd.Series:
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    names = {raw: canonical_name(str(raw), venue, default_quote) for raw in uniques}
    if wrong := sorted(repr(raw)[:60] for raw, name in names.items() if name is None):
        raise UsageError(
            f"{file}: {len(wrong)} names in column symbol are no markets: {', '.join(wrong[:5])}; "
            "write VENUE:BASE/QUOTE, BASE/QUOTE or a plain ticker in capitals and digits"
        )
    return pd.Series(pd.array([names[raw] for raw in uniques], dtype="str").take(codes), index=column.index)


def canonical_name(text: str, venue: str, default_quote: str) -> str | None:
    """Return `text` (VENUE:BASE/QUOTE[:SETTLE], BASE/QUOTE[:SETTLE] or a ticker) as a canonical symbol, else None."""
    pair = text if "/" in text else f"{text}/{default_quote}"
    return next((name for name in (text, f"{venue}:{pair}") if is_canonical(name)), None)


def pair_of_file(file: str, convention: str, venue: str, default_quote: str) -> str:
    """Return the canonical symbol that a name such as ``BTC_USDT-1d.feather`` or ``BTCUSDT-1d-2023-01.csv`` tells.

    Raises UsageError where it tells none, or tells bars that are not daily.
    """
    body, timeframe = _body(file)
    if timeframe not in {"", "1d", "daily"}:
        raise UsageError(f"{file}: its name says bars of {timeframe}; only daily bars (1d) can be imported")
    name = _pair(body, convention, venue, default_quote)
    if name is None:
        raise UsageError(
            f"{file}: no market in its columns, and none in its name; name the file like BTC_USDT-1d, BTCUSDT or AAPL, "
            "or give --symbol BASE/QUOTE"
        )
    return name


def _body(file: str) -> tuple[str, str]:
    """Return the market part of a file's name in capitals, and its time frame ('' where there is none)."""
    stem = re.split(r"[\\/]", file)[-1].rpartition(".")[0]
    match = _TIMEFRAME.fullmatch(stem)
    return (stem.upper(), "") if match is None else (match["body"].upper(), match["frame"].lower())


def _pair(body: str, convention: str, venue: str, default_quote: str) -> str | None:
    parts = _PARTS.fullmatch(body)
    if parts is not None and parts[2] in (*QUOTES, default_quote) and (parts[3] is None or parts[3] in QUOTES):
        settle = f":{parts[3]}" if parts[3] else ""
        return canonical_name(f"{parts[1]}/{parts[2]}{settle}", venue, default_quote)
    if re.fullmatch(r"[A-Z0-9]{1,20}", body) is None:
        return None
    # A stock's ticker may end like a currency; Yahoo separates currencies by a dash.
    quote = next((q for q in QUOTES if body.endswith(q) and body != q and convention != YAHOO), None)
    pair = body if quote is None else f"{body.removesuffix(quote)}/{quote}"
    return canonical_name(pair, venue, default_quote)


def _numbers(column: pd.Series, file: str) -> pd.Series:
    """Return floats; text where a number belongs is refused, because a NaN would hide what was written there."""
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = numbers.isna() & column.notna() & ~column.astype("str").str.lower().isin(["nan", "null", "none", ""])
    if wrong.any():
        examples = column[wrong].astype("str").head(3).tolist()
        raise UsageError(f"{file}: column {column.name} has {int(wrong.sum())} values that are no numbers: {examples}")
    return numbers


def _adjusted(named: pd.DataFrame, convention: str) -> Any:  # noqa: ANN401  # a scalar or a column for `assign`
    """Return whether prices contain the splits: Yahoo's do; others say so in a column, or the venue asks for one."""
    if "adjusted" in named:
        return named["adjusted"].to_numpy()
    return True if convention == YAHOO else None


def _yahoo(frame: pd.DataFrame, adjusted: bool, currency_pair: bool) -> tuple[pd.DataFrame, list[str]]:
    """Return Yahoo's bars with its peculiarities stated; the volume of a currency pair is put where it belongs."""
    notes = ["prices are Close, adjusted for splits by Yahoo; Adj Close (dividends) is not used"] if adjusted else []
    if not currency_pair:
        return frame, notes
    notes.append("Yahoo counts a currency pair's volume in the quote currency: quote_volume, and volume = that / close")
    return frame.assign(quote_volume=frame["volume"], volume=frame["volume"] / frame["close"]), notes
