"""Assets of the market room: ``listings``, and ``ohlcv`` with its quarantine, coverage and the health of symbols."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from partitions.days import daily
from partitions.mappings import same_partition
from quant_assets import keys
from quant_assets.bar_ledger import NO_TRADING, REPAIRED, bar_inputs, newest_repairs, releases
from quant_assets.charts import coverage_chart
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, Companion, Input, PublishedAsset, day_after
from quant_assets.factory import CROSS_VENUE, VENUE, BuiltAsset, build_asset
from quant_assets.market.calendars import last_open_days
from quant_assets.market.config import Redenomination
from quant_assets.market.coverage import coverage_rows
from quant_assets.market.cross_source import cross_source_results
from quant_assets.market.decisions import Circumstances, bar_hashes, released_result
from quant_assets.market.health_rules import GAP
from quant_assets.market.judgement import BarJudgement, judge_bars
from quant_assets.market.listing_rules import in_sessions, listing_verdicts, refuse_hostile
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS
from quant_assets.market.splits import declared_splits
from quant_assets.profiles.model import Profile
from quant_assets.publishing import PartitionRun
from quant_assets.sessions import closed_among, record_closed
from quant_assets.tables import COVERAGE_TABLE, HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE, QUARANTINE_TABLE
from quant_resources.venues.port import FetchReport, Resumable
from quant_resources.venues.splits import SplitsVenue

EXPECTED_STATUS = "TRADING"
LISTED_DAYS_AT_ONCE, BAR_DAYS_AT_ONCE = 366, 1000
"""Days that are fetched, judged and published at a time, so that a market of hundreds of symbols stays below a gigabyte
over any range. Of bars as many as an exchange answers with at most: no request is added."""


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
        piece=LISTED_DAYS_AT_ONCE,
        kinds=frozenset({"python", "deltalake", profile.source_kind}),
    )

    def body(run: PartitionRun) -> Batch:
        venue = run.resources.venue
        frame = venue.listings_range(_day(run.keys[0]), _day(run.keys[-1]))
        refuse_hostile(frame)
        frame = in_sessions(frame, profile.calendar, getattr(profile.venue, "trading_within_days", None))
        verdicts = listing_verdicts(frame, run.keys)
        counts = frame.groupby(frame["date"].dt.strftime("%Y-%m-%d"))["symbol"].nunique()
        facts = {
            key: {"symbols": int(counts.get(key, 0)), "data_kind": venue.data_kind,
                  "point_in_time_listings": venue.point_in_time_listings}
            for key in run.keys
        }  # fmt: skip
        batch = Batch(frame, {key: (verdicts[key],) for key in run.keys}, facts)
        return record_closed(batch, profile.calendar, run.keys, asset.levels)

    return build_asset(asset, body, [profile.venue, profile.calendar], profile.owner, frozenset({VENUE}))


def _ohlcv_declared(profile: Profile) -> PublishedAsset:
    return PublishedAsset(
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
        piece=BAR_DAYS_AT_ONCE,
        inputs=(Input(keys.LISTINGS, LISTINGS_TABLE, same_partition(), ("date", "symbol", "status")),),
        companions=(
            Companion(
                keys.OHLCV_QUARANTINE, QUARANTINE_TABLE, "Rejected bars with rule and reason; written with `ohlcv`."
            ),
        ),
        side_tables=(HEALTH_TABLE,),
        records=(COVERAGE_TABLE,),
        standing=lambda lakehouse, days: bar_inputs(lakehouse, days, profile.waivers),
        settled=_forget_staged,
        kinds=frozenset({"python", "deltalake", profile.source_kind}),
        chart=coverage_chart,
    )


def _ohlcv(profile: Profile) -> BuiltAsset:
    asset = _ohlcv_declared(profile)

    def body(run: PartitionRun) -> Batch:
        told = newest_repairs(run.lakehouse, run.keys[0], run.keys[-1])
        idle = told.loc[told["outcome"] == NO_TRADING, ["date", "symbol", "reason"]]
        expected = _expected(run, profile, idle)
        received = run.resources.venue.bars(None, _day(run.keys[0]), _day(run.keys[-1]))
        days = pd.DatetimeIndex(run.keys)
        frame = received.frame[received.frame["date"].isin(days)]
        released = releases(run.lakehouse, run.keys[0], run.keys[-1])
        history = _history(run, profile)
        judged = judge_bars(
            frame,
            history,
            expected,
            profile.market,
            _redenominations(run, profile),
            profile.identities,
            days=days,
            earlier_quarantine=_quarantine_before(run),
            closed_days=closed_among(profile.calendar, [*history["date"].dt.strftime("%Y-%m-%d").head(1), *run.keys]),
            around=Circumstances(received.report.failed, profile.waivers, released),
        )
        _compare_sources(run, profile, judged)
        turnout = coverage_rows(
            expected, frame, judged.accepted, judged.quarantined, judged.verdicts, received.report.failed
        )
        batch = _batch(run, judged, _with_fetch(run, turnout, received.report), told)
        _show_released(batch, released, judged.accepted)
        health = judged.health if idle.empty else pd.concat([judged.health, _idle_health(idle, frame)])
        batch.sides[HEALTH_TABLE.name] = health
        return record_closed(batch, profile.calendar, run.keys, asset.levels)

    second = [] if profile.cross_check is None else [profile.cross_check]
    maps = [*profile.redenominations, *profile.identities]
    resources = {VENUE, CROSS_VENUE} if second else {VENUE}
    config = [profile.venue, profile.market, *maps, profile.calendar, *second]
    return build_asset(asset, body, config, profile.owner, frozenset(resources))


def _forget_staged(resources: Any, days: Sequence[str]) -> None:  # noqa: ANN401  # Dagster's resources
    """A venue that staged what it fetched keeps it until every day that was asked for is published."""
    if isinstance(resources.venue, Resumable):
        resources.venue.release(_day(days[0]), _day(days[-1]))


def _compare_sources(run: PartitionRun, profile: Profile, judged: BarJudgement) -> None:
    """Add L1.CROSS_SOURCE to the verdicts where the profile names a second source."""
    check = profile.cross_check
    if check is None:
        return
    other = run.resources.cross_venue.bars(None, _day(run.keys[0]), _day(run.keys[-1])).frame
    found = cross_source_results(judged.accepted, other, pd.DatetimeIndex(run.keys), check.rules)
    for day, result in found.items():
        l0, l1 = judged.verdicts[day]
        judged.verdicts[day] = (l0, Verdict(l1.level, (*l1.results, result)))


def _expected(run: PartitionRun, profile: Profile, idle: pd.DataFrame) -> pd.DataFrame:
    """Date and symbol of the markets listed and trading on open days, but for those confirmed not to have traded."""
    listed = run.read(keys.asset_name(keys.LISTINGS))
    trading = listed.loc[listed["status"] == EXPECTED_STATUS, ["date", "symbol"]]
    trading = trading[~trading["date"].isin(closed_among(profile.calendar, run.keys))]
    if idle.empty:
        return trading
    known = pd.MultiIndex.from_frame(idle[["date", "symbol"]])
    return trading[~pd.MultiIndex.from_frame(trading).isin(known)]


def _redenominations(run: PartitionRun, profile: Profile) -> list[Redenomination]:
    """What persons mapped, and the splits that the venue itself declares for prices that do not contain them."""
    venue = run.resources.venue
    if not isinstance(venue, SplitsVenue):
        return list(profile.redenominations)
    return declared_splits(venue.splits(_day(run.keys[-1])), profile.redenominations)


def _history(run: PartitionRun, profile: Profile) -> pd.DataFrame:
    """Accepted bars before the run: the rules' window, and every symbol's last bar however old."""
    first = last_open_days(profile.calendar, _day(run.keys[0]), profile.market.history_days + 1)[0]
    since, refused = f"{first:%Y-%m-%d}", pd.DatetimeIndex(run.refused())
    recent = _accepted(run, refused, run.keys[0], OHLCV_COLUMNS, since)
    # Names and days of what is older are enough to see who is gone; only their bars are read.
    seen = _accepted(run, refused, since, ("date", "symbol"))
    last = seen[~seen["symbol"].isin(recent["symbol"])].groupby("symbol")["date"].max()
    if last.empty:
        return recent
    gone = _accepted(run, refused, since, OHLCV_COLUMNS, f"{last.min():%Y-%m-%d}")
    gone = gone[gone["date"] == gone["symbol"].map(last)]
    return pd.concat([gone, recent], ignore_index=True)


def _accepted(
    run: PartitionRun, refused: pd.DatetimeIndex, before: str, columns: Sequence[str], since: str | None = None
) -> pd.DataFrame:
    """Published bars from ``since`` to before a day; of the ``refused`` days none."""
    rows = run.read_before(OHLCV_TABLE, before, columns, since)
    if rows.empty:
        return rows.astype({"date": "datetime64[us]"})
    return rows[~rows["date"].isin(refused)].reset_index(drop=True)


def _quarantine_before(run: PartitionRun) -> pd.DataFrame:
    return run.read_before(QUARANTINE_TABLE, run.keys[0], QUARANTINE_COLUMNS)


def _with_fetch(run: PartitionRun, turnout: pd.DataFrame, report: FetchReport) -> pd.DataFrame:
    """The coverage rows with the figures of the fetch that brought them and the number of the attempt."""
    before: Mapping[pd.Timestamp, int] = {}
    if run.lakehouse.open(COVERAGE_TABLE.name) is not None:
        found = run.lakehouse.read(COVERAGE_TABLE, columns=["date", "attempt"], start=run.keys[0], end=run.keys[-1])
        before = dict(zip(found["date"], found["attempt"], strict=True))
    return turnout.assign(
        attempt=[int(before.get(day, 0)) + 1 for day in turnout["date"]],
        requested=report.requested,
        requests=report.attempts,
        seconds=float(sum(report.seconds.values())),
    )


def _batch(run: PartitionRun, judged: BarJudgement, turnout: pd.DataFrame, told: pd.DataFrame) -> Batch:
    verdicts: dict[str, tuple[Verdict, ...]] = {d.strftime("%Y-%m-%d"): v for d, v in judged.verdicts.items()}
    accepted, quarantined = (_per_day(frame) for frame in (judged.accepted, judged.quarantined))
    facts = {}
    for row in turnout.to_dict("records"):
        key = f"{row['date']:%Y-%m-%d}"
        missing = len(json.loads(row["missing"]))
        facts[key] = {
            "symbols": accepted.get(key, 0),
            "received": accepted.get(key, 0) + quarantined.get(key, 0),
            "quarantined": quarantined.get(key, 0),
            "expected": row["expected"],
            "coverage": 1.0 - missing / row["expected"] if row["expected"] else 0.0,
            "retention": row["retention"],
            "attempt": row["attempt"],
            "fetch_requested": row["requested"],
            "fetch_requests": row["requests"],
            "fetch_failed": len(json.loads(row["failed"])),
            "fetch_seconds": row["seconds"],
            **({"missing_symbols": row["missing"]} if missing else {}),
            **({"failed_symbols": row["failed"]} if row["failed"] != "{}" else {}),
            **_waived(verdicts[key]),
        }
    numbered = judged.quarantined.assign(row=judged.quarantined.groupby("date").cumcount())
    numbered["repaired_at"] = pd.Series(pd.NaT, index=numbered.index, dtype="datetime64[us]")
    return Batch(
        judged.accepted.assign(repaired_at=_repaired_at(judged.accepted, told)),
        verdicts,
        facts,
        companions={QUARANTINE_TABLE.name: numbered},
        sides={COVERAGE_TABLE.name: turnout},
    )


def _waived(levels: tuple[Verdict, ...]) -> dict[str, str]:
    """What a waiver tolerates this day, for the partition's page."""
    told = [f"{r.rule} {r.message}" for v in levels for r in v.results if r.verdict == "waived"]
    return {"waived": "; ".join(told)} if told else {}


