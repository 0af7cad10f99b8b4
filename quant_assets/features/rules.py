"""Contract level L2: what must hold of each day of the feature matrix before anything may read it.

Every rule is evaluated on a whole range of days at once and reported day by day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, Verdict, error_rule, warn_rule
from quant_assets.features.catalogue import selected_features
from quant_assets.features.certificate import gather_evidence, measured
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.custom import CUSTOM
from quant_assets.features.engine import Compute, compute_features
from quant_assets.features.matrix import Days, as_series
from quant_assets.features.matrix_range import as_range
from quant_assets.features.range_certificate import Known, certificates_frame
from quant_assets.features.recomputation_rules import prefix_results, warmup_results
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, IntArray, day_numbers, midnights
from quant_assets.features.value_rules import bounds_results, lag_results, nan_results

RULES = ("L2.SCHEMA", "L2.BOUNDS", "L2.NAN", "L2.LAG", "L2.PREFIX", "L2.WARMUP")


@dataclass(frozen=True, eq=False)
class Judgement:
    """The L2 verdict of each day; of the days whose form is right, the number of rows that lack no value, and the
    certificates (``certificates_frame``).
    """

    verdicts: dict[pd.Timestamp, Verdict]
    complete: dict[pd.Timestamp, int]
    certificates: pd.DataFrame | None


def feature_verdicts(
    frame: pd.DataFrame,
    bars: pd.DataFrame | BarSeries,
    days: Days,
    config: FeaturesConfig,
    annualisation: float,
    *,
    features: Sequence[Feature] | None = None,
    compute: Compute = compute_features,
) -> dict[pd.Timestamp, Verdict]:
    """L2 verdict of each of ``days`` of a feature matrix ``frame`` computed from ``bars``; see ``judge_features``."""
    return judge_features(frame, bars, days, config, annualisation, features=features, compute=compute).verdicts


def judge_features(
    frame: pd.DataFrame,
    bars: pd.DataFrame | BarSeries,
    days: Days,
    config: FeaturesConfig,
    annualisation: float,
    *,
    known: Known | None = None,
    features: Sequence[Feature] | None = None,
    compute: Compute = compute_features,
) -> Judgement:
    """L2 verdict of each of ``days`` of a feature matrix ``frame`` computed from ``bars``, and the certificates.

    ``features`` and ``compute`` must be what made the frame (default: the profile's features, the engine): L2.PREFIX
    runs them on fabricated futures. Where the form of a day is wrong, the later rules fail there as not evaluated.
    Certificates are written where ``known`` says what the features were made from.
    """
    chosen = tuple(features) if features is not None else selected_features(config, annualisation)
    declared = tuple(measured(f) if CUSTOM in f.tags else f for f in chosen)
    numbers = np.unique(day_numbers(pd.DatetimeIndex(days)))
    stamps = pd.DatetimeIndex(midnights(numbers))
    wrong = _column_problem(frame, declared)
    if wrong:
        withheld = _withheld(error_rule(RULES[0], checked=len(frame), breaches=1, message=wrong))
        return Judgement(dict.fromkeys(stamps, withheld), {}, None)
    schema = _schema_results(frame, numbers)
    right = np.array([r.passed for r in schema])
    sound = frame["date"].isin(stamps[right])
    data = as_range(frame if sound.all() else frame[sound], as_series(bars), numbers, declared, config)
    evidence = gather_evidence(data, compute)
    lag = lag_results(data)
    later = zip(
        bounds_results(data), nan_results(data), lag, prefix_results(data, evidence), warmup_results(data, evidence),
        strict=True,
    )  # fmt: skip
    verdicts = {
        stamp: Verdict("L2", (result, *rest)) if result.passed else _withheld(result)
        for stamp, result, rest in zip(stamps, schema, later, strict=True)
    }
    certificates = None if known is None else certificates_frame(data, evidence, lag, known)
    if certificates is not None and not right.all():
        certificates = certificates[certificates["date"].isin(stamps[right])]
    complete = dict(zip(stamps[right], data.counts.complete[right].tolist(), strict=True))
    return Judgement(verdicts, complete, certificates)


def _column_problem(frame: pd.DataFrame, features: Sequence[Feature]) -> str:
    """What is wrong with the columns of the matrix; empty when nothing is."""
    expected = ["date", "symbol", *(f.id for f in features)]
    if list(frame.columns) != expected:
        absent = [c for c in expected if c not in frame.columns]
        extra = [str(c) for c in frame.columns if c not in expected]
        return f"columns must be date, symbol and the configured features, in order: missing {absent}, extra {extra}"
    wrong = [c for c in expected[2:] if frame[c].dtype != np.float64]
    if frame["date"].dtype.kind != "M" or frame["date"].dt.tz is not None or frame["date"].isna().any():
        wrong.insert(0, "date")
    if not pd.api.types.is_string_dtype(frame["symbol"].dtype) or frame["symbol"].isna().any():
        wrong.insert(0, "symbol")
    return f"columns {wrong} have the wrong type: date naive datetime64, symbol str, features float64" if wrong else ""


def _schema_results(frame: pd.DataFrame, days: IntArray) -> list[RuleResult]:
    """L2.SCHEMA of each day: sorted by symbol, no symbol twice (the columns are right already)."""
    instants = pd.DatetimeIndex(frame["date"])
    number, rest = np.divmod(instants.asi8, np.timedelta64(1, "D") // np.timedelta64(1, instants.unit))
    symbol, wrong = frame["symbol"].array, rest != 0
    if (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        number, symbol, wrong = number[order], symbol.take(order), wrong[order]
    wrong[1:] |= (number[1:] == number[:-1]) & np.asarray(symbol[1:] <= symbol[:-1], dtype=np.bool_)
    results = []
    for low, high in zip(np.searchsorted(number, days), np.searchsorted(number, days, side="right"), strict=True):
        at = np.flatnonzero(wrong[low:high]) + low
        text = (
            "rows repeat a symbol, are not sorted by it, or carry a time of day; write one row for each symbol and day"
        )
        results.append(
            error_rule(
                "L2.SCHEMA",
                checked=int(high - low),
                breaches=len(at),
                message=text if len(at) else "columns, types and key are as declared",
                offenders=[{"symbol": symbol[i]} for i in at[:MAX_OFFENDERS]],
            )
        )
    return results


def _withheld(schema: RuleResult) -> Verdict:
    """Verdict of a day whose form is wrong: L2.SCHEMA is broken and nothing after it could be evaluated."""
    text = "not evaluated because L2.SCHEMA is broken"
    later = [error_rule(rule, checked=0, breaches=0, message=text, passed=False) for rule in RULES[1:-1]]
    return Verdict("L2", (schema, *later, warn_rule(RULES[-1], checked=0, breaches=0, message=text, passed=False)))
