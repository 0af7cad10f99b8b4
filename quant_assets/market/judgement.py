"""The judgement of received bars: which rows are accepted, which are quarantined and why, and what L0 and L1 say.

One call judges one day or a thousand; the outcome of a day depends on bars up to that day alone, and judging a range
equals judging its days one after another, each with what was accepted and quarantined before it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult, Verdict
from quant_assets.market.config import IdentityMap, MarketRules, Redenomination
from quant_assets.market.coverage import symbols_before
from quant_assets.market.decisions import Circumstances, released_identities
from quant_assets.market.health_rules import FRESH, L1_BAR_RULES, HealthFindings, judge_health
from quant_assets.market.identity import LIFE_RULES, NONE, Declared, Lives, follow_lives
from quant_assets.market.raw_rules import L0_RULES, ROW_RULES, RawFindings, conservation, judge_raw
from quant_assets.market.repeats import repeated_days
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS
from quant_assets.market.table import BarTable, Bools, Calendar, read_bars, to_stamps

Days = Collection[date] | pd.DatetimeIndex


@dataclass(frozen=True)
class BarJudgement:
    """What became of the received bars of a range of days.

    `accepted` has the columns of `ohlcv`, `quarantined` those and rule and reason; both are sorted by date and symbol,
    and together they hold every received row exactly once. `health` lists events (date, symbol, rule, state, reason);
    each holds from its date on. `verdicts` maps every judged day to its L0 and L1; a day that breaks an ERROR rule has
    no accepted row.
    """

    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    health: pd.DataFrame
    verdicts: dict[pd.Timestamp, tuple[Verdict, Verdict]]

    @property
    def withheld_days(self) -> list[pd.Timestamp]:
        """Days whose L0 or L1 breaks an ERROR rule."""
        return [day for day, (raw, health) in self.verdicts.items() if not (raw.passed and health.passed)]


def judge_bars(
    received: pd.DataFrame,
    history: pd.DataFrame,
    expected: pd.DataFrame,
    rules: MarketRules,
    redenominations: Sequence[Redenomination] = (),
    identities: Sequence[IdentityMap] = (),
    *,
    days: Days,
    earlier_quarantine: pd.DataFrame,
    closed_days: Days = (),
    around: Circumstances = Circumstances(),  # noqa: B008  # frozen
) -> BarJudgement:
    """Return the judgement of the raw bars of `days`.

    `received`: raw bars (`RECEIVED_COLUMNS`) of those days, dirt included. `history`: accepted `ohlcv` rows before the
    first day: the last `rules.history_days` + 1 open days, and the last bar of every symbol. `earlier_quarantine`:
    quarantined rows before the first day, at least those after each symbol's last accepted bar. `expected`: date,
    symbol of the markets listed and active on each day. `closed_days`: days without a session, past ones included.
    `around`: failed fetches, waivers and released bars.
    Raises UsageError for rows outside `days`, a history that reaches into them, or a map that contradicts stored bars.
    """
    table = read_bars(received, Calendar.of(days, closed_days))
    raw = judge_raw(table, expected, rules, around, symbols_before(history, earlier_quarantine))
    repeated = repeated_days(table, history, earlier_quarantine)
    refused = _refusals(table, raw, repeated)
    standing = np.array([not r for r in refused])[table.position] if len(table) else np.zeros(0, dtype=bool)
    judged = (raw.row_rule < 0) & standing
    same = (*identities, *released_identities(table, around.releases, identities))
    lives = follow_lives(table, judged, history, earlier_quarantine, rules, Declared.of(redenominations, same))
    findings = judge_health(table, judged, lives, history, refused, raw.failed, rules, repeated)
    accepted = judged & (lives.outcome < 0)
    kept = _stored(table, accepted, lives)
    dropped = _quarantined(table, ~accepted, lives, raw, findings, refused)
    results = dict(raw.results)
    counts = table.per_day(), _count(kept, table), _count(dropped, table)
    results["L0.CONSERVE"] = conservation(*counts, table.calendar.stamps)
    return BarJudgement(kept, dropped, findings.health, _verdicts(table, results, findings.results))


def _refusals(table: BarTable, raw: RawFindings, repeated: Bools) -> list[str]:
    """Return for each day the ERROR rules that refuse it before its bars are looked at one by one."""
    stray = (table.calendar.is_closed & (table.per_day() > 0)) | repeated
    return [", ".join(filter(None, (why, FRESH if stray[d] else ""))) for d, why in enumerate(raw.refused)]


def _stored(table: BarTable, rows: Bools, lives: Lives) -> pd.DataFrame:
    life = np.where(lives.life == NONE, 0, lives.life)[rows]
    starts = to_stamps(life)
    starts[lives.life[rows] == NONE] = np.datetime64("NaT", "us")
    kept = table.frame if rows.all() else table.frame[rows]
    frame = kept.assign(life_start=starts, adj_factor=lives.factor[rows])
    return frame[list(OHLCV_COLUMNS)].reset_index(drop=True)


def _quarantined(
    table: BarTable, rows: Bools, lives: Lives, raw: RawFindings, findings: HealthFindings, refused: list[str]
) -> pd.DataFrame:
    """Return the quarantined rows: each under the rule it broke itself, else under the one that withholds its day."""
    told: list[tuple[str, str]] = []
    for row in np.flatnonzero(rows).tolist():
        day = refused[table.position[row]]
        if raw.row_rule[row] >= 0:
            told.append((ROW_RULES[raw.row_rule[row]], raw.row_reason[row]))
        elif lives.outcome[row] >= 0:
            told.append((LIFE_RULES[lives.outcome[row]], findings.row_reason[row]))
        else:
            told.append((day.split(", ")[0], f"the whole day is withheld by {day}"))
    life = np.full(len(table), NONE)
    frame = _stored(table, rows, Lives(lives.outcome, life, lives.factor, lives.missing, []))
    frame = frame.assign(rule=_text([rule for rule, _ in told]), reason=_text([reason for _, reason in told]))
    return frame[list(QUARANTINE_COLUMNS)]


def _text(values: list[str]) -> pd.Series:
    return pd.Series(values, dtype="str")


def _count(frame: pd.DataFrame, table: BarTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows of each day in a finished frame, counted from the frame itself."""
    numbers = frame["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.bincount(table.calendar.positions(numbers), minlength=len(table.calendar.days)).astype(np.int64)


def _verdicts(
    table: BarTable, raw: dict[str, list[RuleResult]], health: dict[str, list[RuleResult]]
) -> dict[pd.Timestamp, tuple[Verdict, Verdict]]:
    first = zip(*(raw[rule] for rule in L0_RULES), strict=True)
    second = zip(*(health[rule] for rule in L1_BAR_RULES), strict=True)
    return {
        day: (Verdict("L0", l0), Verdict("L1", l1))
        for day, l0, l1 in zip(table.calendar.stamps, first, second, strict=True)
    }
