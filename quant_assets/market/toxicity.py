"""Bars that trade badly: stalls and volume spikes; and what a symbol's health is as of a day.

The return cap is judged with the lives of tickers (`identity`), since it decides which bar the next one follows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd

from quant_assets.market.config import MarketRules
from quant_assets.market.sequence import Sequence, robust_spread, row_median, trailing
from quant_assets.market.table import Bools, Floats, Ints, day_numbers, to_index, to_stamps

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal variable in units of its median absolute deviation."""


def stall_lengths(sequence: Sequence, rules: MarketRules) -> Ints:
    """Return for each bar how many bars up to it stand still: equal closes with zero range, or zero volume.

    Only bars of the same life and of the last `stall_window` open days count; 0 for a bar that moves.
    """
    if not len(sequence.row):
        return np.zeros(0, dtype=np.int64)
    idle = sequence.volume <= 0
    still = sequence.flat | idle
    linked = np.zeros(len(still), dtype=bool)
    same_life = sequence.group[1:] == sequence.group[:-1]
    unchanged = sequence.flat[1:] & sequence.flat[:-1] & (sequence.close[1:] == sequence.close[:-1])
    linked[1:] = same_life & (unchanged | (idle[1:] & idle[:-1]))
    place = np.arange(len(still))
    start = np.maximum.accumulate(np.where(linked, 0, place))
    lengths = np.where(still, place - start + 1, 0).astype(np.int64)
    long = np.flatnonzero(lengths >= rules.stall_days)
    first = sequence.first_from(long, sequence.ordinal[long] - rules.stall_window + 1)
    lengths[long] = np.minimum(lengths[long], long - first + 1)
    return lengths


def volume_scores(sequence: Sequence, positions: Ints, rules: MarketRules) -> Floats:
    """Return the robust z-score of log volume against the `volume_window` open days before each bar.

    z = (x - median) / (1.4826 max(MAD, floor)). NaN where a bar cannot exceed the limit by much cheaper bounds, has no
    volume, or fewer than `volume_min_bars` bars before it: read the result only with `> volume_spike_z`.
    """
    scores = np.full(len(positions), np.nan)
    if not len(positions):
        return scores
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(sequence.volume > 0, np.log(sequence.volume), np.nan)
    first = sequence.first_from(positions, sequence.ordinal[positions] - rules.volume_window)
    chosen = np.flatnonzero(_may_exceed(logs, positions, first, rules))
    for block in np.array_split(chosen, max(1, len(chosen) // 50_000 + 1)):
        windows = trailing(logs, first[block], positions[block], rules.volume_window)
        high = _stands_high(windows, logs[positions[block]], rules)
        block, windows = block[high], windows[high]
        centre, counts = row_median(windows)
        spread = MAD_TO_SIGMA * np.maximum(robust_spread(windows, centre), rules.volume_mad_floor)
        score = (logs[positions[block]] - centre) / spread
        scores[block] = np.where(counts >= rules.volume_min_bars, score, np.nan)
    return scores


def _least_step(rules: MarketRules) -> float:
    """How far above its window's median a value lies at least whose score exceeds the limit, less some rounding."""
    return rules.volume_spike_z * MAD_TO_SIGMA * rules.volume_mad_floor - 1e-3


def _may_exceed(logs: Floats, positions: Ints, first: Ints, rules: MarketRules) -> Bools:
    """Return which bars can exceed the limit at all, from running sums: |median - mean| <= standard deviation."""
    known = ~np.isnan(logs)
    filled = np.where(known, logs, 0.0)
    filled = np.where(known, filled - filled.mean(), 0.0)
    count, total, square = (np.concatenate([[0.0], np.cumsum(v)]) for v in (known * 1.0, filled, filled**2))
    n = count[positions] - count[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (total[positions] - total[first]) / n
        deviation = np.sqrt(np.maximum((square[positions] - square[first]) / n - mean**2, 0.0))
    beyond = filled[positions] > mean - deviation + _least_step(rules)
    return np.asarray((n >= rules.volume_min_bars) & known[positions] & beyond, dtype=bool)


def _stands_high(windows: Floats, values: Floats, rules: MarketRules) -> Bools:
    """Return which values stand far enough above half of their window, which is less work than its median."""
    below = (windows < (values - _least_step(rules))[:, None]).sum(axis=1)
    return np.asarray(2 * below >= (~np.isnan(windows)).sum(axis=1), dtype=bool)


def toxic_as_of(health: pd.DataFrame, days: Collection[date] | pd.DatetimeIndex, rules: MarketRules) -> pd.DataFrame:
    """Return date, symbol, since, reason: the symbols that are toxic on each of `days`.

    A toxic event counts from its own day for `toxic_days` calendar days and never before it. `health` is the table of
    events; only events up to each day are read. `since` is the newest event that counts.
    """
    events = health.loc[health["state"] == "toxic", ["date", "symbol", "reason"]].reset_index(drop=True)
    wanted = np.unique(day_numbers(to_index(days)))
    age = wanted[:, None] - day_numbers(events["date"])[None, :]
    day, event = np.nonzero((age >= 0) & (age < rules.toxic_days))
    found = events.iloc[event].rename(columns={"date": "since"}).reset_index(drop=True)
    found.insert(0, "date", to_stamps(wanted[day]))
    newest = found.sort_values(["date", "symbol", "since", "reason"]).drop_duplicates(["date", "symbol"], keep="last")
    return newest[["date", "symbol", "since", "reason"]].reset_index(drop=True)
