"""`quant features compute`: features of a user's own bars, of any interval, over their whole history."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.cli.feature_bars import BarsFile, read_bars
from quant_assets.cli.session import print_json, print_table
from quant_assets.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from quant_assets.features.any_bars import AnyBars
    from quant_assets.features.config import FeaturesConfig
    from quant_assets.features.registry import Feature

SUFFIXES = (".csv", ".parquet")


def compute(
    bars: Path,
    out: Path,
    features: Sequence[str] | None,
    more: Sequence[str],
    profile: str | None,
    annualisation: float | None,
    as_json: bool,
) -> int:
    """Write symbol, date or timestamp as given, and one column for each feature, sorted by symbol and time."""
    replaced = _checked(out, bars)
    import pandas as pd

    from quant_assets.features.any_bars import any_bars, whole_history
    from quant_assets.features.engine import compute_features
    from quant_assets.features.loading import load_meanwhile

    wanted, config = feature_ids(features, more), features_config(profile)
    plan = Choice(config, wanted, profile is not None)
    load_meanwhile(plan.known())
    given = read_bars(bars)
    laid = any_bars(given.frame, given.micros)
    periods = annualisation or laid.annualisation
    chosen, left_out = plan.choose(given, laid, periods)
    rows = range_of(len(laid.series))
    values = compute_features(laid.series, rows, [whole_history(f) for f in chosen])
    columns = pd.DataFrame({f.id: values[f.id] for f in chosen}, copy=False)
    write_atomically(pd.concat([given.keys(laid.order), columns], axis=1), out)
    notes = [*given.notes, *laid.notes, *([f"{out} was there before and is replaced"] if replaced else [])]
    _report(given, laid, out, chosen, left_out, (periods, annualisation is not None), notes, as_json)
    return 0


def _checked(out: Path, bars: Path) -> bool:
    """Refuse what cannot be written, before anything is computed; whether ``out`` is there already."""
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {out}: write to a {' or a '.join(SUFFIXES)} file")
    if out.is_dir():
        raise UsageError(f"--out {out}: a folder; name a file in it")
    if out.exists() and bars.exists() and out.samefile(bars):
        raise UsageError(f"--out {out}: the file of the bars themselves; name another one")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _partial(out).touch()
        _partial(out).unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written there: {error.strerror or error}") from error
    return out.exists()


def _partial(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.getpid()}.partial")


def feature_ids(features: Sequence[str] | None, more: Sequence[str]) -> list[str] | None:
    """Ids of `--features`: repeated, with commas, or followed by more words; None where none was asked for."""
    if more and not features:
        raise UsageError(f"unexpected arguments {list(more)}; feature ids go with --features")
    if not features:
        return None
    ids = [i for text in (*features, *more) for i in text.replace(",", " ").split()]
    if not ids:
        raise UsageError("--features names no feature; leave the option out for all of them")
    return ids


def features_config(profile: str | None) -> FeaturesConfig:
    """Feature parameters of a profile, or the defaults."""
    from quant_assets.features.config import FeaturesConfig
    from quant_assets.profiles.load import load_profile

    return FeaturesConfig() if profile is None else load_profile(profile).features


@dataclass(frozen=True)
class Choice:
    """Which features to compute: those asked for, else the profile's, else all that are not on request only.

    Among those asked for, ``all`` stands for the latter.
    """

    config: FeaturesConfig
    asked: list[str] | None
    of_profile: bool

    def known(self) -> list[Feature]:
        """Features that may be asked of the bars; unknown and repeated ids are refused before anything is read."""
        return self._selected(365.0)

    def choose(self, given: BarsFile, laid: AnyBars, periods: float) -> tuple[list[Feature], dict[str, str]]:
        """Features that these bars can give, and the reason for each that is left out.

        Raises UsageError where one that was asked for by name cannot be given.
        """
        from quant_assets.features.any_bars import DAY, annualised_ids, needs_days, needs_volume

        yearly, known = annualised_ids(self.config), periods == periods
        reasons: list[tuple[Callable[[Feature], bool], str]] = []
        if not given.has_volume:
            reasons.append((needs_volume, "volume is needed, and the file has none"))
        if not known:
            reasons.append((lambda f: f.root.id in yearly, f"annualised; give --annualisation N ({laid.told})"))
        if laid.step != DAY:
            reasons.append((needs_days, "calendar days are counted, and the bars are not daily"))
        if not laid.aligned:
            reasons.append((lambda f: f.base is not None, "symbols are compared at one time; these share no time grid"))
        chosen, left_out = [], {}
        for feature in self._selected(periods if known else 365.0):
            why = next((text for fails, text in reasons if fails(feature)), None)
            if why is None:
                chosen.append(feature)
            elif self.asked is not None and feature.id in self.asked:
                raise UsageError(f"{given.path}: feature {feature.id} cannot be given: {why}")
            else:
                left_out[feature.id] = why
        if not chosen:
            raise UsageError(f"{given.path}: no feature can be computed from these bars: {left_out}")
        return chosen, left_out

    def _selected(self, periods: float) -> list[Feature]:
        from quant_assets.features.catalogue import build_registry, selected_features, spelled_out

        registry = build_registry(self.config, periods)
        if self.asked is not None:
            return list(registry.select(spelled_out(self.asked, registry)))
        if self.of_profile:
            return list(selected_features(self.config, periods))
        return [feature for feature in registry if not feature.on_request]


def range_of(count: int) -> Any:  # noqa: ANN401 - an integer array, without importing numpy at start
    """All rows 0 .. count - 1."""
    import numpy as np

    return np.arange(count, dtype=np.int64)


def write_atomically(frame: pd.DataFrame, out: Path) -> None:
    """Write a CSV or Parquet file that exists whole or not at all."""
    partial = _partial(out)
    try:
        if out.suffix.lower() == ".parquet":
            # A dictionary of values that hardly repeat costs time and space before the writer gives it up.
            texts = [str(name) for name, kind in frame.dtypes.items() if kind != "float64"]
            frame.to_parquet(partial, index=False, use_dictionary=texts)
        else:
            frame.to_csv(partial, index=False)
        partial.replace(out)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _report(
    given: BarsFile,
    laid: AnyBars,
    out: Path,
    chosen: Sequence[Feature],
    left_out: dict[str, str],
    periods: tuple[float, bool],
    notes: list[str],
    as_json: bool,
) -> None:
    """Say what was read, how it was understood, and what was left out."""
    years, stated = periods
    known = years == years
    told = {
        "file": str(given.path), "out": str(out), "bars": len(laid.series), "symbols": len(laid.series.symbols),
        "time_column": given.times.name, "interval": laid.told, "annualisation": years if known else None,
        "annualisation_from": "--annualisation" if stated else laid.told if known else "unknown",
        "features": [f.id for f in chosen], "left_out": left_out, "notes": notes,
    }  # fmt: skip
    if as_json:
        print_json(told)
        return
    shown = ("bars", "symbols", "interval", "annualisation", "annualisation_from")
    lines = [{"what": name.replace("_", " "), "value": told[name]} for name in shown]
    lines += [{"what": "features", "value": len(chosen)}]
    print_table(f"{len(chosen)} features written to {out}", lines)
    for note in notes:
        print(f"note: {note}")
    told_left_out(left_out)


def told_left_out(left_out: dict[str, str]) -> None:
    """Print the features that the bars cannot give, reason by reason."""
    for why in dict.fromkeys(left_out.values()):
        print(f"left out: {', '.join(i for i, w in left_out.items() if w == why)}: {why}")
