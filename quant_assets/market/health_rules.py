"""L1 on bars: what each rule says about each day, and the health events it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult
from quant_assets.market.config import MarketRules
from quant_assets.market.gaps import gap_shares
from quant_assets.market.identity import CAP, IDENTITY, LIFE_RULES, REDENOMINATION, Lives
from quant_assets.market.schema import HEALTH_COLUMNS, empty_frame
from quant_assets.market.sequence import Sequence, line_up
from quant_assets.market.table import BarTable, Bools, Ints, Reasons, to_stamps
from quant_assets.market.tally import Offenders, day_results, named_offenders, row_offenders
from quant_assets.market.toxicity import stall_lengths, volume_scores

FRESH, GAP, STALL, SPIKE = "L1.FRESH", "L1.GAP", "L1.STALL", "L1.VOLUME_SPIKE"
L1_BAR_RULES = (FRESH, GAP, CAP, STALL, SPIKE, REDENOMINATION, IDENTITY)


@dataclass
class _Notes:
    """Rows each rule points at, with the reason of each; and the health events."""

    size: int
    reasons: dict[str, Reasons] = field(default_factory=dict)
    health: list[tuple[int, str, str, str, str]] = field(default_factory=list)

    def reason(self, rule: str) -> Reasons:
        return self.reasons.setdefault(rule, {})

    def mask(self, rule: str) -> Bools:
        mask = np.zeros(self.size, dtype=bool)
        mask[list(self.reason(rule))] = True
        return mask


@dataclass(frozen=True)
class HealthFindings:
    """Results of every L1 rule on bars for each day, the health events, and the reason of each row of L1 quarantine."""

    results: dict[str, list[RuleResult]]
    health: pd.DataFrame
    row_reason: Reasons


def judge_health(
    table: BarTable,
    judged: Bools,
    lives: Lives,
    history: pd.DataFrame,
    refused: list[str],
    failed: list[tuple[int, str, str]],
    rules: MarketRules,
    repeated: Bools,
) -> HealthFindings:
    """Return the findings of L1. `judged` marks rows that L0 let pass on days it did not refuse.

    `repeated` marks days whose bars are those of the day before.
    """
    notes = _Notes(len(table))
    accepted = judged & (lives.outcome < 0)
    _note_events(table, lives, notes)
    sequence = line_up(table, accepted, lives, history, rules.history_days)
    _note_stalls(table, sequence, rules, notes)
    _note_spikes(sequence, rules, notes)
    _note_gaps(table, judged, lives, sequence, rules, notes)
    _note_absent(table, refused, failed, notes)
    checked = table.per_day(judged)
    results = {rule: _results(table, rule, checked, refused, notes) for rule in L1_BAR_RULES if rule != FRESH}
    results[FRESH] = _fresh(table, accepted, refused, repeated)
    withheld = np.flatnonzero(lives.outcome >= 0).tolist()
    row_reason = {row: notes.reason(LIFE_RULES[lives.outcome[row]])[row] for row in withheld}
    return HealthFindings(results, _health_frame(table, notes), row_reason)


def _note(table: BarTable, notes: _Notes, row: int, rule: str, state: str, reason: str) -> None:
    notes.reason(rule)[row] = reason
    if state:
        notes.health.append((int(table.day[row]), str(table.names[table.codes[row]]), rule, state, reason))


def _note_events(table: BarTable, lives: Lives, notes: _Notes) -> None:
    for event in lives.events:
        _note(table, notes, event.row, event.rule, event.state, event.reason)


def _note_stalls(table: BarTable, sequence: Sequence, rules: MarketRules, notes: _Notes) -> None:
    lengths = stall_lengths(sequence, rules)
    for place in np.flatnonzero((lengths >= rules.stall_days) & (sequence.row >= 0)):
        state = "toxic" if lengths[place] >= rules.stall_toxic_days else "stalled"
        reason = (
            f"{lengths[place]} bars in a row without range or volume, the last closing at {sequence.close[place]:g}"
        )
        _note(table, notes, int(sequence.row[place]), STALL, state, reason)


def _note_spikes(sequence: Sequence, rules: MarketRules, notes: _Notes) -> None:
    places = sequence.current
    scores = volume_scores(sequence, places, rules)
    reasons = notes.reason(SPIKE)
    for k in np.flatnonzero(scores > rules.volume_spike_z):
        reasons[int(sequence.row[places[k]])] = f"log volume is {scores[k]:.1f} robust deviations above its median"


def _note_gaps(
    table: BarTable, judged: Bools, lives: Lives, sequence: Sequence, rules: MarketRules, notes: _Notes
) -> None:
    for row in np.flatnonzero(judged & (lives.missing > 0)):
        _note(table, notes, int(row), GAP, "no_trading", f"{lives.missing[row]} day(s) without a bar before this one")
    places = sequence.current
    shares = gap_shares(sequence, places, rules)
    for k in np.flatnonzero(shares > rules.gap_share):
        reason = f"{shares[k]:.1%} of the last {rules.gap_window} days (or of its life) have no accepted bar"
        _note(table, notes, int(sequence.row[places[k]]), GAP, "gap", reason)


def _note_absent(table: BarTable, refused: list[str], failed: list[tuple[int, str, str]], notes: _Notes) -> None:
    """Record expected markets without a bar; a refused day says nothing about its markets.

    Whether they did not trade is for the venue to confirm: that is what a repair asks.
    """
    for position, symbol, why in failed:
        if not refused[position]:
            day = int(table.calendar.days[position])
            notes.health.append((day, symbol, GAP, "missing", f"listed and active: {why}"))


_TOLD = {
    GAP: "bars follow missing days, or miss too much of the window: repair from the venue, else it stays no trading",
    CAP: "moves that were not traded (quarantined, toxic), or bars that confirm such a level (a new life)",
    STALL: "symbols stand still",
    SPIKE: "volumes far above their own past",
    REDENOMINATION: "bars are withheld until the re-denomination is mapped in the profile",
    IDENTITY: "tickers came back as another asset: they start a new life",
}


def _results(table: BarTable, rule: str, checked: Ints, refused: list[str], notes: _Notes) -> list[RuleResult]:
    mask = notes.mask(rule)
    breaches = table.per_day(mask)

    def told(day: int) -> str:
        return f"{breaches[day]} of {checked[day]}: {_TOLD[rule]}"

    results = day_results(
        rule, checked, breaches, clean="nothing found", broken=told,
        offenders=row_offenders(table, mask, notes.reason(rule)),
    )  # fmt: skip
    return [_unjudged(r, refused[d]) if refused[d] else r for d, r in enumerate(results)]


def _unjudged(result: RuleResult, refusal: str) -> RuleResult:
    return RuleResult(result.rule, True, result.severity, 0, 0, f"not evaluated: the day is withheld by {refusal}")


def _fresh(table: BarTable, accepted: Bools, refused: list[str], repeated: Bools) -> list[RuleResult]:
    """Return L1.FRESH: the day's newest usable bar is the day's own; a closed day has none."""
    received, usable = table.per_day(), table.per_day(accepted)
    closed = table.calendar.is_closed
    withheld = np.array([bool(r) for r in refused])
    stale = np.where(closed, received > 0, (received == 0) | (~withheld & (usable == 0)) | repeated)
    stamps = table.calendar.stamps

    def told(day: int) -> str:
        name = stamps[day].date()
        if closed[day]:
            return f"{received[day]} bar(s) are dated {name}, a closed session; correct the source or the calendar"
        if repeated[day]:
            return f"the bars dated {name} repeat those of the day before ({received[day]} received); fetch it again"
        return f"no usable bar is dated {name} ({received[day]} received): the newest bar is stale; fetch the day again"

    def who(day: int) -> Offenders:
        return named_offenders(
            ["(all)"], stamps[day].date().isoformat(), "stale" if not closed[day] else "closed session"
        )

    return day_results(
        FRESH, np.maximum(received, 1), stale.astype(np.int64), clean="bars are dated as expected",
        broken=told, offenders=who, error=stale,
    )  # fmt: skip


def _health_frame(table: BarTable, notes: _Notes) -> pd.DataFrame:
    if not notes.health:
        return empty_frame(HEALTH_COLUMNS)
    days, symbols, rules, states, reasons = zip(*notes.health, strict=True)
    frame = pd.DataFrame(
        {"date": to_stamps(np.array(days)), "symbol": symbols, "rule": rules, "state": states, "reason": reasons}
    )
    frame = frame.astype({name: "str" for name in HEALTH_COLUMNS[1:]})
    return frame.sort_values(list(HEALTH_COLUMNS), ignore_index=True)
