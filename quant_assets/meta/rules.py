"""Rules of level L4 on one week of one meta-portfolio; each returns a ``RuleResult``, ``meta_verdict`` all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult, Verdict, error_rule, warn_rule
from quant_assets.meta.config import MetaConfig
from quant_assets.meta.conservation import TOLERANCE, conservation_paths, contributor_gaps
from quant_assets.meta.engines import bounds_are_forced
from quant_assets.meta.join import JoinedReturns, join_members, lookback_window, returns_by_member, ruined_members

# a forced, partly invested or empty week is a declared and recorded decision of its sleeve, not a fallback
SOLVED = frozenset({"optimal", "closed_form", "forced", "partial_cash", "cash"})
CASH = "cash"
MIN_TWIN_DAYS = 14


@dataclass(frozen=True)
class MetaWeek:
    """Everything the L4 rules look at for one week.

    ``member_returns``: member, date, net, status before the week. ``weights``: the output of ``meta_weights``.
    ``books``: each member's book (symbol, weight). ``flat``: the output of ``flatten``. ``health``: member, week,
    status of each member's own weekly solves in the look-back. ``returns``: symbol, date, return of the days on which
    the value paths are compared (days of the look-back when weights are decided, of the week when it is over).
    ``solved``: the statuses that mean solved without fallback.
    """

    config: MetaConfig
    week: pd.Timestamp
    member_returns: pd.DataFrame
    weights: pd.DataFrame
    books: Mapping[str, pd.DataFrame]
    flat: pd.DataFrame
    health: pd.DataFrame
    returns: pd.DataFrame
    solved: frozenset[str] = SOLVED


def meta_verdict(facts: MetaWeek) -> Verdict:
    """Level L4 on one week: complete, health, join, scale, opposites, conservation, concentration, diversity."""
    window = lookback_window(facts.member_returns, facts.week, facts.config.lookback_weeks)
    ruined = ruined_members(window, facts.week, facts.config.members)
    live = tuple(m for m in facts.config.members if m not in ruined)
    results = [
        complete(facts.config, live, window, facts.books),
        health(facts.config, live, facts.health, facts.solved),
    ]
    present = set(window["member"].unique())
    if set(live) <= set(window.loc[window["net"].notna(), "member"].unique()) and live:
        results.append(join(facts.config, join_members(window, facts.week, facts.config.lookback_weeks, live)))
    else:
        absent = [m for m in live if m not in present] or list(facts.config.members)
        results.append(error_rule("L4.JOIN", checked=len(live), breaches=len(absent), message=_nothing_to_join(absent)))
    results += [scale(window), opposites(facts.config, window)]
    results.append(conserve(facts.weights, facts.books, facts.flat, facts.returns))
    results += [concentration(facts.config, facts.flat), diversity(facts.config, facts.weights)]
    return Verdict("L4", tuple(results))


def complete(
    config: MetaConfig, live: Iterable[str], window: pd.DataFrame, books: Mapping[str, pd.DataFrame]
) -> RuleResult:
    """L4.COMPLETE: every member has returns, every live one a non-empty book, and enough members live."""
    live = tuple(live)
    present = set(window["member"].unique())
    faults = [(m, "no returns in the look-back") for m in config.members if m not in present]
    faults += [(m, "no book this week") for m in live if m in present and m not in books]
    faults += [(m, "empty book") for m in live if m in books and _is_empty(books[m])]
    needed = 1 if config.single else 2
    if len(live) < needed:
        faults.append((config.name, f"{len(live)} live members, needs {needed}"))
    message = "every member is present" if not faults else "; ".join(f"{m}: {why}" for m, why in faults)
    return error_rule(
        "L4.COMPLETE",
        checked=len(config.members),
        breaches=len(faults),
        message=message if not faults else f"{message}; materialize what is missing, then this week again",
        offenders=({"member": m, "reason": why} for m, why in faults),
    )


def health(
    config: MetaConfig, live: Iterable[str], solves: pd.DataFrame, solved: frozenset[str] = SOLVED
) -> RuleResult:
    """L4.HEALTH: share of each live member's weeks that solved without fallback; no evidence is unhealthy.

    ``solves``: member, week, status, one row per member and week of the look-back.
    """
    offenders = []
    members = tuple(live)
    for member in members:
        statuses = solves.loc[solves["member"] == member, "status"]
        share = float(statuses.isin(solved).mean()) if len(statuses) else 0.0
        if not len(statuses) or share < config.health_share:
            offenders.append({"member": member, "weeks": len(statuses), "solved_share": share})
    worst = ", ".join(f"{o['member']} {o['solved_share']:.0%} of {o['weeks']} weeks" for o in offenders)
    return error_rule(
        "L4.HEALTH",
        checked=len(members),
        breaches=len(offenders),
        message=f"unhealthy (< {config.health_share:.0%} solved): {worst}; read the sleeves' solver statuses"
        if offenders
        else f"every live member solved at least {config.health_share:.0%} of its weeks",
        offenders=offenders,
    )


def join(config: MetaConfig, joined: JoinedReturns) -> RuleResult:
    """L4.JOIN: dates lost by the inner join; any loss is a warning, more than ``join_loss_error`` an error."""
    share = joined.loss_share
    offenders = joined.losses.loc[joined.losses["lacking"] > 0, ["member", "dates", "lacking"]].to_dict("records")
    message = f"inner join keeps {len(joined.returns)} of {joined.union_dates} dates ({share:.1%} lost)"
    rule = error_rule if share > config.join_loss_error else warn_rule
    if joined.lost_dates:
        message += "; backfill the lacking dates of: " + ", ".join(str(o["member"]) for o in offenders)
    return rule(
        "L4.JOIN",
        checked=joined.union_dates,
        breaches=joined.lost_dates,
        message=message,
        offenders=[{str(k): v for k, v in o.items()} for o in offenders],
    )


def scale(window: pd.DataFrame) -> RuleResult:
    """L4.SCALE: daily net returns of members are finite where present and within [-100 %, +100 %]; never clipped."""
    net = window["net"].to_numpy(dtype=np.float64)
    bad = window.loc[np.abs(net) > 1.0]
    return error_rule(
        "L4.SCALE",
        checked=int((~np.isnan(net)).sum()),
        breaches=len(bad),
        message=f"{len(bad)} daily returns outside [-100 %, +100 %]; look at the sleeve's simulation of those days"
        if len(bad)
        else "all member returns within [-100 %, +100 %]",
        offenders=(
            {"member": m, "date": f"{d:%Y-%m-%d}", "net": float(r)}
            for m, d, r in bad[["member", "date", "net"]].head(10).itertuples(index=False)
        ),
    )


def opposites(config: MetaConfig, window: pd.DataFrame) -> RuleResult:
    """L4.OPPOSITES: a long sleeve and its short twin must have a negative correlation over the look-back.

    Fewer than ``MIN_TWIN_DAYS`` common days, or a twin that never moves, is no evidence and counts as a breach.
    """
    offenders = []
    for long_sleeve, short_sleeve in config.opposites:
        correlation, days = _twin_correlation(window, long_sleeve, short_sleeve)
        if days < MIN_TWIN_DAYS or not correlation < 0.0:
            offenders.append({"long": long_sleeve, "short": short_sleeve, "correlation": correlation, "days": days})
    worst = ", ".join(f"{o['long']}/{o['short']} {o['correlation']:+.3f} over {o['days']} days" for o in offenders)
    return error_rule(
        "L4.OPPOSITES",
        checked=len(config.opposites),
        breaches=len(offenders),
        message=f"twins that do not oppose each other: {worst}; check the directions of both sleeves' books"
        if offenders
        else f"all {len(config.opposites)} long/short twins are negatively correlated",
        offenders=offenders,
    )


def conserve(
    weights: pd.DataFrame, books: Mapping[str, pd.DataFrame], flat: pd.DataFrame, returns: pd.DataFrame
) -> RuleResult:
    """L4.CONSERVE: flattened value path = recursive value path, contributors sum to the weights, both within 1e-12."""
    paths = conservation_paths(weights, books, flat, returns)
    # relative above 1: a short book of a coin that goes up 1000-fold has values whose last digit is larger than 1e-12
    limit = TOLERANCE * np.maximum(1.0, paths["recursive"].abs())
    days = paths.loc[~(paths["gap"] <= limit)]
    parts = contributor_gaps(flat)
    symbols = parts.loc[~(parts[["weight_gap", "gross_gap"]].max(axis=1) <= TOLERANCE)]
    offenders = [{"date": f"{d:%Y-%m-%d}", "gap": float(g)} for d, g in zip(days["date"], days["gap"], strict=True)]
    offenders += [
        {"symbol": str(s), "gap": float(g)} for s, g in zip(symbols["symbol"], symbols["weight_gap"], strict=True)
    ]
    return error_rule(
        "L4.CONSERVE",
        checked=len(paths) + len(parts),
        breaches=len(offenders),
        message=f"flattened and recursive books differ on {len(days)} days and {len(symbols)} symbols; a member's book "
        "changed after flattening, materialize the meta weights again"
        if offenders
        else f"flattened = recursive on {len(paths)} days (largest gap {paths['gap'].max():.1e})",
        offenders=offenders,
    )


def concentration(config: MetaConfig, flat: pd.DataFrame) -> RuleResult:
    """L4.CONCENTRATION: no physical position above ``concentration_limit`` of gross exposure (or of capital).

    ``concentration_base`` of the profile says which; an all-cash book has nothing to concentrate.
    """
    exposure = flat["weight"].abs()
    gross = float(exposure.sum())
    base = 1.0 if config.concentration_base == "capital" or gross == 0.0 else gross
    share = exposure / base
    over = flat.assign(share=share).loc[share > config.concentration_limit + 1e-12]
    over = over.sort_values("share", ascending=False)
    worst = ", ".join(f"{s} {v:.1%}" for s, v in over[["symbol", "share"]].head(3).itertuples(index=False))
    limit = f"{config.concentration_limit:.0%} of {config.concentration_base}"
    return error_rule(
        "L4.CONCENTRATION",
        checked=len(flat),
        breaches=len(over),
        message=f"{worst} (limit {limit}, {len(flat)} symbols); widen the selection, lower the sleeves' caps or raise "
        "concentration_limit in the profile"
        if len(over)
        else f"largest position {share.max():.1%}, limit {limit}",
        offenders=(
            {"symbol": str(s), "weight": float(w), "share": float(v)}
            for s, w, v in over[["symbol", "weight", "share"]].itertuples(index=False)
        ),
    )


def diversity(config: MetaConfig, weights: pd.DataFrame) -> RuleResult:
    """L4.DIVERSITY: effective number of members 1/sum(w^2), beside the least that the bounds permit.

    A warning when it is below ``diversity_floor``, or when the bounds leave only equal weight, for then the number
    says nothing about the members (a meta declared ``single`` is exempt).
    """
    live = weights.loc[weights["weight"] > 0.0, "weight"].to_numpy(dtype=float)
    effective = 1.0 / float(np.square(live).sum()) if len(live) else 0.0
    least = least_effective_number(len(live), config.min_weight, config.max_weight)
    forced = bounds_are_forced(len(live), config.min_weight, config.max_weight)
    broken = not config.single and (forced or effective < config.diversity_floor)
    message = f"effective number of members {effective:.2f} of {len(live)}; the bounds alone force at least {least:.2f}"
    if broken and forced:
        message += "; they leave only equal weight, so the engine decides nothing: widen min_weight..max_weight"
    elif broken:
        message += f"; below {config.diversity_floor:g}: lower max_weight or add members"
    return warn_rule(
        "L4.DIVERSITY",
        checked=len(live),
        breaches=int(broken),
        message=message,
        offenders=[{"effective": effective, "forced_at_least": least, "members": len(live)}],
    )


def least_effective_number(count: int, min_weight: float, max_weight: float) -> float:
    """Smallest 1/sum(w^2) of ``count`` weights in [min_weight, max_weight] that sum to 1.

    The sum of squares is convex, so its maximum is at a vertex: as many weights as possible at the maximum, the rest
    at the minimum, one in between.
    """
    if count == 0:
        return 0.0
    spare, room = max(0.0, 1.0 - count * min_weight), max_weight - min_weight
    full = min(count, int(spare / room + 1e-12)) if room > 0.0 else 0
    rest = max(0.0, spare - full * room) if full < count else 0.0
    squares = full * max_weight**2 + max(0, count - full - 1) * min_weight**2
    squares += (min_weight + rest) ** 2 if full < count else 0.0
    return float(1.0 / squares)


def _twin_correlation(window: pd.DataFrame, long_sleeve: str, short_sleeve: str) -> tuple[float, int]:
    """Pearson correlation of two members on their common days, and how many those are; NaN when one never moves."""
    wide = returns_by_member(window, (long_sleeve, short_sleeve)).dropna()
    if len(wide) < 2 or float(wide.std().min()) == 0.0:
        return float("nan"), len(wide)
    return float(wide[long_sleeve].corr(wide[short_sleeve])), len(wide)


def _is_empty(book: pd.DataFrame) -> bool:
    """True for a book without positions, unless it says itself that the week is spent in cash.

    A sleeve says so by its status; a nested meta by rows that name their contributors (or that there are none).
    """
    if bool((book["weight"] != 0.0).any()):
        return False
    in_cash = "status" in book.columns and bool((book["status"] == CASH).all())
    return book.empty or not (in_cash or "contributors" in book.columns)


def _nothing_to_join(absent: list[str]) -> str:
    return (
        f"nothing to join: no returns of {', '.join(absent)} in the look-back; materialize their sleeve_returns first"
    )
