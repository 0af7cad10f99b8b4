"""Assets of the universe room: ``candidates``, and ``screener_snapshot`` where a profile asks for it."""

from __future__ import annotations

import pandas as pd

from partitions.days import daily
from partitions.mappings import same_partition, trailing_days
from partitions.today import day_before, from_today
from quant_assets import keys
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Input, PublishedAsset, day_after
from quant_assets.errors import UsageError
from quant_assets.factory import SCREENER, BuiltAsset, build_asset
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun, asset_frame
from quant_assets.sessions import closed_among, open_keys, record_closed
from quant_assets.tables import (
    CANDIDATES_TABLE,
    HEALTH_TABLE,
    LISTINGS_TABLE,
    OHLCV_TABLE,
    SCREENER_TABLE,
    features_table,
)  # fmt: skip
from quant_assets.universe.parity import RATINGS, parity_result, snapshot_result
from quant_assets.universe.rules import universe_verdicts
from quant_assets.universe.screening import bars_window, screen
from quant_resources.screener import Snapshot
from quant_resources.venues.port import Clock, utc_now

BAR_COLUMNS = ("date", "symbol", "close", "volume", "quote_volume", "life_start", "adj_factor")


def universe_assets(profile: Profile) -> list[BuiltAsset]:
    """The asset of this room for a profile."""
    bars_name, listings_name = keys.asset_name(keys.OHLCV), keys.asset_name(keys.LISTINGS)
    hashes = {f"rules_{universe.name}": universe.rules_hash for universe in profile.universes}
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
        opened = open_keys(profile.calendar, run.keys)
        if not opened:
            return record_closed(Batch(asset_frame(asset), {}), profile.calendar, run.keys, asset.levels)
        bars, listings = run.read(bars_name), run.read(listings_name)
        health = run.read_before(HEALTH_TABLE, day_after(run.keys[-1]))
        days = pd.DatetimeIndex(opened)
        closed = closed_among(profile.calendar, [min(window.keys(opened[0])), *run.keys])
        frames = [screen(bars, listings, health, u, days, profile.market, closed) for u in profile.universes]
        frame = pd.concat(frames, ignore_index=True).rename(columns={"intent": "direction"})
        day = frame["date"].dt.strftime("%Y-%m-%d")
        markets, passed = frame.groupby(day)["symbol"].nunique(), frame.groupby(day)["passed"].sum()
        facts = {
            key: {"symbols": int(markets.get(key, 0)), "passed": int(passed.get(key, 0)), **hashes} for key in opened
        }
        batch = Batch(
            frame,
            {d.strftime("%Y-%m-%d"): (v,) for d, v in universe_verdicts(frame, profile.universes, days).items()},
            facts,
        )
        return record_closed(batch, profile.calendar, run.keys, asset.levels)

    return [build_asset(asset, body, [*profile.universes, profile.market, profile.calendar], profile.owner)]


def screener_assets(profile: Profile, clock: Clock = utc_now) -> list[BuiltAsset]:
    """``screener_snapshot`` where the profile has a ``screener`` block, else nothing.

    Its partitions begin today: a past day cannot be asked for. It reads yesterday's features to be compared with them,
    and nothing of the platform reads it.
    """
    config = profile.screener
    if config is None:
        return []
    ratings = [name for name in RATINGS if name in profile.feature_ids]
    table = features_table([(name, "rating", "") for name in ratings])
    compared = (Input(keys.FEATURES_MATRIX, table, day_before(), ("date", "symbol", *ratings)),) if ratings else ()
    asset = PublishedAsset(
        key=keys.SCREENER_SNAPSHOT,
        table=SCREENER_TABLE,
        partitions=from_today(clock().date()),
        levels=("L2",),
        description="What a public screener says today, compared with our ratings of the last closed day (L2.PARITY). "
        "Never an input: a screener knows no past." + profile.source_note,
        group=keys.GROUP_UNIVERSE,
        rooms=("universe",),
        knowable=day_after,
        inputs=compared,
        kinds=frozenset({"python", "deltalake", config.kind}),
    )

    def body(run: PartitionRun) -> Batch:
        screener = run.resources.screener
        _require_today(run.asked, screener.today())
        found: Snapshot = screener.snapshot()
        (key,) = run.keys
        _require_today(run.keys, found.taken_at.strftime("%Y-%m-%d"))
        ours = run.read(keys.asset_name(keys.FEATURES_MATRIX)) if ratings else pd.DataFrame(columns=["symbol"])
        parity = parity_result(found.frame, ours, config.max_rating_error, config.min_sign_agreement)
        facts = {"symbols": len(found.frame), "matching": found.total, "left_out": len(found.rejected),
                 "compared": parity.checked, "parity": parity.message}  # fmt: skip
        return Batch(
            found.frame.assign(date=pd.Timestamp(key).as_unit("us")),
            {key: (Verdict("L2", (snapshot_result(found.frame), parity)),)},
            {key: facts},
        )

    return [build_asset(asset, body, [config, ratings], profile.owner, frozenset({SCREENER}))]


def _require_today(asked: list[str], today: str) -> None:
    if asked != [today]:
        raise UsageError(
            f"screener_snapshot: asked for {', '.join(asked[:3])}, but a screener tells today's values only and today "
            f"is {today}; nothing was stored. A past day cannot be made up for; materialize {today} alone"
        )
