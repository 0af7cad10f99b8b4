"""`quant features certify`: the L2 recomputation rules on stored bars, or on a file's, and nothing published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.cli.feature_bars import read_bars
from quant_assets.cli.feature_files import Choice, feature_ids, features_config, told_left_out
from quant_assets.cli.session import iso_range, open_lakehouse, print_json, print_table
from quant_assets.errors import EmptyResult

if TYPE_CHECKING:
    import pandas as pd

    from quant_assets.features.certifying import Certification
    from quant_assets.features.registry import Feature
    from quant_assets.profiles.model import Profile
    from quant_resources.lakehouse.store import Lakehouse

LAST_DAYS = 30
BAR_COLUMNS = (
    "date", "symbol", "open", "high", "low", "close", "volume", "quote_volume", "life_start", "adj_factor",
)  # fmt: skip
COLUMNS = ("feature", "verdict", "values", "density", "outside", "probes", "breaches", "drift_probes", "drift")


def certify(
    features: Sequence[str] | None,
    more: Sequence[str],
    profile: str | None,
    first: str | None,
    last: str | None,
    as_json: bool,
) -> int:
    """Certify the profile's features (or those named) on published days; exit code 3 where one fails."""
    from quant_assets.features.certifying import certify as certified
    from quant_assets.features.series import build_series
    from quant_assets.profiles.load import load_profile

    wanted, chosen = feature_ids(features, more), load_profile(profile)
    begin, end = iso_range(first, last)
    declared = _declared(chosen, wanted)
    lakehouse = open_lakehouse()
    days = _days(lakehouse, chosen, begin, end)
    series = build_series(_bars(lakehouse, chosen, days, max(f.reach_days for f in declared)))
    result = certified(series, days, declared, chosen.features, chosen.annualisation)
    span = days[0].strftime("%Y-%m-%d"), days[-1].strftime("%Y-%m-%d")
    _show(result, {"profile": chosen.name}, span, "days", as_json)
    return 0 if result.passed else 3


def certify_file(
    bars: Path, features: Sequence[str] | None, more: Sequence[str], profile: str | None, as_json: bool
) -> int:
    """Certify features on the last ``LAST_DAYS`` times of a file of bars, as declared; exit code 3 where one fails."""
    import numpy as np
    import pandas as pd

    from quant_assets.features.any_bars import any_bars
    from quant_assets.features.catalogue import DAYS_PER_YEAR
    from quant_assets.features.certifying import certify as certified
    from quant_assets.features.series import midnights

    config = features_config(profile)
    choice = Choice(config, feature_ids(features, more), profile is not None)
    given = read_bars(bars)
    laid = any_bars(given.frame, given.micros)
    chosen, left_out = choice.choose(given, laid, laid.annualisation)
    last = np.unique(laid.series.day)[-LAST_DAYS:]
    times = given.micros[laid.order][np.isin(laid.series.day, last)].astype("datetime64[us]").astype("datetime64[m]")
    periods = laid.annualisation if laid.annualisation == laid.annualisation else DAYS_PER_YEAR
    result = certified(laid.series, [pd.Timestamp(d) for d in midnights(last)], chosen, config, periods)
    _show(result, {"file": str(bars)}, (str(times.min()), str(times.max())), "times", as_json)
    if not as_json:
        told_left_out(left_out)
    return 0 if result.passed else 3


def _declared(profile: Profile, wanted: Sequence[str] | None) -> tuple[Feature, ...]:
    from quant_assets.features.catalogue import build_registry, selected_features

    if wanted is None:
        return selected_features(profile.features, profile.annualisation)
    return build_registry(profile.features, profile.annualisation).select(wanted)


def _days(lakehouse: Lakehouse, profile: Profile, first: str | None, last: str | None) -> list[pd.Timestamp]:
    """Open days with published bars in the range; without a range the last ``LAST_DAYS`` of them."""
    import pandas as pd

    from quant_assets.manifests import PUBLISHED, Ledger
    from quant_assets.market.calendars import closed_days

    states = Ledger(lakehouse).states("ohlcv")
    keys = sorted(k for k, s in states.items() if s.status == PUBLISHED and (first or "") <= k <= (last or "9999"))
    if keys:
        days = pd.DatetimeIndex(keys)
        closed = closed_days(profile.calendar, days[0].date(), days[-1].date())
        keys = [key for key, day in zip(keys, days, strict=True) if day not in closed]
    if not keys:
        raise EmptyResult(
            f"no bars are published from {first or 'the start'} to {last or 'the end'} in {lakehouse.root}; run "
            "`quant backfill --select listings --select ohlcv` first, or take a file's with --bars"
        )
    return [pd.Timestamp(k) for k in (keys if first or last else keys[-LAST_DAYS:])]


def _bars(lakehouse: Lakehouse, profile: Profile, days: Sequence[pd.Timestamp], reach: int) -> pd.DataFrame:
    """Stored bars up to the last day, all of them: drifts are measured on more history than values need.

    Raises ContractViolation where a day that values rest on is not published.
    """
    import pandas as pd

    from quant_assets.gate import ContractGate
    from quant_assets.manifests import Ledger
    from quant_assets.tables import OHLCV_TABLE

    begin = max(pd.Timestamp(profile.start), days[0] - pd.Timedelta(days=reach - 1))
    window = [d.strftime("%Y-%m-%d") for d in pd.date_range(begin, days[-1])]
    ContractGate(Ledger(lakehouse)).slice("ohlcv", OHLCV_TABLE.name, window, -1)
    return lakehouse.read(OHLCV_TABLE, columns=BAR_COLUMNS, end=window[-1], categories=("symbol",))


def _drift(record: dict[str, Any]) -> str:
    """The drift measured of the one allowed."""
    if not record["tolerance"]:
        return "fixed window"
    if not record["drift_probes"]:
        return "not measured"
    allowed = f"{record['tolerance']:.2g}" if record["declared"] else "none declared"
    return f"{record['drift']:.2g} of {allowed}"


def _show(result: Certification, source: dict[str, str], span: tuple[str, str], unit: str, as_json: bool) -> None:
    records = [f.to_record() for f in result.figures]
    if as_json:
        told = {**source, "first": span[0], "last": span[1], "days": result.days, "passed": result.passed}
        print_json({**told, "features": records, "broken_days": result.broken, "examples": list(result.examples)})
        return
    shown = [{**r, "drift": _drift(r)} for r in records]
    warnings = sum(r["verdict"] == "warn" for r in records)
    state = (
        "NOT certified" if not result.passed else f"certified, {warnings} with a warning" if warnings else "certified"
    )
    print_table(f"{state}: {span[0]} .. {span[1]} ({result.days} {unit})", shown, COLUMNS)
    if unmeasured := [r["feature"] for r in records if r["tolerance"] and not r["drift_probes"]]:
        print(f"{len(unmeasured)} drifts not measured: no sampled symbol has twice the bars of the feature's window")
    for rule, days in result.broken.items():
        if days:
            print(f"{rule}: broken on {days} days")
    for example in result.examples:
        print(f"  {example}")
