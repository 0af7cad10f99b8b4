"""`quant features list`, `show`, `compare`: what each feature is, and its ratings beside a screener's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.cli.feature_bars import TIME_COLUMNS, numbers, read_table
from quant_assets.cli.session import print_json, print_table
from quant_assets.errors import EmptyResult, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from quant_assets.features.registry import Feature, Registry

LISTED = ("id", "title", "unit", "inputs", "window", "min_bars", "drift", "version", "tags", "computed")
SPARSE = ("id", "title", "unit", "inputs", "window", "min_bars", "drift", "tags")


def list_features(profile: str | None, as_json: bool) -> int:
    """One line for each registered feature, in the order of the registry, and for the profile's cross-sections."""
    from quant_assets.features.cross_section import CROSS_SECTIONS

    registry, selected = _registry(profile)
    named = registry.select(sorted(selected - set(registry.ids)))
    records = [_record(feature, selected) for feature in (*registry, *named)]
    kinds = {f"{kind.prefix}<id>": kind.formula.format(id="<id>") for kind in CROSS_SECTIONS}
    if as_json:
        print_json({"features": [{n: r[n] for n in LISTED} for r in records], "cross_sections": kinds})
        return 0
    shown = [{**r, "inputs": ", ".join(r["inputs"]), "tags": ", ".join(r["tags"])} for r in records]
    print_table(f"{len(records)} features; all of one: quant features show ID", shown, SPARSE)
    for name, formula in kinds.items():
        print(f"{name}, of any of them, only where it is asked for: {formula}")
    return 0


def show(feature: str, profile: str | None, as_json: bool) -> int:
    """The whole declaration of one feature."""
    registry, selected = _registry(profile)
    (found,) = registry.select([feature])
    record = _record(found, selected)
    if as_json:
        print_json(record)
        return 0
    lines = [{"field": name.replace("_", " "), "value": _text(value)} for name, value in record.items()]
    print_table(f"{found.id}: {found.title}", lines)
    return 0


def compare(file: Path, snapshot: Path, date: str | None, profile: str | None, as_json: bool) -> int:
    """L2.PARITY of the ratings in a computed file with those of a snapshot: shown as a warning, never an error."""
    from quant_assets.profiles.load import load_profile
    from quant_assets.universe.parity import parity_figures, parity_result
    from quant_resources.screener import ScreenerConfig

    limits = (load_profile(profile).screener if profile else None) or ScreenerConfig()
    theirs = _rated(snapshot, read_table(snapshot))
    if twice := sorted(set(theirs.loc[theirs["symbol"].duplicated(), "symbol"].astype(str))):
        raise UsageError(f"{snapshot}: {', '.join(twice[:3])} occur more than once; keep one row for each market")
    ours, moment = _at(file, _rated(file, read_table(file)), date)
    figures = parity_figures(theirs, ours)
    if not any(f.markets for f in figures):
        raise EmptyResult(
            f"no symbol has the same rating in {file} at {moment} and in {snapshot}; symbols must be spelled alike, "
            f"e.g. {ours['symbol'].iloc[0]} and {theirs['symbol'].iloc[0]}"
        )
    result = parity_result(theirs, ours, limits.max_rating_error, limits.min_sign_agreement)
    told = {
        "file": str(file), "snapshot": str(snapshot), "time": moment,
        "ratings": [{"rating": f.rating, "markets": f.markets, "mean_absolute_error": f.error,
                     "sign_agreement": f.sign_agreement} for f in figures],
        **result.to_record(),
    }  # fmt: skip
    if as_json:
        print_json(told)
        return 0
    print_table(f"{result.rule} at {moment}: {result.verdict}", told["ratings"])
    print(result.message)
    for offender in told["offenders"]:
        print("  " + ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in offender.items()))
    return 0


def _registry(profile: str | None) -> tuple[Registry, set[str]]:
    """All features of this release at a profile's parameters, and those that the profile computes."""
    from quant_assets.features.catalogue import build_registry, selected_features
    from quant_assets.features.config import FeaturesConfig
    from quant_assets.profiles.load import load_profile

    if profile is None:
        registry = build_registry(FeaturesConfig(), 365.0)
        return registry, {f.id for f in registry if not f.on_request}
    chosen = load_profile(profile)
    registry = build_registry(chosen.features, chosen.annualisation)
    return registry, {f.id for f in selected_features(chosen.features, chosen.annualisation)}


def _record(feature: Feature, selected: set[str]) -> dict[str, Any]:
    return {
        "id": feature.id, "title": feature.title, "formula": feature.formula, "source": feature.source,
        "inputs": list(feature.inputs), "parameters": dict(feature.parameters), "unit": feature.unit,
        "compares": feature.base.id if feature.base else None,
        "lower": feature.lower, "upper": feature.upper, "window": feature.window, "min_bars": feature.min_bars,
        "reach_days": feature.reach_days, "recursive": feature.memory, "drift": feature.drift,
        "drift_note": feature.drift_note, "version": feature.version, "tags": list(feature.tags),
        "computed": feature.id in selected,
    }  # fmt: skip


def _rated(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    from quant_assets.universe.parity import RATINGS
    from quant_resources.screener import FIELDS

    frame = frame.rename(columns={FIELDS[name]: name for name in RATINGS if name not in frame})
    shared = [name for name in RATINGS if name in frame.columns]
    if "symbol" not in frame.columns or not shared:
        raise UsageError(
            f"{path}: needs symbol and at least one of {', '.join(RATINGS)}; found {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise EmptyResult(f"{path}: no rows")
    return frame.assign(**{name: numbers(path, frame[name]) for name in shared})


def _at(path: Path, frame: pd.DataFrame, date: str | None) -> tuple[pd.DataFrame, str]:
    """The rows of one time: the given one, else the last of the file."""
    column = next((name for name in TIME_COLUMNS if name in frame.columns), None)
    if column is None:
        if date is not None:
            raise UsageError(f"--date {date}: {path} has no column date or timestamp")
        return frame, "no time"
    times = frame[column].astype("str")
    moment = times.max() if date is None else date
    rows = frame[times == moment]
    if rows.empty:
        raise UsageError(f"--date {date}: {path} has {column} {times.min()} .. {times.max()}, none of them that")
    return rows, str(moment)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} = {v:g}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value is None:
        return "nothing: one symbol's own bars alone"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
