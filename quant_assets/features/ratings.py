"""TradingView's ratings from its public rules: votes of moving averages and of oscillators, and their means.

A vote is +1 (buy), -1 (sell) or 0 (neutral), NaN before its indicator exists; a rating is the mean of its group's
votes, in [-1, 1]. A price within one part in 10^10 of a line is on the line: otherwise rounding would vote on flat
prices. All functions take one symbol or a whole panel (``first``, see ``lives``). The oscillators' votes are in
``oscillator_votes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features import oscillator_votes as votes_of
from quant_assets.features import oscillators, trend
from quant_assets.features.lives import lagged, prepared, quotient
from quant_assets.features.moving_averages import ema, hma, sma, vwma
from quant_assets.features.series import FloatArray, IntArray
from quant_assets.features.vote_rules import CONVENTIONS, MIXES, TIE, VoteRules

Computed = TypeVar("Computed")


class Once(Protocol):
    """How the ratings come by their lines: ``Panel.once`` shares them with the features of the same name."""

    def __call__(self, compute: Callable[..., Computed], *arguments: object) -> Computed:
        """``compute(*arguments)``."""
        ...


def directly(compute: Callable[..., Computed], *arguments: object) -> Computed:
    """``compute(*arguments)``, shared with nobody."""
    return compute(*arguments)


AVERAGES = (10, 20, 30, 50, 100, 200)
TREND_LENGTH = 50


def line_vote(price: FloatArray, line: FloatArray) -> FloatArray:
    """Vote of a moving average: +1 where the price is above the line, -1 below, 0 on it, NaN before the line exists.

    Source: TradingView Help Centre, "Technical Ratings": MA value < price buy, > price sell, = price neutral.
    """
    from quant_assets.features.vote_kernels import side_of_line

    _, (price, line) = prepared(None, price, line)
    out = np.empty(len(price))
    side_of_line(price, line, TIE, out)
    return out


def ichimoku_vote(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray | None = None, rule: str = "cross"
) -> FloatArray:
    """Vote of Ichimoku 9/26/52.

    "cross": leading lines undisplaced, NaN before bar 52. Buy: lead 1 > lead 2, close above lead 1 and below the base
    line, and close crosses up through the conversion line (previous close below the line of now). Sell: lead 2 > lead
    1, close below lead 2 and above the base line, and close crosses down through the conversion line. Source:
    TradingView, public "Technical Ratings" script (versions 1 and 2).
    "cloud": leading lines displaced by 26, NaN before bar 78. Buy: lead 1 > lead 2, base line > lead 1, conversion line
    > base line, close > conversion line; sell: each the other way. Source: TradingView, public library
    "TechnicalRating" and the description of the "Technical Ratings" indicator built on it.
    """
    return _ichimoku_vote(high, low, close, first, rule, directly)


def _ichimoku_vote(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray | None, rule: str, once: Once
) -> FloatArray:
    from quant_assets.features.vote_kernels import cast_votes

    first, (high, low, close) = prepared(first, high, low, close)
    lines = once(trend.ichimoku, high, low, 9, 26, 52, 26 if rule == "cloud" else 0, first)
    conversion, base, lead_1, lead_2 = lines
    if rule == "cloud":
        buy = (lead_1 > lead_2) & (base > lead_1) & (conversion > base) & (close > conversion)
        sell = (lead_1 < lead_2) & (base < lead_1) & (conversion < base) & (close < conversion)
    elif rule == "cross":
        before = lagged(close, first, 1)
        crosses_up = (before < conversion) & (close > conversion)
        crosses_down = (before > conversion) & (close < conversion)
        buy = (lead_1 > lead_2) & (close > lead_1) & (close < base) & crosses_up
        sell = (lead_2 > lead_1) & (close < lead_2) & (close > base) & crosses_down
    else:
        raise UsageError(f"the Ichimoku vote follows the rule cross or cloud, not {rule!r}")
    out = np.empty(len(lead_2))
    cast_votes(buy, sell, ~np.isnan(lead_2), out)
    return out


def moving_average_votes(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray | None = None,
    rules: VoteRules = CONVENTIONS,
) -> FloatArray:
    """The fifteen votes of each bar, shape (bars, 15): SMA and EMA 10/20/30/50/100/200, Hull 9, VWMA 20, Ichimoku."""
    return np.column_stack(list(_average_votes(high, low, close, volume, first, rules, directly)))


def oscillator_votes(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray | None = None,
    rules: VoteRules = CONVENTIONS,
) -> FloatArray:
    """The eleven votes of each bar, shape (bars, 11).

    RSI 14, Stochastic 14/3/3, CCI 20, ADX 14/14, Awesome oscillator, Momentum 10, MACD 12/26/9, Stochastic RSI
    14/14/3/3, Williams %R 14, Bull/Bear power 13, Ultimate oscillator 7/14/28, in this order.
    """
    return np.column_stack(list(_oscillator_votes(high, low, close, first, rules, directly)))


def recommend_ma(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray | None = None,
    rules: VoteRules = CONVENTIONS,
    *,
    partial: bool = False,
    once: Once = directly,
) -> FloatArray:
    """Mean of the fifteen votes; NaN until all fifteen lines exist (a missing line never counts as neutral).

    ``partial``: mean of the votes that exist, as TradingView shows for a young symbol. The default exists from bar 200.
    """
    return _mean(_average_votes(high, low, close, volume, first, rules, once), partial)


def recommend_other(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray | None = None,
    rules: VoteRules = CONVENTIONS,
    *,
    partial: bool = False,
    once: Once = directly,
) -> FloatArray:
    """Mean of the eleven oscillator votes; NaN where one of them does not exist (from bar 50 on all may).

    ``partial``: mean of the votes that exist, as TradingView shows for a young symbol or a price that does not move.
    """
    return _mean(_oscillator_votes(high, low, close, first, rules, once), partial)


def recommend_all(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray | None = None,
    rules: VoteRules = CONVENTIONS,
    *,
    partial: bool = False,
    once: Once = directly,
    mix: str = "mean",
) -> FloatArray:
    """Summary rating: the mean of the two groups' ratings (TradingView Help Centre, "Technical Ratings").

    See ``summary`` for other mixes. With ``partial`` a group that does not exist leaves the rating to the other one.
    """
    averages = recommend_ma(high, low, close, volume, first, rules, partial=partial, once=once)
    others = recommend_other(high, low, close, first, rules, partial=partial, once=once)
    rating = summary(averages, others, mix)
    if not partial:
        return rating
    return np.where(np.isnan(others), averages, np.where(np.isnan(averages), others, rating))


def summary(averages: FloatArray, others: FloatArray, mix: str = "mean") -> FloatArray:
    """Weighted sum of the moving-average and the oscillator rating, NaN where either is; UsageError for other mixes.

    "mean" is TradingView's: (averages + others) / 2. "snapshot_regression" is 0.574 averages + 0.3914 others, fitted
    once to a single day of one symbol and kept for comparison alone: its weights do not sum to 1.
    """
    if mix not in MIXES:
        raise UsageError(f"the summary rating mixes its groups by {' or '.join(MIXES)}, not {mix!r}")
    share, other_share = MIXES[mix]
    return share * averages + other_share * others


def _average_votes(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray | None,
    rules: VoteRules,
    once: Once,
) -> Iterator[FloatArray]:
    first, (high, low, close, volume) = prepared(first, high, low, close, volume)
    for average in (sma, ema):
        for length in AVERAGES:
            yield line_vote(close, once(average, close, length, first))
    yield line_vote(close, once(hma, close, 9, first))
    yield line_vote(close, once(vwma, close, volume, 20, first))
    yield _ichimoku_vote(high, low, close, first, rules.ichimoku, once)


def _oscillator_votes(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray | None, rules: VoteRules, once: Once
) -> Iterator[FloatArray]:
    first, (high, low, close) = prepared(first, high, low, close)
    prices = high, low, close
    average = once(ema, close, TREND_LENGTH, first)
    yield votes_of.rsi_vote(once(oscillators.rsi, close, 14, first), first)
    yield votes_of.stochastic_vote(*once(oscillators.stochastic, *prices, 14, 3, 3, first), first, rules.stochastic)
    yield votes_of.cci_vote(once(oscillators.cci, *prices, 20, first), first)
    yield votes_of.directional_vote(*once(trend.adx_di, *prices, 14, 14, first), first, rules.directional)
    yield votes_of.awesome_vote(once(oscillators.awesome, high, low, 5, 34, first), close, first)
    yield votes_of.momentum_vote(once(oscillators.momentum, close, 10, first), close, first)
    yield votes_of.macd_vote(*once(trend.macd, close, 12, 26, 9, first)[:2], close)
    strength = once(oscillators.stochastic_rsi, close, 14, 14, 3, 3, first)
    yield votes_of.stochastic_rsi_vote(*strength, close, average, first, rules.stochastic)
    yield votes_of.williams_vote(once(oscillators.williams_r, *prices, 14, first), first)
    yield votes_of.power_vote(*once(trend.elder_ray, *prices, 13, first), close, average, first)
    yield votes_of.ultimate_vote(once(oscillators.ultimate, *prices, 7, 14, 28, first))


def _mean(votes: Iterable[FloatArray], partial: bool) -> FloatArray:
    """Mean vote of each bar: of all votes, NaN where one is missing, or of those that exist."""
    from quant_assets.features.vote_kernels import tally

    total, known, count = np.empty(0), np.empty(0), 0
    for vote in votes:
        if not count:
            total, known = np.zeros(len(vote)), np.zeros(len(vote))
        tally(vote, total, known)
        count += 1
    least = 1 if partial else count
    return quotient(total, np.where(known >= least, known, 0.0))
