"""Collecting a meta's report from the lakehouse: everything it shows is read here, nothing is computed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from quant_assets import __version__, keys
from quant_assets.book_places import book_place
from quant_assets.code_version import code_version, env_hash
from quant_assets.errors import EmptyResult
from quant_assets.manifests import REFUSED, Ledger
from quant_assets.market.calendars import last_open_days, next_open_days
from quant_assets.meta.config import MetaConfig
from quant_assets.profiles.model import Profile
from quant_assets.reports.attribution import buy_and_hold, equal_weight_universe, inverse_volatility, one_over_n
from quant_assets.reports.model import Flag, ReportInput
from quant_assets.tables import (
    CANDIDATES_TABLE,
    META_MEMBERS_TABLE,
    META_RETURNS_TABLE,
    META_WEIGHTS_TABLE,
    OHLCV_TABLE,
    RETURNS_TABLE,
)
from quant_assets.verdict_counts import count_verdicts
from quant_resources.lakehouse.hashing import digest_of
from quant_resources.lakehouse.store import Lakehouse

if TYPE_CHECKING:
    from quant_resources.venues.port import Venue

GONE_AFTER_DAYS = 7
ROOMS = ("market", "universe", "features", "returns", "selection", "allocation", "simulation", "meta")


def collect_report(profile: Profile, meta: MetaConfig, lakehouse: Lakehouse, venue: Venue) -> ReportInput:
    """Everything that one meta's report shows. Raises ``EmptyResult`` where the meta has no realised week yet."""
    scope = {"meta": meta.name}
    daily = lakehouse.read(META_RETURNS_TABLE, scope=scope)
    if daily.empty:
        raise EmptyResult(f"{meta.name}/report: no realised week; run `quant backfill --select {meta.name}` first")
    start, end = daily["date"].min(), daily["date"].max()
    members = {name: _member_daily(lakehouse, profile, name, start, end) for name in meta.members}
    shares = lakehouse.read(META_MEMBERS_TABLE, columns=["week", "member", "weight", "status"], scope=scope)
    book = lakehouse.read(META_WEIGHTS_TABLE, scope=scope)
    newest = book[book["week"] == book["week"].max()].rename(columns={"net_weight": "weight"})
    ledger = Ledger(lakehouse)
    checks, withheld, warnings = _checks(ledger)
    baselines, absent = _baselines(profile, lakehouse, members, start, end)
    return ReportInput(
        name=meta.name,
        title=meta.label,
        profile=profile.name,
        data_kind=venue.data_kind,  # type: ignore[arg-type]  # the port promises 'real' or 'synthetic'
        annualisation=profile.annualisation,
        daily=daily,
        members=members,
        baselines=baselines,
        weights=shares[shares["week"] <= end],
        physical=newest[["symbol", "weight", "gross_before_netting", "contributors"]],
        checks=checks,
        withheld=withheld,
        point_in_time=_point_in_time(venue),
        survivorship=_survivorship(lakehouse, start, end),
        cost_assumptions=_costs(profile),
        input_digest=_input_digest(ledger),
        config_hash=profile.config_hash,
        code_version=f"{__version__} / {code_version(*ROOMS)}",
        commands=(f"quant backfill --profile {profile.name}", f"quant run {meta.name}/report --profile {profile.name}"),
        warnings=(*warnings, *absent),
        provenance={"environment hash": env_hash(), "lakehouse": lakehouse.root},
    )


