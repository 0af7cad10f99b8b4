"""Assets of the meta room: ``<meta>/meta_weights`` and ``<meta>/meta_returns``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from partitions.mappings import days_before_week, weeks_before, weeks_through
from partitions.weeks import decision_weeks
from quant_assets import keys
from quant_assets.book_places import book_place
from quant_assets.charts import weights_chart
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Input, PublishedAsset, the_monday
from quant_assets.errors import QuantError
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.meta.config import MetaConfig
from quant_assets.meta.flatten import flatten
from quant_assets.meta.rules import MetaWeek, meta_verdict
from quant_assets.meta.weights import meta_weights
from quant_assets.profiles.model import Profile, meta_first_week
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.report_paths import report_paths
from quant_assets.tables import (
    META_MEMBERS_TABLE,
    META_WEIGHTS_TABLE,
    RETURNS_TABLE,
)

RETURNS = keys.asset_name(keys.RETURNS_MATRIX)
CONSERVATION_DAYS = 28
SOLVED = frozenset({"optimal", "forced", "partial_cash", "cash", "flattened"})
"""Statuses of a week that solved without a fallback; a cash week is a decision, not a failure."""


@dataclass(frozen=True)
class Member:
    """A member of a meta and its two inputs."""

    name: str
    returns: Input
    weights: Input


def members_of(profile: Profile, meta: MetaConfig) -> list[Member]:
    """The members with the inputs that the meta reads, in configured order."""
    return [_member(profile, meta, name) for name in meta.members]


def _member(profile: Profile, meta: MetaConfig, name: str) -> Member:
    first = meta_first_week(profile, name)
    place = book_place(profile, name)
    told = "contributors" if place.is_meta else "status"
    return Member(
        name,
        Input(
            place.returns_key,
            place.returns_table,
            weeks_before(meta.lookback_weeks, first),
            ("week", "date", "net", "status"),
            place.scope,
        ),
        Input(
            place.weights_key,
            place.weights_table,
            weeks_through(meta.lookback_weeks, first),
            ("week", "symbol", "net_weight", told),
            place.scope,
        ),
    )


def meta_weights_asset(profile: Profile, meta: MetaConfig) -> BuiltAsset:
    """Capital shares of a meta's members and the flattened physical book."""
    members = members_of(profile, meta)
    returns = Input(
        keys.RETURNS_MATRIX,
        RETURNS_TABLE,
        days_before_week(CONSERVATION_DAYS, profile.start),
        ("date", "symbol", "return"),
    )
    asset = PublishedAsset(
        key=keys.meta_key(meta.name, keys.META_WEIGHTS),
        table=META_WEIGHTS_TABLE,
        partitions=decision_weeks(meta_first_week(profile, meta.name), profile.end),
        levels=("L4",),
        description=(
            f"{meta.label}: physical weights of all members together, with who contributes what; "
            f"shares by {meta.engine}.{profile.source_note}"
        ),
        group=meta.name,
        rooms=("meta", "allocation"),
        knowable=the_monday,
        scope={"meta": meta.name},
        inputs=(*(m.returns for m in members), *(m.weights for m in members), returns),
        side_tables=(META_MEMBERS_TABLE,),
        chart=weights_chart,
        report=str(report_paths(profile, meta.name)[0]),
    )

    def body(run: PartitionRun) -> Batch:
        batch = Batch(asset_frame(asset), {})
        books, shares = [], []
        for key in run.keys:
            try:
                book, share, verdict, facts = _week(run, meta, members, key)
            except QuantError as error:
                batch.failures[key] = error
                continue
            books.append(book)
            shares.append(share)
            batch.verdicts[key], batch.facts[key] = (verdict,), facts
        if books:
            batch.frame = pd.concat(books, ignore_index=True)
            batch.sides[META_MEMBERS_TABLE.name] = pd.concat(shares, ignore_index=True)
        return batch

    return build_asset(asset, body, [meta], profile.owner)


def _week(
    run: PartitionRun, meta: MetaConfig, members: list[Member], key: str
) -> tuple[pd.DataFrame, pd.DataFrame, Verdict, dict[str, Any]]:
    week = pd.Timestamp(key)
    realised = pd.concat([run.read_for(m.returns.name, key).assign(member=m.name) for m in members], ignore_index=True)
    past = {m.name: run.read_for(m.weights.name, key) for m in members}
    books = {name: _book(rows, week) for name, rows in past.items()}
    shares = meta_weights(realised, meta, week)
    flat = flatten(shares, books)
    facts = MetaWeek(
        config=meta,
        week=week,
        member_returns=realised,
        weights=shares,
        books=books,
        flat=flat,
        health=_health(past),
        returns=run.read_for(RETURNS, key),
        solved=SOLVED,
    )
    verdict = meta_verdict(facts)
    book = flat.rename(columns={"weight": "net_weight"}).assign(week=week, meta=meta.name)
    members_frame = shares.drop(columns=["first_date", "last_date"]).assign(week=week, meta=meta.name)
    return book, members_frame, verdict, _facts(flat, shares)


def _book(rows: pd.DataFrame, week: pd.Timestamp) -> pd.DataFrame:
    """A member's book of the week: symbol, weight, and a sleeve's status or a nested meta's contributors."""
    kept = [c for c in ("symbol", "weight", "status", "contributors") if c in (*rows.columns, "weight")]
    return rows[rows["week"] == week].rename(columns={"net_weight": "weight"})[kept]


def _health(past: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Status of every member's weeks: member, week, status. A meta's published week is a flattened one."""
    frames = []
    for name, rows in past.items():
        weeks = rows.drop_duplicates("week")
        status = weeks["status"] if "status" in weeks.columns else "flattened"
        frames.append(pd.DataFrame({"member": name, "week": weeks["week"], "status": status}))
    return pd.concat(frames, ignore_index=True)


def _facts(flat: pd.DataFrame, shares: pd.DataFrame) -> dict[str, Any]:
    gross = float(flat["weight"].abs().sum())
    return {
        "symbols": len(flat),
        "gross_exposure": gross,
        "net_exposure": float(flat["weight"].sum()),
        "gross_before_netting": float(flat["gross_before_netting"].sum()),
        "largest_weight": float(flat["weight"].abs().max()),
        "effective_members": float(1.0 / (shares["weight"] ** 2).sum()),
        "live_members": int((shares["status"] != "ruined").sum()),
    }
