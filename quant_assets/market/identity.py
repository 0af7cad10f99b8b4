"""Which asset a ticker stands for, day by day: lives, re-denominations, re-used tickers, and bars nobody can place.

Each symbol is walked in time order. Almost every bar continues its symbol's life and is settled at once for the whole
range (`_quiet`); only symbols with something unusual are walked bar by bar. A bar's outcome depends on earlier bars
alone, so judging a range equals judging its days one after another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.market.config import IdentityMap, MarketRules, Redenomination
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS
from quant_assets.market.table import BarTable, Bools, Floats, Ints, day_numbers, order_by_code

CAP, REDENOMINATION, IDENTITY = "L1.RETURN_CAP", "L1.REDENOMINATION", "L1.IDENTITY"
LIFE_RULES = (CAP, REDENOMINATION)
"""Rules that quarantine single bars; a row's outcome is an index into these, -1 for an accepted bar."""
NONE = np.iinfo(np.int64).min


class LifeEvent(NamedTuple):
    """Something that happened to a ticker at a row of the table."""

    row: int
    rule: str
    state: str
    reason: str


@dataclass(frozen=True)
class Lives:
    """Outcome of the walk, one element for each row of the table.

    `outcome`: -1 accepted (or not judged here), else an index into `LIFE_RULES`. `life` is the day number on which the
    current life began (`NONE` where not accepted); `factor` the mapped re-denomination factor; `missing` the open days
    without any bar of the symbol before this one.
    """

    outcome: NDArray[np.int8]
    life: Ints
    factor: Floats
    missing: Ints
    events: list[LifeEvent]


@dataclass
class _State:
    """What is known of a symbol before its next bar. `close` is adjusted; `pending` is the rule of a withheld bar."""

    close: float = math.nan
    value: float = math.nan
    day: int = NONE
    life: int = NONE
    seen: int = NONE
    pending: str = ""
    pending_close: float = math.nan


class _Bar(NamedTuple):
    """One bar in adjusted prices; `value` is the value traded in quote currency."""

    row: int
    day: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    value: float
    missing: int


@dataclass(frozen=True)
class Declared:
    """What persons declared, by symbol: factors from a day on, and what a ticker is on a day."""

    factors: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    same: dict[tuple[str, int], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, redenominations: Sequence[Redenomination], identities: Sequence[IdentityMap]) -> Declared:
        """Return the declarations; UsageError when one is made twice."""
        declared = cls()
        for entry in redenominations:
            listed = declared.factors.setdefault(entry.symbol, [])
            if (day := _number(entry.date)) in [known for known, _ in listed]:
                raise UsageError(f"re-denomination of {entry.symbol} on {entry.date} is mapped twice; keep one")
            listed.append((day, entry.factor))
            listed.sort()
        for item in identities:
            if (key := (item.symbol, _number(item.date))) in declared.same:
                raise UsageError(f"identity of {item.symbol} on {item.date} is declared twice; keep one")
            declared.same[key] = item.same_asset
        return declared

    def factor(self, symbol: str, days: Ints) -> Floats:
        """Return the adjustment factor of a symbol on each day: the product of all factors from their dates on."""
        factor = np.ones(len(days))
        for start, step in self.factors.get(symbol, ()):
            factor = np.where(days >= start, factor * step, factor)
        return factor

    def factor_on(self, symbol: str, day: int) -> float:
        """Return the adjustment factor of a symbol on one day."""
        return float(self.factor(symbol, np.array([day]))[0])

    def mapped_between(self, symbol: str, after: int, until: int) -> bool:
        """Whether a re-denomination of the symbol is mapped on a day in (after, until]."""
        return any(after < day <= until for day, _ in self.factors.get(symbol, ()))


def _number(day: object) -> int:
    return int(day_numbers(pd.DatetimeIndex([day]))[0])


