"""TradingView's moving-average rating of whole one-dimensional arrays, from its public "Technical Ratings" rules.

A vote is +1 (buy), -1 (sell) or 0 (neutral); the rating is the mean of fifteen votes, in [-1, 1].
A price within one part in 10^10 of a line is on the line: otherwise rounding would vote on flat prices.
"""

from __future__ import annotations

import numpy as np

from quant_assets.features.moving_averages import ema, hma, sma, vwma
from quant_assets.features.series import FloatArray
from quant_assets.features.trend import ichimoku

AVERAGES = (10, 20, 30, 50, 100, 200)
TIE = 1e-10


def line_vote(price: FloatArray, line: FloatArray) -> FloatArray:
    """Vote of a moving average: +1 where the price is above the line, -1 below, 0 on it, NaN before the line exists."""
    gap = np.asarray(price, dtype=np.float64) - line
    return np.where(np.abs(gap) <= TIE * np.abs(price), 0.0, np.sign(gap))


def ichimoku_vote(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Vote of Ichimoku 9/26/52 with undisplaced leading lines; NaN before bar 52.

    Buy: lead 1 > lead 2, close above lead 1 and below the base line, and close crosses up through the conversion line
    (previous close below the line of now). Sell: lead 2 > lead 1, close below lead 2 and above the base line, and
    close crosses down through the conversion line. Source: TradingView, public "Technical Ratings" script.
    """
    conversion, base, lead_1, lead_2 = ichimoku(high, low, 9, 26, 52, 0)
    before = np.concatenate([[np.nan], close[:-1]])
    crosses_up, crosses_down = (
        (before < conversion) & (close > conversion),
        (before > conversion) & (close < conversion),
    )
    buy = (lead_1 > lead_2) & (close > lead_1) & (close < base) & crosses_up
    sell = (lead_2 > lead_1) & (close < lead_2) & (close > base) & crosses_down
    return np.where(np.isnan(lead_2), np.nan, buy.astype(float) - sell.astype(float))


def moving_average_votes(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """The fifteen votes of each bar, shape (bars, 15): SMA and EMA 10/20/30/50/100/200, Hull 9, VWMA 20, Ichimoku."""
    lines = [average(close, n) for average in (sma, ema) for n in AVERAGES]
    lines += [hma(close, 9), vwma(close, volume, 20)]
    return np.column_stack([*(line_vote(close, line) for line in lines), ichimoku_vote(high, low, close)])


def recommend_ma(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """Mean of the fifteen votes; NaN until all fifteen lines exist (a missing line never counts as neutral)."""
    votes: FloatArray = moving_average_votes(high, low, close, volume)
    rating: FloatArray = votes.mean(axis=1)
    return rating
