"""Asset of the selection room: ``<sleeve>/selection``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from partitions.mappings import days_before_week, last_day_before_week
from partitions.weeks import decision_weeks
from quant_assets import keys
from quant_assets.contracts.verdict import RuleResult, Verdict
from quant_assets.declaration import Batch, Input, PublishedAsset, the_monday
from quant_assets.errors import QuantError
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.feature_certificates import made_from_now, read_certificates
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.selection.certified import COLUMNS, certified_rules
from quant_assets.selection.rules import selection_verdict
from quant_assets.selection.select import SelectionResult, select
from quant_assets.sessions import last_open, window_days
from quant_assets.sleeves.config import SleeveConfig
from quant_assets.tables import CANDIDATES_TABLE, RETURNS_TABLE, SELECTION_TABLE, features_table

CANDIDATES, FEATURES, RETURNS = (
    keys.asset_name(k) for k in (keys.CANDIDATES, keys.FEATURES_MATRIX, keys.RETURNS_MATRIX)
)


def selection_asset(profile: Profile, sleeve: SleeveConfig) -> BuiltAsset:
    """The selection of one sleeve."""
    config = sleeve.selection
    columns = ("date", "symbol", *config.features)
    table = features_table([(name, name, "") for name in profile.feature_ids])
    count = last_open(profile.calendar)
    asset = PublishedAsset(
        key=keys.sleeve_key(sleeve.name, keys.SELECTION),
        table=SELECTION_TABLE,
        partitions=decision_weeks(profile.first_week, profile.end),
        levels=("L3",),
        description=(
            f"{sleeve.title}: which markets are held {sleeve.direction.value} from Monday on, "
            "and why the others are not."
        ),
        group=sleeve.name,
        rooms=("selection", "universe"),
        knowable=the_monday,
        scope={"sleeve": sleeve.name},
        inputs=(
            Input(keys.CANDIDATES, CANDIDATES_TABLE, last_day_before_week(count)),
            Input(keys.FEATURES_MATRIX, table, last_day_before_week(count), columns),
            Input(
                keys.RETURNS_MATRIX,
                RETURNS_TABLE,
                days_before_week(config.clusters.lookback_days, profile.start, count),
                ("date", "symbol", "return"),
            ),
        ),
    )

    def body(run: PartitionRun) -> Batch:
        batch = Batch(asset_frame(asset), {})
        frames: list[pd.DataFrame] = []
        made_from = made_from_now(profile)
        needed = {name: made_from[name] for name in config.features}
        for key, certified in _certified(run, needed).items():
            if not certified.passed:
                batch.verdicts[key] = (Verdict("L3", (certified,)),)
                continue
            try:
                result, verdict = _decide(run, key, sleeve, profile.calendar, frames)
            except QuantError as error:
                batch.failures[key] = error
                continue
            batch.verdicts[key] = (Verdict("L3", (certified, *verdict.results)),)
            batch.facts[key] = _facts(result)
        if frames:
            batch.frame = pd.concat(frames, ignore_index=True).rename(columns={"date": "week"})
            batch.frame.insert(0, "sleeve", sleeve.name)
        return batch

    return build_asset(asset, body, [sleeve.universe, sleeve.direction, config, profile.calendar], profile.owner)


def _certified(run: PartitionRun, needed: Mapping[str, str]) -> dict[str, RuleResult]:
    """L3.CERTIFIED of each week, on the days of the features that it reads."""
    slices = {key: run.slices[key][FEATURES] for key in run.keys}
    days = {key: dict(zip(own.partitions, own.data_versions, strict=True)) for key, own in slices.items()}
    first, last = min(min(own) for own in days.values()), max(max(own) for own in days.values())
    known = max(run.asset.knowable(key) for key in run.keys)
    certificates = read_certificates(run.lakehouse, first, last, as_of=known, columns=COLUMNS)
    return certified_rules(certificates, needed, days)


def _decide(
    run: PartitionRun, key: str, sleeve: SleeveConfig, calendar: str, frames: list[pd.DataFrame]
) -> tuple[SelectionResult, Verdict]:
    """The selection of one week, added to the ``frames`` of the weeks before it, and the rules on it."""
    config = sleeve.selection
    reach = window_days(calendar, key, config.clusters.lookback_days)  # open days, on a session calendar
    pool = run.read_for(CANDIDATES, key)
    pool = pool[pool["universe"] == sleeve.universe].rename(columns={"veto_reasons": "vetoes"})
    returns, features, week = run.read_for(RETURNS, key), run.read_for(FEATURES, key), pd.Timestamp(key)
    result = select(pool, features, returns, sleeve.direction, config, week, reach)
    frames.append(result.frame)
    verdict = selection_verdict(
        result.frame,
        returns,
        result.slices,
        config=config,
        direction=sleeve.direction,
        week=week,
        history=pd.concat(frames[-8:]) if len(frames) >= 8 else None,
        window_days=reach,
    )
    return result, verdict


def _facts(result: SelectionResult) -> dict[str, Any]:
    frame = result.frame
    return {
        "symbols": len(frame),
        "winners": int(frame["winner"].sum()),
        "forced": int(frame["forced"].sum()),
        "stage_reached": result.stage_reached,
        "status": result.status,
    }
