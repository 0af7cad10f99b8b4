"""Contract rules of a selection: L3.NONEMPTY, L3.VETO_SANITY, L3.DIRECTION, L3.ASOF and L1.DENSITY.

The rules read the published frame, not the code that made it: reasons are parsed from what was recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult, Verdict, error_rule, warn_rule
from quant_assets.selection.conditions import filter_ids
from quant_assets.selection.config import SelectionConfig
from quant_assets.selection.inputs import Week, monday
from quant_assets.selection.vetoes import Veto, parse_vetoes
from quant_assets.universe.direction import Direction

HISTORY_WEEKS = 8


def selection_verdict(
    frame: pd.DataFrame,
    returns: pd.DataFrame,
    slices: Mapping[str, pd.Timestamp],
    *,
    config: SelectionConfig,
    direction: Direction,
    week: Week,
    history: pd.DataFrame | None = None,
    window_days: pd.DatetimeIndex | None = None,
) -> Verdict:
    """All rules of level L3 (and L1.DENSITY) on one week's selection frame.

    ``returns``: long frame (date, symbol, return) before the week. ``slices``: newest date by input.
    ``history``: selection frames of the last weeks, this one included, for the part of VETO_SANITY that needs them.
    ``window_days``: the open days of the look-back on a session calendar; None where every day is open.
    """
    return Verdict(
        "L3",
        (
            nonempty_rule(frame, config),
            veto_sanity_rule(frame, config, history),
            direction_rule(frame, direction),
            asof_rule(slices, week),
            density_rule(frame, returns, config, week, window_days),
        ),
    )


def nonempty_rule(frame: pd.DataFrame, config: SelectionConfig) -> RuleResult:
    """L3.NONEMPTY: winners exist; below the floor the whole ladder was climbed and recorded; forced <= max share.

    Zero winners pass only as recorded ``cash`` that the profile allows, when symbols were measured and refused.
    """
    winners = frame[frame["winner"]]
    problems: list[str] = []
    if winners.empty:
        measured = [t for t in frame["vetoes"] if t and not any(v.hygiene for v in parse_vetoes(t))]
        cash = config.on_empty == "cash" and set(frame["status"]) == {"cash"} and bool(measured)
        if not cash:
            problems.append(f"no winner among {len(frame)} symbols; {_why_empty(frame)}")
    else:
        problems += _ladder_problems(frame, winners, config)
    forced = int(winners["forced"].sum())
    status = "/".join(sorted(set(frame["status"]))) or "no rows"
    message = "; ".join(problems) or f"{len(winners)} winners (floor {config.floor}), {forced} forced, status {status}"
    return error_rule("L3.NONEMPTY", checked=len(frame), breaches=len(problems), message=message)


def _ladder_problems(frame: pd.DataFrame, winners: pd.DataFrame, config: SelectionConfig) -> list[str]:
    """What is wrong with a non-empty selection: unrecorded relaxation, hidden or too many forced picks."""
    problems = []
    reached = set(frame["stage_reached"])
    if len(winners) < config.floor and reached != {config.relaxation.last_stage}:
        stages = sorted(reached)
        problems.append(f"{len(winners)} winners below floor {config.floor}, ladder recorded to {stages} only")
    if not winners["stage"].between(0, config.relaxation.last_stage).all():
        problems.append("a winner has no relaxation stage of the ladder")
    if (winners["forced"] != (winners["stage"] == 2)).any():
        problems.append("forced picks and stage 2 disagree")
    if any(v.hygiene for text in winners["vetoes"] for v in parse_vetoes(text)):
        problems.append("a winner carries a hygiene veto")
    if ((winners["vetoes"] != "") & (winners["stage"] == 0)).any():
        problems.append("a strict winner carries a veto")
    forced = int(winners["forced"].sum())
    if forced > config.relaxation.max_forced_share * len(winners) + 1e-9:
        share = config.relaxation.max_forced_share
        problems.append(f"{forced} of {len(winners)} winners are forced, more than {share:.0%}")
    return problems


def _why_empty(frame: pd.DataFrame) -> str:
    """The three most frequent vetoes, for the message of an empty selection."""
    counts = pd.Series([v.id for text in frame["vetoes"] for v in parse_vetoes(text)], dtype="str").value_counts()
    listed = ", ".join(f"{id_} {count}" for id_, count in counts.head(3).items())
    return f"most frequent vetoes: {listed or 'none recorded'}; review thresholds, or declare on_empty: cash"


def veto_sanity_rule(frame: pd.DataFrame, config: SelectionConfig, history: pd.DataFrame | None = None) -> RuleResult:
    """L3.VETO_SANITY: a filter that refuses everyone must show figures that explain it (E); one that refuses nobody
    over eight weeks is reported (W).

    Figures explain a total veto when each is finite, breaks its recorded bound, and they are not one constant for all:
    a constant is a default, not a measurement. A missing feature never explains anything.
    """
    unexplained = [_offender(id_, vetoes) for id_, vetoes in _total_vetoes(frame).items() if not _explained(vetoes)]
    checked = len(filter_ids(config))
    if unexplained:
        names = ", ".join(str(o["filter"]) for o in unexplained)
        message = f"vetoes the whole pool without figures that explain it: {names}; check the feature that feeds it"
        return error_rule(
            "L3.VETO_SANITY", checked=checked, breaches=len(unexplained), message=message, offenders=unexplained
        )
    idle = idle_filters(history, config) if history is not None else ()
    if idle:
        message = f"no veto in {HISTORY_WEEKS} weeks by {', '.join(idle)}: the filter does nothing, or reads nothing"
        return warn_rule("L3.VETO_SANITY", checked=checked, breaches=len(idle), message=message)
    return error_rule("L3.VETO_SANITY", checked=checked, breaches=0, message="every total veto is explained by figures")


def _total_vetoes(frame: pd.DataFrame) -> dict[str, list[Veto]]:
    """Vetoes by id, for ids that refuse every symbol they judged.

    Hygiene judges each symbol that passed the universe; a filter judges each symbol that passed hygiene.
    """
    rows = [parse_vetoes(text) for text in frame["vetoes"]]
    listed = [row for row in rows if not any(v.id == "candidate" for v in row)]
    clean = [row for row in listed if not any(v.hygiene for v in row)]
    by_id: dict[str, list[Veto]] = defaultdict(list)
    for row in listed:
        for veto in row:
            by_id[veto.id].append(veto)
    return {id_: vs for id_, vs in by_id.items() if len(vs) == len(listed if vs[0].hygiene else clean)}


def _explained(vetoes: list[Veto]) -> bool:
    """Finite figures that break their bound, not one constant value for several symbols."""
    values = {v.figures[0] for v in vetoes if v.figures is not None}
    return all(v.explained for v in vetoes) and (len(vetoes) == 1 or len(values) > 1)


def _offender(id_: str, vetoes: list[Veto]) -> dict[str, object]:
    return {"filter": id_, "vetoed": len(vetoes), "example": str(vetoes[0])}


def idle_filters(history: pd.DataFrame, config: SelectionConfig, weeks: int = HISTORY_WEEKS) -> tuple[str, ...]:
    """Configured filters without one veto in the newest ``weeks`` dates of ``history`` (columns date, vetoes).

    Empty while the history is shorter than that: too little evidence is not a finding.
    """
    days = pd.to_datetime(history["date"]).to_numpy()
    dates = np.unique(days)
    if len(dates) < weeks:
        return ()
    recent = history["vetoes"].to_numpy(dtype=object)[days >= dates[-weeks]]
    seen = {v.id for text in recent for v in parse_vetoes(text)}
    return tuple(id_ for id_ in filter_ids(config) if id_ not in seen)


def direction_rule(frame: pd.DataFrame, direction: Direction) -> RuleResult:
    """L3.DIRECTION: every row carries the sleeve's typed direction, unchanged."""
    typed = isinstance(direction, Direction)
    wrong = frame[(frame["direction"] != str(direction)).to_numpy(bool)] if typed else frame
    worst = zip(wrong["symbol"].head(10), wrong["direction"].head(10), strict=True)
    offenders = [{"symbol": str(symbol), "direction": str(found)} for symbol, found in worst]
    message = f"every symbol is {direction}" if typed and wrong.empty else f"{len(wrong)} rows are not {direction!r}"
    breaches = len(wrong) if typed else max(len(wrong), 1)
    return error_rule("L3.DIRECTION", checked=len(frame), breaches=breaches, message=message, offenders=offenders)