def follow_lives(
    table: BarTable,
    judged: Bools,
    history: pd.DataFrame,
    earlier_quarantine: pd.DataFrame,
    rules: MarketRules,
    declared: Declared,
) -> Lives:
    """Return what each judged row is. `judged` marks rows that L0 let pass; the others only count as seen.

    `history` (ohlcv rows) and `earlier_quarantine` (quarantine rows) lie before the range; UsageError where not, or
    where a stored adj_factor differs from what is now declared.
    """
    n = len(table)
    lives = Lives(np.full(n, -1, dtype=np.int8), np.full(n, NONE), np.ones(n), np.zeros(n, dtype=np.int64), [])
    states = _states(table, history, earlier_quarantine, declared)
    order = np.flatnonzero(table.row_canonical)
    order = order[order_by_code(table.codes[order])]
    if not len(order):
        return lives
    starts = np.flatnonzero(np.diff(table.codes[order], prepend=-1))
    _factors(table, declared, lives.factor)
    _missing(table, order, starts, states, lives.missing)
    rows = order[judged[order]]
    for code, low, high in _walks(table, rows, lives, states, rules, declared):
        state = states.get(code, _State())
        _walk(table, rows[low:high], state, lives, rules, declared)
    return lives


def _states(
    table: BarTable, history: pd.DataFrame, earlier_quarantine: pd.DataFrame, declared: Declared
) -> dict[int, _State]:
    """Return the state of each received symbol before the range, by code."""
    states: dict[int, _State] = {}
    last = _last_rows(table, history, OHLCV_COLUMNS, "history")
    lives = day_numbers(last["life_start"]).tolist()
    quoted = last["quote_volume"].fillna(last["close"] * last["volume"]).tolist()
    columns = (last["code"], last["day"], last["close"], last["adj_factor"])
    for (code, day, close, stored), life, value in zip(_rows(*columns), lives, quoted, strict=True):
        symbol = str(table.names[int(code)])
        expected = declared.factor_on(symbol, int(day))
        if not math.isclose(expected, stored, rel_tol=1e-9):
            raise UsageError(
                f"{symbol}: the last stored bar has adj_factor {stored:g}, the declared re-denominations give "
                f"{expected:g}; materialize ohlcv again from the day of the re-denomination on"
            )
        states[int(code)] = _State(close * stored, value, int(day), life, int(day))
    seen = _last_rows(table, earlier_quarantine, QUARANTINE_COLUMNS, "earlier quarantine")
    for code, day in _rows(seen["code"], seen["day"]):
        state = states.setdefault(int(code), _State())
        state.seen = max(state.seen, int(day))
    withheld = earlier_quarantine[earlier_quarantine["rule"].isin(LIFE_RULES)]
    pending = _last_rows(table, withheld, QUARANTINE_COLUMNS, "earlier quarantine")
    for (code, day, close), rule in zip(
        _rows(pending["code"], pending["day"], pending["close"]), pending["rule"], strict=True
    ):
        state = states[int(code)]
        if int(day) > state.day:
            state.pending = str(rule)
            state.pending_close = close * declared.factor_on(str(table.names[int(code)]), int(day))
    return states


def _rows(*columns: pd.Series) -> list[tuple[float, ...]]:
    """Return numeric columns as rows of plain floats."""
    return list(zip(*(column.to_numpy(dtype=np.float64).tolist() for column in columns), strict=True))


