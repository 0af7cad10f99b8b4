"""L2.PARITY: our own ratings beside those of a screener's snapshot, as a warning, never as an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule, warn_rule

PARITY = "L2.PARITY"
SNAPSHOT_VALUES = "SCREENER.VALUES"
RATINGS = ("recommend_ma", "recommend_other", "recommend_all")


@dataclass(frozen=True)
class ParityFigure:
    """One rating: markets compared, mean absolute error, share with the same sign where neither is zero (NaN: none)."""

    rating: str
    markets: int
    error: float
    sign_agreement: float


def parity_figures(snapshot: pd.DataFrame, features: pd.DataFrame) -> list[ParityFigure]:
    """Compare each rating that both frames have (columns symbol and `RATINGS`), over the symbols that both rate."""
    shared = [name for name in RATINGS if name in snapshot.columns and name in features.columns]
    both = snapshot[["symbol", *shared]].merge(
        features[["symbol", *shared]], on="symbol", suffixes=("_theirs", "_ours")
    )
    return [_figure(both, name) for name in shared]


def parity_result(
    snapshot: pd.DataFrame, features: pd.DataFrame, max_error: float, min_sign_agreement: float
) -> RuleResult:
    """Return L2.PARITY (WARN): the error of each rating is at most `max_error`, and enough signs agree.

    `checked` counts pairs of ratings and `breaches` those further apart than `max_error`; the rule fails by the mean
    and by the signs, not by single pairs. Nothing in common to compare passes and says so.
    """
    figures = [figure for figure in parity_figures(snapshot, features) if figure.markets]
    if not figures:
        return warn_rule(PARITY, checked=0, breaches=0, message="no market has a rating in both: nothing was compared")
    wrong = [f for f in figures if f.error > max_error or f.sign_agreement < min_sign_agreement]
    pairs = _pairs(snapshot, features, [f.rating for f in figures])
    far = pairs[pairs["difference"] > max_error]
    worst = far.nlargest(MAX_OFFENDERS, "difference").to_dict("records") if wrong else []
    offenders: list[dict[str, Any]] = [{str(k): v for k, v in record.items()} for record in worst]
    told = "; ".join(
        f"{f.rating} of {f.markets} markets: mean absolute error {f.error:.3f}, same sign {_share(f.sign_agreement)}"
        for f in figures
    )
    limits = f"limits {max_error:g} and {min_sign_agreement:.0%}"
    message = f"{told} ({limits})" + ("; a rating's formula or its bars differ" if wrong else "")
    return warn_rule(
        PARITY, checked=len(pairs), breaches=len(far), message=message, offenders=offenders, passed=not wrong
    )


def snapshot_result(snapshot: pd.DataFrame) -> RuleResult:
    """Return SCREENER.VALUES (ERROR): every market once, every known rating within [-1, 1]."""
    ratings = snapshot[list(RATINGS)].to_numpy(dtype=np.float64)
    beyond = (np.abs(ratings) > 1.0).any(axis=1)
    wrong = beyond | snapshot["symbol"].duplicated(keep=False).to_numpy(dtype=bool)
    names = snapshot.loc[wrong, "symbol"].tolist()
    message = f"{len(names)} of {len(snapshot)} markets are named twice or rated outside [-1, 1]"
    return error_rule(
        SNAPSHOT_VALUES, checked=len(snapshot), breaches=len(names), message=message,
        offenders=[{"symbol": name} for name in names],
    )  # fmt: skip


def _figure(both: pd.DataFrame, rating: str) -> ParityFigure:
    theirs, ours = (both[f"{rating}_{side}"].to_numpy(dtype=np.float64) for side in ("theirs", "ours"))
    known = ~np.isnan(theirs) & ~np.isnan(ours)
    theirs, ours = theirs[known], ours[known]
    signed = (theirs != 0) & (ours != 0)
    error = float(np.abs(theirs - ours).mean()) if len(theirs) else float("nan")
    same = float((np.sign(theirs) == np.sign(ours))[signed].mean()) if signed.any() else float("nan")
    return ParityFigure(rating, len(theirs), error, same)


def _pairs(snapshot: pd.DataFrame, features: pd.DataFrame, ratings: list[str]) -> pd.DataFrame:
    """Every pair of known ratings: symbol, rating, theirs, ours, difference (absolute)."""
    long = [
        frame.melt(id_vars="symbol", value_vars=ratings, var_name="rating", value_name=side).dropna()
        for frame, side in ((snapshot, "theirs"), (features, "ours"))
    ]
    pairs = long[0].merge(long[1], on=["symbol", "rating"])
    return pairs.assign(difference=(pairs["theirs"] - pairs["ours"]).abs())


def _share(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.0%}"
