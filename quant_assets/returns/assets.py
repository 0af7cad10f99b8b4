"""Asset of the returns room: ``returns_matrix``."""

from __future__ import annotations

import pandas as pd

from partitions.days import daily
from partitions.mappings import trailing_days
from quant_assets import keys
from quant_assets.declaration import Batch, Input, PublishedAsset, day_after
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun
from quant_assets.returns.compute import MAX_HALT_DAYS, simple_returns
from quant_assets.returns.rules import return_verdicts
from quant_assets.sessions import closed_among, last_open, record_closed
from quant_assets.tables import OHLCV_TABLE, RETURNS_TABLE

BAR_COLUMNS = ("date", "symbol", "close", "life_start", "adj_factor")
SESSION_REACH = 32
"""Calendar days that hold `MAX_HALT_DAYS` + 2 sessions, however long the exchange's holidays are."""


def return_assets(profile: Profile) -> list[BuiltAsset]:
    """The asset of this room for a profile."""
    name = keys.asset_name(keys.OHLCV)
    reach = MAX_HALT_DAYS + 2 if last_open(profile.calendar) is None else SESSION_REACH
    asset = PublishedAsset(
        key=keys.RETURNS_MATRIX,
        table=RETURNS_TABLE,
        partitions=daily(profile.start, profile.end),
        levels=("L1",),
        description="Simple daily returns; a crash is in them, a re-used ticker or an unmapped re-denomination is not.",
        group=keys.GROUP_RETURNS,
        rooms=("returns",),
        knowable=day_after,
        inputs=(Input(keys.OHLCV, OHLCV_TABLE, trailing_days(reach, profile.start), BAR_COLUMNS),),
    )

    def body(run: PartitionRun) -> Batch:
        bars = run.read(name)
        days = pd.DatetimeIndex(run.keys)
        closed = closed_among(profile.calendar, [bars["date"].min().strftime("%Y-%m-%d"), *run.keys])
        frame = simple_returns(bars, days[0], days[-1], MAX_HALT_DAYS, closed)
        frame = frame[frame["date"].isin(days)].reset_index(drop=True)
        verdicts = return_verdicts(frame, bars, days, profile.market, closed)
        counts = frame["date"].dt.strftime("%Y-%m-%d").value_counts()
        means = frame.groupby(frame["date"].dt.strftime("%Y-%m-%d"))["return"].mean()
        facts = {
            key: {"symbols": int(counts.get(key, 0)), "mean_return": float(means.get(key, float("nan")))}
            for key in run.keys
        }
        batch = Batch(frame, {d.strftime("%Y-%m-%d"): (v,) for d, v in verdicts.items()}, facts)
        return record_closed(batch, profile.calendar, run.keys, asset.levels)

    return [build_asset(asset, body, [profile.market, profile.calendar], profile.owner)]