def _last_rows(table: BarTable, frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> pd.DataFrame:
    """Return the newest row of each received symbol with its day number and code; UsageError on a later row."""
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        raise UsageError(f"{what} lacks the column(s) {', '.join(lacking)}; pass stored rows as they are")
    codes = pd.Index(table.names).get_indexer(pd.Index(frame["symbol"]))
    days = day_numbers(frame["date"])
    if len(days) and days.max() >= table.calendar.days[0]:
        raise UsageError(
            f"{what} reaches into the days to judge; pass only rows before {table.calendar.stamps[0].date()}"
        )
    chosen = frame.assign(code=codes, day=days)[codes >= 0]
    return chosen.sort_values("day", kind="stable").drop_duplicates("code", keep="last")


def _factors(table: BarTable, declared: Declared, factor: Floats) -> None:
    for symbol in declared.factors:
        code = np.searchsorted(table.names, symbol)
        if code < len(table.names) and table.names[code] == symbol:
            mine = table.codes == code
            factor[mine] = declared.factor(symbol, table.day[mine])


def _missing(table: BarTable, order: Ints, starts: Ints, states: dict[int, _State], missing: Ints) -> None:
    """Fill in how many open days before each row had no bar of its symbol at all, good or bad."""
    day = table.day[order]
    previous = np.empty_like(day)
    previous[1:] = day[:-1]
    seeds = [states[c].seen if c in states else NONE for c in table.codes[order[starts]].tolist()]
    previous[starts] = np.where(np.array(seeds) == NONE, day[starts] - 1, seeds)
    gap = table.calendar.ordinal(day) - table.calendar.ordinal(previous) - 1
    fresh = day != previous
    fresh[starts] = True
    # Rows of one symbol and day share the figure of the first of them.
    leader = np.maximum.accumulate(np.where(fresh, np.arange(len(day)), 0))
    missing[order] = np.maximum(gap, 0)[leader]


def _walks(
    table: BarTable,
    rows: Ints,
    lives: Lives,
    states: dict[int, _State],
    rules: MarketRules,
    declared: Declared,
) -> list[tuple[int, int, int]]:
    """Accept every bar of the quiet symbols in place; return (code, from, to) within `rows` of those to be walked."""
    if not len(rows):
        return []
    codes = table.codes[rows]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(starts[1:], len(rows))
    seeds = [states.get(c, _State()) for c in codes[starts].tolist()]
    close = table.numbers["close"][rows] * lives.factor[rows]
    before = np.empty_like(close)
    before[1:] = close[:-1]
    before[starts] = [s.close for s in seeds]
    unusual = _unusual(table, rows, close, before, lives, rules)
    symbols = {symbol for symbol, _ in declared.same}
    walk = np.add.reduceat(unusual, starts) > 0
    walk |= np.array([bool(s.pending) for s in seeds])
    walk |= np.isin(table.names[codes[starts]].astype(object), list(symbols | set(declared.factors)))
    first = np.array([s.life for s in seeds], dtype=np.int64)
    first = np.where(first == NONE, table.day[rows[starts]], first)
    lives.life[rows] = np.repeat(first, ends - starts)
    return [(int(codes[starts[k]]), int(starts[k]), int(ends[k])) for k in np.flatnonzero(walk)]


def _unusual(
    table: BarTable, rows: Ints, close: Floats, before: Floats, lives: Lives, rules: MarketRules
) -> NDArray[np.int64]:
    """Return 1 where a bar cannot be accepted without a closer look, given that all before it were accepted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        change = close / before - 1.0
    unusual = (change > rules.return_cap_up) | (change < rules.return_cap_down)
    halted = np.flatnonzero(lives.missing[rows] >= rules.halt_days)
    opened = table.numbers["open"][rows[halted]] * lives.factor[rows[halted]]
    floor = min(math.log10(rules.identity_ratio), 1.0 - rules.redenomination_tolerance) * (1 - 1e-9)
    unusual[halted] |= np.abs(np.log10(opened / before[halted])) >= floor
    return unusual.astype(np.int64)


def _walk(table: BarTable, rows: Ints, state: _State, lives: Lives, rules: MarketRules, declared: Declared) -> None:
    """Judge the bars of one symbol in time order, writing outcomes, lives and events."""
    symbol = str(table.names[table.codes[rows[0]]])
    for bar in _bars(table, rows, lives):
        event = _place(symbol, bar, state, rules, declared)
        if event is not None:
            lives.events.append(event)
        if event is not None and event.state in ("toxic", "redenominated"):
            lives.outcome[bar.row] = LIFE_RULES.index(event.rule)
            lives.life[bar.row] = NONE
            state.pending, state.pending_close = event.rule, bar.close
            continue
        if state.life == NONE or (event is not None and event.state == "new_identity"):
            state.life = bar.day
        lives.life[bar.row] = state.life
        state.close, state.value, state.day, state.pending = bar.close, bar.value, bar.day, ""


def _bars(table: BarTable, rows: Ints, lives: Lives) -> list[_Bar]:
    n, factor = table.numbers, lives.factor[rows]
    prices = [(n[name][rows] * factor).tolist() for name in ("open", "high", "low", "close")]
    volume, quoted = n["volume"][rows], n["quote_volume"][rows]
    value = np.where(np.isnan(quoted), n["close"][rows] * volume, quoted)
    columns = [
        rows.tolist(),
        table.day[rows].tolist(),
        *prices,
        volume.tolist(),
        value.tolist(),
        lives.missing[rows].tolist(),
    ]
    return [_Bar(*fields) for fields in zip(*columns, strict=True)]


def _place(symbol: str, bar: _Bar, state: _State, rules: MarketRules, declared: Declared) -> LifeEvent | None:
    """Return what is special about a bar, or None where it simply continues its symbol's life."""
    same = declared.same.get((symbol, bar.day))
    if same is not None:
        if same or state.day == NONE:
            return None
        return LifeEvent(bar.row, IDENTITY, "new_identity", "declared to be another asset from this day on")
    mapped = state.day != NONE and declared.mapped_between(symbol, state.day, bar.day)
    if state.pending and not mapped:
        settled = _after_withheld(bar, state, rules)
        if settled is not None:
            return settled
    if state.day == NONE:
        return None
    if bar.missing >= rules.halt_days and not mapped and not state.pending:
        event, known = _after_halt(bar, state, rules)
        if known:
            return event
    return _jump(bar, state, rules)


def _continuous(ratio: float, rules: MarketRules) -> bool:
    return 1.0 / (1.0 + rules.open_continuity) <= ratio <= 1.0 + rules.open_continuity


def _after_withheld(bar: _Bar, state: _State, rules: MarketRules) -> LifeEvent | None:
    """Return the outcome of the bar after a withheld one, or None where it must be compared with the last accepted."""
    ratio = bar.open / state.pending_close
    if state.pending == CAP:
        if not _continuous(ratio, rules):
            return None
        reason = (
            f"the level of the quarantined bar is confirmed: open {bar.open:g} after its close {state.pending_close:g}"
        )
        return LifeEvent(bar.row, CAP, "new_identity", reason)
    back = state.day != NONE and _continuous(bar.open / state.close, rules)
    if back and not _continuous(ratio, rules):
        return None
    return LifeEvent(bar.row, REDENOMINATION, "redenominated", "withheld since a re-denomination that is not mapped")


def _after_halt(bar: _Bar, state: _State, rules: MarketRules) -> tuple[LifeEvent | None, bool]:
    """Return the event of a bar after a halt, and whether the halt explains the bar."""
    ratio = bar.open / state.close
    power = math.log10(ratio)
    k = round(power)
    near = k != 0 and abs(k) <= rules.redenomination_max_power and abs(power - k) <= rules.redenomination_tolerance
    factor = rules.redenomination_value_factor
    flow = bar.value / state.value if state.value > 0 else math.nan
    halted = f"after {bar.missing} missing day(s) open {bar.open:g} is {ratio:.6g} x the previous close {state.close:g}"
    if near and 1.0 / factor <= flow <= factor:
        reason = f"{halted}, about 10^{k}, with value traded continuous (x {flow:.3g}); map it or declare its identity"
        return LifeEvent(bar.row, REDENOMINATION, "redenominated", reason), True
    if not 1.0 / rules.identity_ratio <= ratio <= rules.identity_ratio:
        return LifeEvent(bar.row, IDENTITY, "new_identity", f"{halted}: taken for another asset"), True
    return None, False


def _jump(bar: _Bar, state: _State, rules: MarketRules) -> LifeEvent | None:
    """Return the toxic event of a bar whose close cannot have been reached by trading, or None."""
    change = bar.close / state.close - 1.0
    if rules.return_cap_down <= change <= rules.return_cap_up:
        return None
    slack = 1.0 + rules.open_continuity
    covers = bar.low <= min(state.close, bar.close) * slack and bar.high * slack >= max(state.close, bar.close)
    if _continuous(bar.open / state.close, rules) and covers and bar.volume > 0:
        return None
    reason = (
        f"return {change:+.6g} to close {bar.close:g} from {state.close:g} was not traded: open {bar.open:g}, "
        f"range {bar.low:g} to {bar.high:g}, volume {bar.volume:g}"
    )
    return LifeEvent(bar.row, CAP, "toxic", reason)
