"""Asset of the allocation room: ``<sleeve>/sleeve_weights``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from partitions.mappings import days_before_week, same_partition
from partitions.weeks import decision_weeks
from quant_assets import keys
from quant_assets.allocation.allocate import AllocationResult, allocate, cash_frame
from quant_assets.allocation.min_variance import objective_gap
from quant_assets.allocation.rules import weights_verdict
from quant_assets.charts import weights_chart
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Input, PublishedAsset, the_monday
from quant_assets.errors import QuantError
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.sessions import last_open, window_days
from quant_assets.sleeves.config import SleeveConfig
from quant_assets.tables import RETURNS_TABLE, SELECTION_TABLE, WEIGHTS_TABLE

RETURNS = keys.asset_name(keys.RETURNS_MATRIX)
GAP_SAMPLE = 13
"""Every so many weeks the optimum is checked against an independent solve (the first week of a run included)."""


def weights_asset(profile: Profile, sleeve: SleeveConfig) -> BuiltAsset:
    """The weights of one sleeve."""
    selection = keys.sleeve_key(sleeve.name, keys.SELECTION)
    scope = {"sleeve": sleeve.name}
    lookback = days_before_week(sleeve.allocation.lookback_days, profile.start, last_open(profile.calendar))
    asset = PublishedAsset(
        key=keys.sleeve_key(sleeve.name, keys.SLEEVE_WEIGHTS),
        table=WEIGHTS_TABLE,
        partitions=decision_weeks(profile.first_week, profile.end),
        levels=("L3",),
        description=(
            f"{sleeve.title}: signed weights decided at Monday 00:00 UTC by {sleeve.allocation.engine}, "
            "held for seven days."
        ),
        group=sleeve.name,
        rooms=("allocation", "selection"),
        knowable=the_monday,
        scope=scope,
        inputs=(
            Input(selection, SELECTION_TABLE, same_partition(), ("week", "symbol", "winner", "status"), scope),
            Input(keys.RETURNS_MATRIX, RETURNS_TABLE, lookback, ("date", "symbol", "return")),
        ),
        chart=weights_chart,
    )

    def body(run: PartitionRun) -> Batch:
        batch = Batch(asset_frame(asset), {})
        frames = []
        for number, key in enumerate(run.keys):
            chosen = run.read(keys.asset_name(selection))
            chosen = chosen[chosen["week"] == pd.Timestamp(key)]
            try:
                sampled = number % GAP_SAMPLE == 0
                reach = window_days(profile.calendar, key, sleeve.allocation.lookback_days)
                frame, verdict, facts = _week(run.read_for(RETURNS, key), chosen, sleeve, key, sampled, reach)
            except QuantError as error:
                batch.failures[key] = error
                continue
            frames.append(frame)
            batch.verdicts[key], batch.facts[key] = (verdict,), facts
        if frames:
            batch.frame = pd.concat(frames, ignore_index=True).rename(columns={"date": "week"})
            batch.frame.insert(0, "sleeve", sleeve.name)
        return batch

    config = [sleeve.direction, sleeve.allocation, sleeve.selection.on_empty, profile.calendar]
    return build_asset(asset, body, config, profile.owner)


def _week(
    returns: pd.DataFrame,
    chosen: pd.DataFrame,
    sleeve: SleeveConfig,
    key: str,
    sampled: bool,
    reach: pd.DatetimeIndex | None,
) -> tuple[pd.DataFrame, Verdict, dict[str, Any]]:
    """Weights of one week with their verdict; a declared cash week has weights of zero."""
    week, config = pd.Timestamp(key), sleeve.allocation
    newest = {"returns": pd.Timestamp(returns["date"].max()), "selection": week - pd.Timedelta(days=1)}
    shared: dict[str, Any] = {
        "config": config,
        "direction": sleeve.direction,
        "week": week,
        "cash_allowed": sleeve.selection.on_empty == "cash",
    }
    if (chosen["status"] == "cash").all():
        frame = cash_frame(list(chosen["symbol"]), sleeve.direction, config, week)
        return frame, weights_verdict(frame, returns, pd.DataFrame(), None, newest, **shared), {"status": "cash"}
    result = allocate(returns, list(chosen.loc[chosen["winner"], "symbol"]), sleeve.direction, config, week, reach)
    gap = _sampled_gap(result, config.engine, config.cap) if sampled else None
    verdict = weights_verdict(
        result.frame, returns, result.streams, result.diagnostics, newest, **shared, sampled_gap=gap
    )
    return result.frame, verdict, _facts(result)


def _sampled_gap(result: AllocationResult, engine: str, cap: float) -> float | None:
    if engine != "min_variance":
        return None
    weights = result.frame["stream_weight"].to_numpy(dtype=float)
    return objective_gap(weights, result.covariance, cap, result.diagnostics.invested)


def _facts(result: AllocationResult) -> dict[str, Any]:
    figures = result.diagnostics
    frame = result.frame
    return {
        "symbols": figures.n,
        "gross_exposure": float(frame["net_weight"].abs().sum()),
        "net_exposure": float(frame["net_weight"].sum()),
        "effective_n": figures.effective_n,
        "largest_weight": float(frame["stream_weight"].max()),
        "condition_number": figures.condition,
        "shrinkage": figures.shrinkage + figures.extra_shrinkage,
        "solver_status": figures.solver_status,
        "status": str(frame["status"].iloc[0]),
        "forced": figures.forced,
    }
