"""Listings through time, assets that outlive their tickers, and which perpetual stands for which spot market.

Belongs here: what was listed on a day by what was known then; declared renames; counterparts. Whether a ticker still
is the same asset is judged from bars (`identity`); what kind of asset a base is, in the universe room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock
from quant_assets.errors import EmptyResult, UsageError
from quant_assets.market.symbols import parse_symbol

INTERVAL_COLUMNS = ("symbol", "status", "valid_from", "valid_to")
COUNTERPART_COLUMNS = ("perp", "spot", "units")
_MULTIPLE = re.compile(r"(?P<units>10{3,6}|1M)(?P<coin>[A-Z][A-Z0-9]*)")
_DAY = pd.Timedelta(days=1)


class Rename(ConfigBlock):
    """A rename that a person declares: from `date` on the asset of `old` trades as `new`."""

    old: str = Field(min_length=1)
    new: str = Field(min_length=1)
    date: date

    @model_validator(mode="after")
    def _differ(self) -> Rename:
        if self.old == self.new:
            raise ValueError(f"{self.old} is renamed to itself; a re-used ticker is declared by identities")
        return self


def listing_intervals(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return symbol, status, valid_from, valid_to: what point-in-time snapshots of a venue say of each market.

    `snapshots`: snapshot_ts (UTC moments), symbol, status, one row for each market and snapshot. `valid_from` is the
    first snapshot that shows the status and `valid_to` the first that shows another or none, NaT while it holds; both
    are the moments at which it became known (naive UTC, microseconds), never the venue's own unknown moments between.
    Raises UsageError when a column is missing or a snapshot names a market twice.
    """
    lacking = [name for name in ("snapshot_ts", "symbol", "status") if name not in snapshots.columns]
    if lacking:
        raise UsageError(f"snapshots lack the column(s) {', '.join(lacking)}; expected snapshot_ts, symbol, status")
    rows = snapshots[["snapshot_ts", "symbol", "status"]].assign(at=_moments(snapshots["snapshot_ts"]))
    if rows.duplicated(["at", "symbol"]).any():
        twice = rows[rows.duplicated(["at", "symbol"])].iloc[0]
        raise UsageError(f"the snapshot of {twice['at']} names {twice['symbol']} twice; keep one row")
    moments = np.sort(rows["at"].unique())
    rows = rows.assign(number=np.searchsorted(moments, rows["at"].to_numpy())).sort_values(["symbol", "number"])
    same = rows["symbol"].eq(rows["symbol"].shift()) & rows["status"].eq(rows["status"].shift())
    run = (~(same & rows["number"].diff().eq(1))).cumsum()
    found = rows.groupby(run.to_numpy()).agg(
        symbol=("symbol", "first"), status=("status", "first"), first=("number", "first"), last=("number", "last")
    )
    ends = np.append(moments, np.datetime64("NaT", "us"))[found["last"].to_numpy() + 1]
    return found.assign(valid_from=moments[found["first"]], valid_to=ends)[list(INTERVAL_COLUMNS)].reset_index(
        drop=True
    )


