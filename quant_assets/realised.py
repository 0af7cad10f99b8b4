"""Realised returns of a weekly book, a sleeve's or a meta's: the same asset over other tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from partitions.mappings import days_of_week, same_partition, weeks_before
from partitions.weeks import realised_weeks
from quant_assets import keys
from quant_assets.charts import equity_chart
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Input, PublishedAsset, monday_after
from quant_assets.errors import ContractViolation, QuantError
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.report_paths import report_paths
from quant_assets.sessions import open_keys
from quant_assets.simulation.book import BookState
from quant_assets.simulation.config import Costs
from quant_assets.simulation.rules import pnl_rule
from quant_assets.simulation.weekly import RealisedWeek, closing_book, realise_week
from quant_assets.tables import RETURNS_TABLE
from quant_resources.lakehouse.tables import TableSpec

RETURNS = keys.asset_name(keys.RETURNS_MATRIX)
RETURN_COLUMNS = ("date", "symbol", "return", "flag")


def realised_asset(
    profile: Profile,
    *,
    key: dg.AssetKey,
    weights: tuple[dg.AssetKey, TableSpec],
    tables: tuple[TableSpec, TableSpec],
    scope: Mapping[str, str],
    level: str,
    costs: Costs,
    title: str,
    first_week: dt.date,
) -> BuiltAsset:
    """Daily realised returns of a weekly book, simulated by the reference loop, week after week."""
    book_scope = dict(scope)
    asset = PublishedAsset(
        key=key,
        table=tables[0],
        partitions=realised_weeks(first_week, profile.end),
        levels=(level,),
        description=(
            f"{title}: realised daily gross, costs, net and turnover of the week's weights, "
            f"from the closing book of the week before.{profile.source_note}"
        ),
        group=next(iter(book_scope.values())),
        rooms=("simulation",),
        knowable=monday_after,
        scope=book_scope,
        inputs=(
            Input(weights[0], weights[1], same_partition(), ("week", "symbol", "net_weight"), book_scope),
            Input(keys.RETURNS_MATRIX, RETURNS_TABLE, days_of_week(), RETURN_COLUMNS),
        ),
        side_tables=(tables[1],),
        self_dependent=weeks_before(1, first_week),
        chart=equity_chart,
        report=_report_of(profile, book_scope),
    )
    calendar = profile.calendar
    return build_asset(asset, lambda run: _realise(run, asset, costs, calendar), [costs, calendar], profile.owner)


def _report_of(profile: Profile, scope: Mapping[str, str]) -> str:
    """The report of the meta itself, or of the first meta that holds the sleeve."""
    name = next(iter(scope.values()))
    metas = [m.name for m in profile.metas if name in (m.name, *m.members)]
    return str(report_paths(profile, metas[0])[0]) if metas else ""


def _realise(run: PartitionRun, asset: PublishedAsset, costs: Costs, calendar: str) -> Batch:
    """Weeks in order; each starts from the book that the week before left, published earlier or just computed."""
    batch = Batch(asset_frame(asset), {})
    daily: list[pd.DataFrame] = []
    contributions: list[pd.DataFrame] = []
    closing: dict[str, BookState] = {}
    for key in sorted(run.keys):
        try:
            opening = _opening(run, asset, key, closing)
            week = _week(run, asset, costs, key, opening, calendar)
        except QuantError as error:
            batch.failures[key] = error
            continue
        verdict = Verdict(asset.levels[0], tuple(pnl_rule(week.result, opening)))
        if verdict.passed:
            closing[key] = week.result.closing
        daily.append(week.daily)
        contributions.append(week.contributions)
        batch.verdicts[key], batch.facts[key] = (verdict,), _facts(week)
    name, value = next(iter(asset.scope.items()))
    if daily:
        batch.frame = pd.concat(daily, ignore_index=True).assign(**{name: value})
        batch.sides[asset.side_tables[0].name] = pd.concat(contributions, ignore_index=True).assign(**{name: value})
    return batch


def _opening(run: PartitionRun, asset: PublishedAsset, key: str, closing: Mapping[str, BookState]) -> BookState | None:
    """Closing book of the week before; None for the very first week; an error where that week is withheld."""
    lookback = asset.self_dependent
    before = lookback.keys(key) if lookback is not None else []
    if not before:
        return None
    if before[-1] in closing:
        return closing[before[-1]]
    if before[-1] in run.asked:
        raise ContractViolation(f"the week before, {before[-1]}, was withheld in this run; mend it first")
    stored = run.own_previous(key)
    return None if stored is None else closing_book(stored)


def _week(
    run: PartitionRun, asset: PublishedAsset, costs: Costs, key: str, opening: BookState | None, calendar: str
) -> RealisedWeek:
    weights = run.read_for(asset.inputs[0].name, key).rename(columns={"net_weight": "weight"})
    returns = run.read_for(RETURNS, key)
    days = pd.DatetimeIndex(open_keys(calendar, days_of_week().keys(key)), dtype="datetime64[us]")
    return realise_week(weights, returns, costs, opening, pd.Timestamp(key), days)


def _facts(week: RealisedWeek) -> dict[str, Any]:
    daily = week.daily
    return {
        "net_return": float(np.prod(1.0 + daily["net"].to_numpy(dtype=float)) - 1.0),
        "costs": float(daily["costs"].sum()),
        "turnover": float(daily["turnover"].sum()),
        "equity": float(daily["equity"].iloc[-1]),
        "symbols": int(week.contributions["symbol"].nunique()),
        "status": str(daily["status"].iloc[-1]),
        "realised_at_last_bar": int((week.contributions["event"] == "realised_at_last_bar").sum()),
    }