def _member_daily(
    lakehouse: Lakehouse, profile: Profile, name: str, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """A member's realised days inside the meta's period."""
    place = book_place(profile, name)
    rows = lakehouse.read(place.returns_table, scope=place.scope)
    return rows[(rows["date"] >= start) & (rows["date"] <= end)].reset_index(drop=True)


def _baselines(
    profile: Profile, lakehouse: Lakehouse, members: dict[str, pd.DataFrame], start: pd.Timestamp, end: pd.Timestamp
) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """What anybody could have held instead, from the same point-in-time universe; and what a young meta lacks of it."""
    first, last = start.strftime("%Y-%m-%d"), end.strftime("%Y-%m-%d")
    returns = lakehouse.read(RETURNS_TABLE, columns=["date", "symbol", "return"], start=first, end=last)
    before = last_open_days(profile.calendar, start.date(), 1)[0].strftime("%Y-%m-%d")
    pool = lakehouse.read(CANDIDATES_TABLE, columns=["date", "symbol", "passed", "rank"], start=before, end=last)
    pool = pool[pool["passed"]].drop_duplicates(["date", "symbol"])
    held = pool.assign(date=next_open_days(profile.calendar, pool["date"]))[["date", "symbol"]]
    symbol = profile.benchmark or str(pool.sort_values(["date", "rank", "symbol"])["symbol"].iloc[0])
    baselines = {
        "1/N over members": one_over_n(members),
        "equal-weight universe": equal_weight_universe(returns.merge(held, on=["date", "symbol"])),
        f"hold {symbol}": buy_and_hold(returns, symbol),
    }
    try:
        return {**baselines, "inverse volatility": inverse_volatility(members)}, ()
    except EmptyResult as error:
        return baselines, (f"a baseline is not shown yet: {error}",)


def _checks(ledger: Ledger) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Counts by rule, the partitions withheld with the rule, and the rules that were waived or warned."""
    rows = ledger.latest(columns=["verdicts"])
    days = rows["partition"].dt.strftime("%Y-%m-%d")
    counts = pd.DataFrame(count_verdicts(zip(rows["asset"], days, rows["verdicts"], strict=True)))
    refused = rows[rows["status"] == REFUSED]
    lines = [
        {"asset": found["asset"], "partition": day, "rule": found["rule"], "reason": found["message"]}
        for asset, day, verdicts in zip(refused["asset"], days[refused.index], refused["verdicts"], strict=True)
        for found in count_verdicts([(asset, day, verdicts)])
        if found["fail"]
    ]
    withheld = pd.DataFrame(lines, columns=["asset", "partition", "rule", "reason"])
    return counts, withheld, (*_told(counts, "waived", "WAIVED "), *_told(counts, "warn", ""))


def _told(counts: pd.DataFrame, verdict: str, prefix: str) -> tuple[str, ...]:
    """One sentence for each rule that gave this verdict on some partition."""
    found = counts[counts[verdict] > 0]
    columns = found[["asset", "rule", verdict, "last_breach", "message"]].itertuples(index=False)
    return tuple(
        f"{prefix}{asset}: {rule} on {count} partitions, last {day}: {message}"
        for asset, rule, count, day, message in columns
    )


def _point_in_time(venue: Venue) -> Flag:
    if venue.point_in_time_listings:
        return Flag("Point in time", True, "Listings, universe, features and weights of a day use nothing known later.")
    return Flag("Point in time", False, "The venue only tells today's listings: past universes lack what was delisted.")


def _survivorship(lakehouse: Lakehouse, start: pd.Timestamp, end: pd.Timestamp) -> Flag:
    """Counts the markets that ended inside the period: a source of survivors has none."""
    bars = lakehouse.read(OHLCV_TABLE, columns=["date", "symbol"], end=end.strftime("%Y-%m-%d"))
    last = bars.groupby("symbol")["date"].max()
    alive_at_start = last[last >= start]
    gone = int((alive_at_start < end - pd.Timedelta(days=GONE_AFTER_DAYS)).sum())
    text = (
        f"{gone} of {len(alive_at_start)} markets of the period ended inside it and keep their history to the last bar."
    )
    if gone:
        return Flag("Free of survivorship bias", True, text)
    return Flag(
        "Free of survivorship bias", False, f"{text} A source without a single delisting may hold survivors only."
    )


def _costs(profile: Profile) -> dict[str, str]:
    costs = profile.costs
    return {
        "fee": f"{costs.fee * 1e4:g} bp of traded notional",
        "slippage": f"{costs.slippage * 1e4:g} bp of traded notional",
        "borrow": f"{costs.borrow:.1%} a year on short notional",
    }


def _input_digest(ledger: Ledger) -> str:
    """Digest over the newest content of every published partition: two reports with one digest saw the same data."""
    rows = ledger.latest(columns=["data_version"]).sort_values(["asset", "partition"])
    return digest_of(
        [f"{a}@{p}={v}" for a, p, v in zip(rows["asset"], rows["partition"], rows["data_version"], strict=True)]
    )


def input_keys(profile: Profile, meta: MetaConfig) -> list[str]:
    """Names of the assets that a report rests on, for its edges in the graph."""
    returns = [keys.asset_name(book_place(profile, member).returns_key) for member in meta.members]
    return [f"{meta.name}/{keys.META_WEIGHTS}", f"{meta.name}/{keys.META_RETURNS}", *returns]