def listed_on(intervals: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return symbol, status, known_for of the markets listed on a day, by what was known at its end.

    `known_for`: days since that status was first seen. Nothing that a later snapshot tells is used: an interval that
    ends later still holds. Raises EmptyResult for a day before the first snapshot: nothing was known.
    """
    known = pd.Timestamp(day) + _DAY
    if intervals.empty or intervals["valid_from"].min() > known:
        first = "none" if intervals.empty else str(intervals["valid_from"].min().date())
        raise EmptyResult(f"no listing is known for {day}: the first snapshot is of {first}; use a later day")
    holds = (intervals["valid_from"] <= known) & ~(intervals["valid_to"] <= known)
    found = intervals.loc[holds, ["symbol", "status", "valid_from"]]
    found = found.assign(known_for=(known - found["valid_from"]).dt.days)
    return found.drop(columns="valid_from").sort_values("symbol", ignore_index=True)


def asset_identities(lives: pd.DataFrame, renames: Sequence[Rename] = ()) -> pd.DataFrame:
    """Return symbol, life_start, asset: lives joined by renames are one asset, two lives of a ticker are two.

    `lives`: symbol, life_start, last_bar, one row for each life. `asset` is 'SYMBOL@YYYY-MM-DD' of the first life. A
    rename joins the newest life of `old` that ended before its date with the life of `new` that starts from its date
    on. Raises UsageError where there is no such pair, or where a life would have two predecessors or successors: a
    ticker that already traded as something else cannot take an asset over.
    """
    table = lives[["symbol", "life_start", "last_bar"]].sort_values(["symbol", "life_start"], ignore_index=True)
    parent: dict[int, int] = {}
    for rename in sorted(renames, key=lambda r: r.date):
        before, after = _ended_before(table, rename), _started_from(table, rename)
        if after in parent or before in parent.values():
            raise UsageError(
                f"{rename.old} -> {rename.new} on {rename.date}: one of the lives is renamed twice; keep one"
            )
        parent[after] = before
    roots = [_root(number, parent) for number in range(len(table))]
    names = table["symbol"] + "@" + table["life_start"].dt.strftime("%Y-%m-%d")
    return table[["symbol", "life_start"]].assign(asset=names.iloc[roots].to_numpy())


def counterparts(symbols: Sequence[str]) -> pd.DataFrame:
    """Return perp, spot, units: the spot market of each perpetual's coin in the same quote on the same venue.

    A contract on 1000SHIB counts 1000 SHIB (`units`), unless the venue lists 1000SHIB itself. `spot` is '' where the
    venue lists none. Sorted by perp. Raises UsageError for a name that is not canonical.
    """
    spots = {(n.venue, n.base, n.quote): s for s in symbols if (n := parse_symbol(s)).settle is None}
    rows = []
    for perp in sorted(symbols):
        name = parse_symbol(perp)
        if name.settle is None:
            continue
        coin, units = unit_of(name.base)
        own = spots.get((name.venue, name.base, name.quote))
        rows.append((perp, own, 1) if own else (perp, spots.get((name.venue, coin, name.quote), ""), units))
    return pd.DataFrame(rows, columns=list(COUNTERPART_COLUMNS)).astype(
        {"perp": "str", "spot": "str", "units": "int64"}
    )


def unit_of(base: str) -> tuple[str, int]:
    """Return the coin of a contract's base and how many of it one unit counts: 1000SHIB is (SHIB, 1000)."""
    match = _MULTIPLE.fullmatch(base)
    if match is None:
        return base, 1
    return match["coin"], 1_000_000 if match["units"] == "1M" else int(match["units"])


def _moments(times: pd.Series) -> pd.Series:
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    return naive.astype("datetime64[us]")


def _ended_before(lives: pd.DataFrame, rename: Rename) -> int:
    mine = lives[(lives["symbol"] == rename.old) & (lives["last_bar"] < pd.Timestamp(rename.date))]
    if mine.empty:
        raise UsageError(
            f"{rename.old} -> {rename.new}: {rename.old} has no life that ended before {rename.date}; "
            "an asset is renamed where it stops trading under its old name"
        )
    return int(mine.index[-1])


def _started_from(lives: pd.DataFrame, rename: Rename) -> int:
    mine = lives[(lives["symbol"] == rename.new) & (lives["last_bar"] >= pd.Timestamp(rename.date))]
    if mine.empty or mine["life_start"].iloc[0] < pd.Timestamp(rename.date):
        told = "has no bar from then on" if mine.empty else f"already trades since {mine['life_start'].iloc[0].date()}"
        raise UsageError(
            f"{rename.old} -> {rename.new} on {rename.date}: {rename.new} {told}; a ticker that stands for another "
            "asset cannot take this one over. Correct the date or the name"
        )
    return int(mine.index[0])


def _root(number: int, parent: dict[int, int]) -> int:
    while number in parent:
        number = parent[number]
    return number
