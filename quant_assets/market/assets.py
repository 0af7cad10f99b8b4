"""Assets of the market room: ``listings``, and ``ohlcv`` with its quarantine and the health of symbols."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from partitions.days import daily
from partitions.mappings import same_partition
from quant_assets import keys
from quant_assets.charts import coverage_chart
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Companion, Input, PublishedAsset, day_after
from quant_assets.factory import VENUE, BuiltAsset, build_asset
from quant_assets.market.judgement import BarJudgement, judge_bars
from quant_assets.market.listing_rules import listing_verdicts, refuse_hostile
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun
from quant_assets.tables import HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE, QUARANTINE_TABLE

EXPECTED_STATUS = "TRADING"


def market_assets(profile: Profile) -> list[BuiltAsset]:
    """The assets of this room for a profile."""
    return [_listings(profile), _ohlcv(profile)]


def _listings(profile: Profile) -> BuiltAsset:
    asset = PublishedAsset(
        key=keys.LISTINGS,
        table=LISTINGS_TABLE,
        partitions=daily(profile.start, profile.end),
        levels=("L0",),
        description=(
            "Markets of the venue as listed that day, delisted and halted ones included while they are known."
            + profile.source_note
        ),
        group=keys.GROUP_MARKET,
        rooms=("market",),
        knowable=day_after,
        kinds=frozenset({"python", "deltalake", profile.source_kind}),
    )

    def body(run: PartitionRun) -> Batch:
        venue = run.resources.venue
        frame = venue.listings_range(_day(run.keys[0]), _day(run.keys[-1]))
        refuse_hostile(frame)
        verdicts = listing_verdicts(frame, run.keys)
        counts = frame.groupby(frame["date"].dt.strftime("%Y-%m-%d"))["symbol"].nunique()
        facts = {
            key: {"symbols": int(counts.get(key, 0)), "data_kind": venue.data_kind,
                  "point_in_time_listings": venue.point_in_time_listings}
            for key in run.keys
        }  # fmt: skip
        return Batch(frame, {key: (verdicts[key],) for key in run.keys}, facts)

    return build_asset(asset, body, [profile.venue], profile.owner, frozenset({VENUE}))


def _ohlcv(profile: Profile) -> BuiltAsset:
    asset = PublishedAsset(
        key=keys.OHLCV,
        table=OHLCV_TABLE,
        partitions=daily(profile.start, profile.end),
        levels=("L0", "L1"),
        description=(
            "Accepted daily bars. Every received bar is here or in `ohlcv_quarantine`, with its rule."
            + profile.source_note
        ),
        group=keys.GROUP_MARKET,
        rooms=("market",),
        knowable=day_after,
        inputs=(Input(keys.LISTINGS, LISTINGS_TABLE, same_partition(), ("date", "symbol", "status")),),
        companions=(
            Companion(
                keys.OHLCV_QUARANTINE, QUARANTINE_TABLE, "Rejected bars with rule and reason; written with `ohlcv`."
            ),
        ),
        side_tables=(HEALTH_TABLE,),
        kinds=frozenset({"python", "deltalake", profile.source_kind}),
        chart=coverage_chart,
    )

    def body(run: PartitionRun) -> Batch:
        listed = run.read(keys.asset_name(keys.LISTINGS))
        expected = listed.loc[listed["status"] == EXPECTED_STATUS, ["date", "symbol"]]
        received = run.resources.venue.bars(None, _day(run.keys[0]), _day(run.keys[-1]))
        days = pd.DatetimeIndex(run.keys)
        judged = judge_bars(
            received.frame[received.frame["date"].isin(days)],
            _history(run, profile),
            expected,
            profile.market,
            profile.redenominations,
            profile.identities,
            days=days,
            earlier_quarantine=_quarantine_before(run),
        )
        return _batch(run, judged, expected, received.report.attempts)

    config = [profile.venue, profile.market, *profile.redenominations, *profile.identities]
    return build_asset(asset, body, config, profile.owner, frozenset({VENUE}))


def _history(run: PartitionRun, profile: Profile) -> pd.DataFrame:
    """Accepted bars before the run: the rules' window, and every symbol's last bar however old."""
    rows = run.read_before(OHLCV_TABLE, run.keys[0])
    if rows.empty:
        return rows
    rows = rows[~rows["date"].isin(pd.DatetimeIndex(run.refused()))]
    since = pd.Timestamp(run.keys[0]) - pd.Timedelta(days=profile.market.history_days + 1)
    last = rows.groupby("symbol")["date"].transform("max")
    return rows[(rows["date"] >= since) | (rows["date"] == last)].reset_index(drop=True)


def _quarantine_before(run: PartitionRun) -> pd.DataFrame:
    return run.read_before(QUARANTINE_TABLE, run.keys[0]).drop(columns=["row"])


def _batch(run: PartitionRun, judged: BarJudgement, expected: pd.DataFrame, attempts: int) -> Batch:
    verdicts: dict[str, tuple[Verdict, ...]] = {d.strftime("%Y-%m-%d"): v for d, v in judged.verdicts.items()}
    counts = {name: _per_day(frame) for name, frame in
              (("accepted", judged.accepted), ("quarantined", judged.quarantined), ("expected", expected))}  # fmt: skip
    facts = {}
    for key in run.keys:
        accepted, quarantined, wanted = (counts[n].get(key, 0) for n in ("accepted", "quarantined", "expected"))
        facts[key] = {
            "symbols": accepted,
            "received": accepted + quarantined,
            "quarantined": quarantined,
            "expected": wanted,
            "coverage": accepted / wanted if wanted else 0.0,
            "fetch_attempts": attempts,
        }
    numbered = judged.quarantined.assign(row=judged.quarantined.groupby("date").cumcount())
    return Batch(
        judged.accepted,
        verdicts,
        facts,
        companions={QUARANTINE_TABLE.name: numbered},
        sides={HEALTH_TABLE.name: judged.health},
    )


def _per_day(frame: pd.DataFrame) -> dict[str, int]:
    return {str(day): int(n) for day, n in frame["date"].dt.strftime("%Y-%m-%d").value_counts().items()}


def _day(key: str) -> dt.date:
    return dt.date.fromisoformat(key)