def asof_rule(slices: Mapping[str, pd.Timestamp], week: Week) -> RuleResult:
    """L3.ASOF: the newest date of every recorded input slice is before the week; no record is a breach."""
    start = monday(week)
    newest = {name: pd.Timestamp(date) for name, date in slices.items()}
    late = {name: date for name, date in newest.items() if pd.isna(date) or date >= start}
    offenders = [{"input": name, "newest": str(date), "week": f"{start:%F}"} for name, date in late.items()]
    if not newest:
        return error_rule("L3.ASOF", checked=0, breaches=1, message="no input slice recorded: nothing proves the as-of")
    message = f"{len(newest)} inputs end before {start:%F}"
    if late:
        message = f"not before {start:%F}: {', '.join(late)}; read inputs with as_of={start:%F}"
    return error_rule("L3.ASOF", checked=len(newest), breaches=len(late), message=message, offenders=offenders)


def density_rule(
    frame: pd.DataFrame,
    returns: pd.DataFrame,
    config: SelectionConfig,
    week: Week,
    window_days: pd.DatetimeIndex | None = None,
) -> RuleResult:
    """L1.DENSITY: each winner, and all winners together, have returns on enough days of the window, counted anew."""
    cut, start = config.clusters, monday(week)
    winners = list(frame.loc[frame["winner"], "symbol"])
    dates = pd.to_datetime(returns["date"]).to_numpy()
    known = ~np.isnan(returns["return"].to_numpy(dtype=float))
    begin = start - pd.Timedelta(days=cut.lookback_days) if window_days is None else window_days[0]
    first, end = begin.to_datetime64(), start.to_datetime64()
    inside = (dates < end) & (dates >= first) & known
    names = pd.Index(dict.fromkeys(winners), dtype="str")
    column = names.get_indexer(returns["symbol"])
    rows = inside & (column >= 0)
    counts = np.bincount(column[rows], minlength=len(names)).tolist()
    thin = {s: count for s, count in zip(names, counts, strict=True) if count < cut.min_days}
    days, day = np.unique(dates[rows], return_inverse=True)
    present = np.zeros((len(days), len(names)), dtype=bool)
    present[day, column[rows]] = True
    together = int((present.sum(axis=1) == len(winners)).sum())
    short = bool(winners) and together < cut.min_joint_days
    offenders = [{"symbol": str(s), "days": count, "needed": cut.min_days} for s, count in thin.items()]
    message = f"{len(winners)} winners share {together} of {cut.lookback_days} days (need {cut.min_joint_days})"
    if thin:
        message += f"; fewer than {cut.min_days} days alone: {', '.join(map(str, thin))}"
    return error_rule(
        "L1.DENSITY", checked=len(winners), breaches=len(thin) + int(short), message=message, offenders=offenders
    )
