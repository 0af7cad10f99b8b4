"""Everything that is known about stored bars: coverage, gaps, quarantine, toxic and stale symbols, waivers, errors."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from quant_assets.bar_ledger import decisions
from quant_assets.errors import EmptyResult
from quant_assets.manifests import REFUSED, Ledger
from quant_assets.market.decisions import in_force
from quant_assets.market.toxicity import toxic_as_of
from quant_assets.profiles.model import Profile
from quant_assets.repairing import attempted_days, find_gaps
from quant_assets.tables import COVERAGE_TABLE, HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE, QUARANTINE_TABLE
from quant_assets.verdict_counts import count_verdicts
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import TableSpec
from quant_resources.venues.port import TRADING

MARKET_ASSETS = ("listings", "ohlcv")
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Audit:
    """What `quant audit` shows. Days are ISO days; `errors` are broken ERROR rules of withheld days."""

    first: str
    last: str
    days: int
    coverage: Records
    gaps: Records
    quarantined: Records
    toxic: Records
    stale: Records
    waivers: Records
    decisions: Records
    errors: Records

    @property
    def exit_code(self) -> int:
        """3 where an ERROR stands, else 0."""
        return 3 if self.errors else 0

    def to_record(self) -> dict[str, Any]:
        """Plain record for JSON."""
        return {"exit_code": self.exit_code, **asdict(self)}


def audit(lakehouse: Lakehouse, profile: Profile, first: str | None, last: str | None) -> Audit:
    """Everything known about the days of ``first .. last``; ``EmptyResult`` where none was ever ingested."""
    days = attempted_days(lakehouse, first, last)
    if not days:
        raise EmptyResult("no day of ohlcv was ever attempted in that range; run `quant ingest` first")
    begin, end = days[0], days[-1]
    return Audit(
        begin,
        end,
        len(days),
        coverage=_coverage(lakehouse, begin, end),
        gaps=_dated(find_gaps(lakehouse, profile, begin, end)),
        quarantined=_quarantined(lakehouse, begin, end),
        toxic=_toxic(lakehouse, profile, end),
        stale=_stale(lakehouse, end),
        waivers=_waivers(profile, begin, end),
        decisions=_dated(in_force(decisions(lakehouse, begin, end))),
        errors=_errors(lakehouse, begin, end),
    )


def missing_by_day(lakehouse: Lakehouse, first: str | None, last: str | None) -> dict[str, list[str]]:
    """The exact list of expected markets that did not come, by day; days without any are left out."""
    rows = _read(lakehouse, COVERAGE_TABLE, first, last)
    named = {f"{day:%Y-%m-%d}": json.loads(names) for day, names in zip(rows["date"], rows["missing"], strict=True)}
    return {day: names for day, names in named.items() if names}


def _coverage(lakehouse: Lakehouse, first: str, last: str) -> Records:
    rows = _read(lakehouse, COVERAGE_TABLE, first, last)
    lists = {"missing": rows["missing"].map(json.loads), "failed": rows["failed"].map(json.loads)}
    return _dated(rows.assign(**lists))


def _quarantined(lakehouse: Lakehouse, first: str, last: str) -> Records:
    rows = _read(lakehouse, QUARANTINE_TABLE, first, last)
    groups = rows.groupby("rule").agg(rows=("symbol", "size"), symbols=("symbol", "nunique"), last=("date", "max"))
    return _dated(groups.reset_index(), "last")


def _toxic(lakehouse: Lakehouse, profile: Profile, day: str) -> Records:
    """Symbols that are toxic on the last day, from events up to that day."""
    events = _read(lakehouse, HEALTH_TABLE, None, day)
    found = toxic_as_of(events, pd.DatetimeIndex([day]), profile.market)
    return _dated(found.drop(columns="date"), "since")


def _stale(lakehouse: Lakehouse, day: str) -> Records:
    """Markets that are listed and trading on the last day and whose newest accepted bar is older."""
    listed = lakehouse.read(LISTINGS_TABLE, columns=["date", "symbol", "status"], start=day, end=day)
    bars = _read(lakehouse, OHLCV_TABLE, None, day)
    newest = bars.groupby("symbol")["date"].max()
    trading = listed.loc[listed["status"] == TRADING, ["symbol"]]
    found = trading.assign(newest_bar=trading["symbol"].map(newest))
    return _dated(found[~(found["newest_bar"] >= pd.Timestamp(day))], "newest_bar")


def _waivers(profile: Profile, first: str, last: str) -> Records:
    """All waivers of the profile with their state on the audited days."""
    return [
        {**w.model_dump(mode="json"), "state": _waiver_state(w.start.isoformat(), w.expires.isoformat(), first, last)}
        for w in profile.waivers
    ]


def _waiver_state(start: str, expires: str, first: str, last: str) -> str:
    if expires < last:
        return "expired" if expires < first else "expired before the last day"
    return "not yet in force" if start > last else "in force"


def _errors(lakehouse: Lakehouse, first: str, last: str) -> Records:
    rows = Ledger(lakehouse).latest(columns=["verdicts"])
    rows = rows[rows["asset"].isin(MARKET_ASSETS) & (rows["status"] == REFUSED)]
    days = rows["partition"].dt.strftime("%Y-%m-%d")
    inside = (days >= first) & (days <= last)
    return [
        {"asset": asset, "date": day, "rule": found["rule"], "message": found["message"]}
        for asset, day, verdicts in zip(rows["asset"][inside], days[inside], rows["verdicts"][inside], strict=True)
        for found in count_verdicts([(asset, day, verdicts)])
        if found["fail"]
    ]


def _read(lakehouse: Lakehouse, table: TableSpec, first: str | None, last: str | None) -> pd.DataFrame:
    if lakehouse.open(table.name) is None:
        return table.from_arrow(table.arrow_schema.empty_table(), table.column_names)
    return lakehouse.read(table, start=first, end=last)


def _dated(frame: pd.DataFrame, column: str = "date") -> Records:
    """Records with ISO days ('' for an unknown one) instead of times."""
    texts = frame.assign(**{column: frame[column].dt.strftime("%Y-%m-%d").fillna("")})
    return [{str(name): value for name, value in row.items()} for row in texts.to_dict("records")]
