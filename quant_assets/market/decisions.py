"""What persons decided about single quarantined bars, and what is known of a fetch beside its bars.

A decision names one bar by its content: a bar of the same symbol and day with other values is another bar, and the
decision does not touch it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult, warn_rule
from quant_assets.market.config import IdentityMap
from quant_assets.market.schema import NUMBER_COLUMNS, PRICE_COLUMNS
from quant_assets.market.table import BarTable, Bools, to_stamps
from quant_assets.market.waivers import Waiver

RELEASED_RULE = "L0.RELEASED"
ROW_RELEASES = ("L0.OHLC", "L0.VOLUME")
LIFE_RELEASES = ("L1.RETURN_CAP", "L1.REDENOMINATION")
RELEASABLE = (*ROW_RELEASES, *LIFE_RELEASES)
"""Rules whose quarantined rows a person may release: the values are doubtful, but the row is a bar."""
RELEASE, REJECT = "release", "reject"
DECISION_COLUMNS = ("date", "symbol", "decision", "rule", "bar_hash", "decided_by", "reason", "decided_at")


@dataclass(frozen=True)
class Circumstances:
    """What the judgement knows beside the bars.

    `failed`: symbols whose fetch failed, with reasons; `waivers`: the profile's; `releases`: decisions in force
    (`DECISION_COLUMNS`) to accept single bars.
    """

    failed: Mapping[str, str] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    releases: pd.DataFrame | None = None


def bar_hash(symbol: str, day: pd.Timestamp, values: Iterable[float]) -> str:
    """Return the content hash (16 hex digits) of one bar: `values` are open to trades, in `NUMBER_COLUMNS` order."""
    texts = [symbol, f"{day:%Y-%m-%d}", *(repr(float(v) + 0.0) for v in values)]
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def bar_hashes(bars: pd.DataFrame) -> list[str]:
    """Return the content hash of each row of bars."""
    rows = bars[["symbol", "date", *NUMBER_COLUMNS]].itertuples(index=False)
    return [bar_hash(str(row[0]), pd.Timestamp(row[1]), row[2:]) for row in rows]


def in_force(decisions: pd.DataFrame) -> pd.DataFrame:
    """Return the newest decision on each bar (date, symbol, content hash)."""
    ordered = decisions.sort_values(["date", "symbol", "bar_hash", "decided_at"], kind="stable")
    return ordered.drop_duplicates(["date", "symbol", "bar_hash"], keep="last", ignore_index=True)


def releasable(row: Mapping[str, object]) -> str:
    """Return why a quarantined row cannot be released, '' where it can."""
    if row["rule"] not in RELEASABLE:
        return f"rows under {row['rule']} cannot be released (possible: {', '.join(RELEASABLE)}); mend the source"
    prices = np.array([row[name] for name in PRICE_COLUMNS], dtype=np.float64)
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        return "its prices are not finite and positive: nothing downstream could use it"
    return ""


def released_rows(table: BarTable, releases: pd.DataFrame | None, rule: str) -> Bools:
    """Return the rows of the table that a decision releases from a rule: same symbol, day and content."""
    mask = np.zeros(len(table), dtype=bool)
    for row in _matches(table, releases, (rule,)):
        mask[row] = True
    return mask


def released_identities(
    table: BarTable, releases: pd.DataFrame | None, declared: Sequence[IdentityMap]
) -> list[IdentityMap]:
    """Return, for each bar released from a rule on lives, the declaration that it continues its symbol's life.

    What the profile declares about the same bar comes first.
    """
    known = {(item.symbol, item.date) for item in declared}
    found = {}
    for row in _matches(table, releases, LIFE_RELEASES):
        key = (str(table.names[table.codes[row]]), table.calendar.stamps[table.position[row]].date())
        if key not in known:
            found[key] = IdentityMap(symbol=key[0], date=key[1], same_asset=True)
    return list(found.values())


def _matches(table: BarTable, releases: pd.DataFrame | None, rules: Sequence[str]) -> list[int]:
    if releases is None or releases.empty or not len(table):
        return []
    chosen = releases[(releases["decision"] == RELEASE) & releases["rule"].isin(rules)]
    rows = []
    for symbol, day, wanted in zip(chosen["symbol"], chosen["date"], chosen["bar_hash"], strict=True):
        stamp = np.datetime64(pd.Timestamp(day), "us")
        here = (to_stamps(table.day) == stamp) & (table.names[table.codes] == symbol)
        for row in np.flatnonzero(here).tolist():
            if bar_hash(symbol, pd.Timestamp(day), [table.numbers[n][row] for n in NUMBER_COLUMNS]) == wanted:
                rows.append(row)
    return rows


def released_result(releases: pd.DataFrame, accepted: pd.DataFrame) -> RuleResult:
    """Return L0.RELEASED of one day: which released bars were accepted, and which did not come with that content.

    `releases`: the decisions to release of that day (not empty); `accepted`: its accepted bars.
    """
    came = set(bar_hashes(accepted[accepted["symbol"].isin(releases["symbol"])]))
    columns = ["symbol", "rule", "decided_by", "reason", "bar_hash"]
    offenders = []
    for symbol, rule, by, reason, digest in releases[columns].astype("str").itertuples(index=False, name=None):
        state = "accepted" if digest in came else "not accepted: the received bar is another one, or none"
        offenders.append({"symbol": symbol, "rule": rule, "reason": f"released by {by}: {reason}", "state": state})
    told = "; ".join(f"{o['symbol']} from {o['rule']}, {o['reason']} ({o['state']})" for o in offenders)
    message = f"{len(offenders)} bar(s) under a decision: {told}"
    return warn_rule(
        RELEASED_RULE, checked=len(offenders), breaches=len(offenders), message=message, offenders=offenders
    )
