"""Asset of the universe room: ``candidates``."""

from __future__ import annotations

import pandas as pd

from partitions.days import daily
from partitions.mappings import same_partition, trailing_days
from quant_assets import keys
from quant_assets.declaration import Batch, Input, PublishedAsset, day_after
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun
from quant_assets.tables import CANDIDATES_TABLE, HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE
from quant_assets.universe.rules import universe_verdicts
from quant_assets.universe.screening import bars_window, screen

BAR_COLUMNS = ("date", "symbol", "close", "volume", "quote_volume", "life_start", "adj_factor")


def universe_assets(profile: Profile) -> list[BuiltAsset]:
    """The asset of this room for a profile."""
    bars_name, listings_name = keys.asset_name(keys.OHLCV), keys.asset_name(keys.LISTINGS)
    window = trailing_days(max(bars_window(u) for u in profile.universes), profile.start)
    asset = PublishedAsset(
        key=keys.CANDIDATES,
        table=CANDIDATES_TABLE,
        partitions=daily(profile.alpha_start, profile.end),
        levels=("L2",),
        description="Every listed market, in or out of each universe that day, with the reasons; from its past only.",
        group=keys.GROUP_UNIVERSE,
        rooms=("universe",),
        knowable=day_after,
        inputs=(
            Input(keys.OHLCV, OHLCV_TABLE, window, BAR_COLUMNS),
            Input(keys.LISTINGS, LISTINGS_TABLE, same_partition()),
        ),
    )

    def body(run: PartitionRun) -> Batch:
        bars, listings = run.read(bars_name), run.read(listings_name)
        health = run.read_before(HEALTH_TABLE, day_after(run.keys[-1]))
        days = pd.DatetimeIndex(run.keys)
        frames = [screen(bars, listings, health, universe, days, profile.market) for universe in profile.universes]
        frame = pd.concat(frames, ignore_index=True).rename(columns={"intent": "direction"})
        day = frame["date"].dt.strftime("%Y-%m-%d")
        markets, passed = frame.groupby(day)["symbol"].nunique(), frame.groupby(day)["passed"].sum()
        facts = {key: {"symbols": int(markets.get(key, 0)), "passed": int(passed.get(key, 0))} for key in run.keys}
        return Batch(
            frame,
            {d.strftime("%Y-%m-%d"): (v,) for d, v in universe_verdicts(frame, profile.universes, days).items()},
            facts,
        )

    return [build_asset(asset, body, [*profile.universes, profile.market], profile.owner)]
