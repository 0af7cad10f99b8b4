"""Votes of the oscillators in TradingView's ratings: +1 buy, -1 sell, 0 neutral, NaN before the values exist.

Common source: TradingView Help Centre, article "Technical Ratings" (criteria of each indicator; "changes from the last
bar are used to determine falling or rising states"), and TradingView's public script of the same name. Rising and
falling compare with the bar before. Values closer than ``TIE`` are equal: in their own units for oscillators in
percent, as a share of the close for those in units of price.
"""

from __future__ import annotations

import numpy as np

from quant_assets.features.lives import lagged, prepared
from quant_assets.features.series import FloatArray, IntArray
from quant_assets.features.vote_rules import TIE

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def rsi_vote(rsi: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Buy: RSI < 30 and rising; sell: RSI > 70 and falling (TradingView Help Centre, "Technical Ratings")."""
    return _turn_vote(rsi, 30.0, 70.0, first)


def cci_vote(cci: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Buy: CCI < -100 and rising; sell: CCI > 100 and falling (TradingView Help Centre, "Technical Ratings")."""
    return _turn_vote(cci, -100.0, 100.0, first)


def williams_vote(williams_r: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Buy: %R < -80 and rising; sell: %R > -20 and falling (TradingView Help Centre, "Technical Ratings")."""
    return _turn_vote(williams_r, -80.0, -20.0, first)


def stochastic_vote(k: FloatArray, d: FloatArray, first: IntArray | None = None, rule: str = "level") -> FloatArray:
    """Buy: %K < 20 and %K > %D; sell: %K > 80 and %K < %D.

    Source: TradingView's public library "TechnicalRating". Rule "cross" (Help Centre, "Technical Ratings"): only on the
    bar where %K gets to the other side of %D.
    """
    buy, sell, known = _stochastic_sides(k, d, first, rule)
    return _vote(buy, sell, known)


def stochastic_rsi_vote(
    k: FloatArray,
    d: FloatArray,
    close: FloatArray,
    average: FloatArray,
    first: IntArray | None = None,
    rule: str = "level",
) -> FloatArray:
    """Buy: close below its ``average`` (EMA 50) and the Stochastic's buy; sell: close above it and its sell.

    Source: TradingView Help Centre, "Technical Ratings" (downtrend and both lines below 20, uptrend and above 80), with
    the trend of TradingView's public script; ``rule`` as in ``stochastic_vote``.
    """
    buy, sell, known = _stochastic_sides(k, d, first, rule)
    return _vote(buy & (close < average), sell & (close > average), known & ~np.isnan(average))


def directional_vote(
    adx: FloatArray, plus: FloatArray, minus: FloatArray, first: IntArray | None = None, rule: str = "cross"
) -> FloatArray:
    """Buy: ADX > 20 and +DI crosses over -DI; sell: ADX > 20 and +DI crosses under -DI.

    Source: TradingView Help Centre, "Technical Ratings". Rule "rising" (public library "TechnicalRating"): ADX > 20 and
    rising, by the greater DI.
    """
    first, (adx, plus, minus) = prepared(first, adx, plus, minus)
    above, below = plus - minus > TIE, minus - plus > TIE
    if rule == "rising":
        before = lagged(adx, first, 1)
        strong = (adx > 20.0) & (adx - before > TIE)
        return _vote(strong & above, strong & below, ~np.isnan(before + adx))
    gap = lagged(plus - minus, first, 1)
    strong = adx > 20.0
    return _vote(strong & above & (gap < -TIE), strong & below & (gap > TIE), ~np.isnan(adx + gap))


def awesome_vote(awesome: FloatArray, close: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Buy: the oscillator crosses over zero, or a saucer above zero; sell: it crosses under, or a saucer below.

    A saucer above zero: now and the bar before positive, now above the bar before, which was below the one before it.
    Source: TradingView Help Centre, "Technical Ratings", and public script "Technical Ratings".
    """
    first, (now, price) = prepared(first, awesome, close)
    tie = TIE * np.abs(price)
    before = lagged(now, first, 1)
    oldest = lagged(before, first, 1)
    turned_up = (now - before > tie) & (oldest - before > tie)
    turned_down = (before - now > tie) & (before - oldest > tie)
    buy = (now > tie) & ((before <= tie) | turned_up)
    sell = (now < -tie) & ((before >= -tie) | turned_down)
    return _vote(buy, sell, ~np.isnan(now + before))


def momentum_vote(momentum: FloatArray, close: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Buy: momentum rising; sell: falling (TradingView Help Centre, "Technical Ratings")."""
    first, (now, price) = prepared(first, momentum, close)
    gap, tie = now - lagged(now, first, 1), TIE * np.abs(price)
    return _vote(gap > tie, gap < -tie, ~np.isnan(gap))


def macd_vote(line: FloatArray, signal: FloatArray, close: FloatArray) -> FloatArray:
    """Buy: MACD line above its signal; sell: below (TradingView Help Centre, "Technical Ratings")."""
    gap, tie = line - signal, TIE * np.abs(close)
    return _vote(gap > tie, gap < -tie, ~np.isnan(gap))


def power_vote(
    bull: FloatArray, bear: FloatArray, close: FloatArray, average: FloatArray, first: IntArray | None = None
) -> FloatArray:
    """Buy: close above its ``average`` (EMA 50), bear power < 0 and rising; sell: below, bull power > 0 and falling.

    Source: TradingView Help Centre, "Technical Ratings" (Bull Bear Power), trend as in TradingView's public script.
    """
    first, (bull, bear, close, average) = prepared(first, bull, bear, close, average)
    tie = TIE * np.abs(close)
    rising, falling = bear - lagged(bear, first, 1), bull - lagged(bull, first, 1)
    buy = (close > average) & (bear < 0.0) & (rising > tie)
    sell = (close < average) & (bull > 0.0) & (falling < -tie)
    return _vote(buy, sell, ~np.isnan(rising + falling + average))


def ultimate_vote(ultimate: FloatArray) -> FloatArray:
    """Buy: above 70; sell: below 30 (TradingView Help Centre, "Technical Ratings": a strong market, not a reversal)."""
    return _vote(ultimate > 70.0, ultimate < 30.0, ~np.isnan(ultimate))


def _turn_vote(values: FloatArray, low: float, high: float, first: IntArray | None) -> FloatArray:
    """Buy below ``low`` and rising, sell above ``high`` and falling."""
    first, (now,) = prepared(first, values)
    gap = now - lagged(now, first, 1)
    return _vote((now < low) & (gap > TIE), (now > high) & (gap < -TIE), ~np.isnan(gap))


def _stochastic_sides(k: FloatArray, d: FloatArray, first: IntArray | None, rule: str) -> tuple[Mask, Mask, Mask]:
    """Where a stochastic would buy, would sell, and is known."""
    first, (k, d) = prepared(first, k, d)
    gap = k - d
    buy, sell, known = (k < 20.0) & (gap > TIE), (k > 80.0) & (gap < -TIE), ~np.isnan(gap)
    if rule == "level":
        return buy, sell, known
    before = lagged(gap, first, 1)
    return buy & (before < -TIE), sell & (before > TIE), known & ~np.isnan(before)


def _vote(buy: Mask, sell: Mask, known: Mask) -> FloatArray:
    """+1 where ``buy``, -1 where ``sell``, else 0; NaN where not ``known``."""
    from quant_assets.features.vote_kernels import cast_votes

    out = np.empty(len(known))
    cast_votes(buy, sell, known, out)
    return out