def _repaired_at(accepted: pd.DataFrame, told: pd.DataFrame) -> pd.Series:
    """When a repair obtained each accepted bar; NaT for any other, and for a bar that has other values by now."""
    marks = pd.Series(pd.NaT, index=accepted.index, dtype="datetime64[us]")
    came = told[told["outcome"] == REPAIRED]
    if came.empty:
        return marks
    wanted = {(r.date, r.symbol): (r.bar_hash, r.asked_at) for r in came.itertuples()}
    here = accepted[pd.MultiIndex.from_frame(accepted[["date", "symbol"]]).isin(list(wanted))]
    for index, day, symbol, digest in zip(here.index, here["date"], here["symbol"], bar_hashes(here), strict=True):
        known, asked_at = wanted[(day, symbol)]
        if known == digest:
            marks[index] = asked_at
    return marks


def _idle_health(idle: pd.DataFrame, received: pd.DataFrame) -> pd.DataFrame:
    """Health events of the markets that the venue confirmed not to have traded, where no bar came after all."""
    came = pd.MultiIndex.from_frame(received[["date", "symbol"]])
    rows = idle[~pd.MultiIndex.from_frame(idle[["date", "symbol"]]).isin(came)]
    return rows.assign(rule=GAP, state=NO_TRADING)[["date", "symbol", "rule", "state", "reason"]]


def _show_released(batch: Batch, released: pd.DataFrame, accepted: pd.DataFrame) -> None:
    """Add L0.RELEASED to the verdict of every day with a bar under a decision."""
    for key, rows in released.groupby(released["date"].dt.strftime("%Y-%m-%d")):
        if str(key) in batch.verdicts:
            raw, *others = batch.verdicts[str(key)]
            result = released_result(rows, accepted[accepted["date"] == pd.Timestamp(str(key))])
            batch.verdicts[str(key)] = (Verdict(raw.level, (*raw.results, result)), *others)


def _per_day(frame: pd.DataFrame) -> dict[str, int]:
    return {str(day): int(n) for day, n in frame["date"].dt.strftime("%Y-%m-%d").value_counts().items()}


def _day(key: str) -> dt.date:
    return dt.date.fromisoformat(key)
