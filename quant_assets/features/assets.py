"""Asset of the features room: ``features_matrix``."""

from __future__ import annotations

import pandas as pd

from partitions.days import daily
from partitions.mappings import trailing_days
from quant_assets import keys
from quant_assets.declaration import Batch, Input, PublishedAsset, day_after
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.feature_certificates import known_leaks, made_from_now
from quant_assets.features.catalogue import selected_features
from quant_assets.features.custom import custom_code
from quant_assets.features.loading import load_meanwhile
from quant_assets.features.matrix import as_series, days_needed, features_frame
from quant_assets.features.range_certificate import Known, certificate_facts
from quant_assets.features.rules import judge_features
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.sessions import open_keys, record_closed
from quant_assets.storing import rows_by_key
from quant_assets.tables import FEATURE_CERTIFICATES_TABLE, OHLCV_TABLE, features_table
from quant_resources.lakehouse.tables import TableSpec

BAR_COLUMNS = (
    "date", "symbol", "open", "high", "low", "close", "volume", "quote_volume", "life_start", "adj_factor",
)  # fmt: skip


def features_matrix_table(profile: Profile) -> TableSpec:
    """Table of the feature matrix with the profile's features as columns."""
    declared = selected_features(profile.features, profile.annualisation)
    return features_table([(f.id, f.description, f.unit) for f in declared])


def feature_assets(profile: Profile) -> list[BuiltAsset]:
    """The asset of this room for a profile."""
    name = keys.asset_name(keys.OHLCV)
    window = trailing_days(days_needed(profile.features, profile.annualisation), profile.start)
    asset = PublishedAsset(
        key=keys.FEATURES_MATRIX,
        table=features_matrix_table(profile),
        partitions=daily(profile.alpha_start, profile.end),
        levels=("L2",),
        description="Point-in-time features of every market with a bar that day, from bars up to that day only.",
        group=keys.GROUP_FEATURES,
        rooms=("features",),
        knowable=day_after,
        inputs=(Input(keys.OHLCV, OHLCV_TABLE, window, BAR_COLUMNS, categories=("symbol",)),),
        records=(FEATURE_CERTIFICATES_TABLE,),
        kinds=frozenset({"python", "numba", "deltalake"}),
    )

    def body(run: PartitionRun) -> Batch:
        opened = open_keys(profile.calendar, run.keys)
        if not opened:
            return record_closed(Batch(asset_frame(asset), {}), profile.calendar, run.keys, asset.levels)
        load_meanwhile(selected_features(profile.features, profile.annualisation))
        series = as_series(run.read(name))
        days = [pd.Timestamp(key) for key in opened]
        made_from = made_from_now(profile)
        known = Known(made_from, known_leaks(run.lakehouse, made_from))
        frame = features_frame(series, days, profile.features, profile.annualisation)
        judged = judge_features(frame, series, days, profile.features, profile.annualisation, known=known)
        counts = rows_by_key(frame["date"])
        certified = certificate_facts(judged.certificates)
        facts = {
            key: {
                "symbols": counts.get(key, 0),
                "symbols_warmed_up": judged.complete.get(day, 0),
                **certified.get(key, {}),
            }
            for key, day in zip(opened, days, strict=True)
        }
        batch = Batch(frame, {d.strftime("%Y-%m-%d"): (v,) for d, v in judged.verdicts.items()}, facts)
        if judged.certificates is not None:
            batch.sides[FEATURE_CERTIFICATES_TABLE.name] = judged.certificates
        return record_closed(batch, profile.calendar, run.keys, asset.levels)

    own = custom_code(profile.features.modules)
    config = [profile.features, profile.annualisation, profile.calendar, *own]
    return [build_asset(asset, body, config, profile.owner)]
