"""Each vote of the ratings against the sentence that publishes it."""

from __future__ import annotations

import numpy as np
import pytest

from quant_assets.errors import UsageError
from quant_assets.features import oscillator_votes as votes
from quant_assets.features import oscillators, ratings, trend
from quant_assets.features.moving_averages import ema
from quant_assets.features.vote_rules import CONVENTIONS, HELP_CENTRE, LIBRARY, VoteRules
from tests.quant_assets.features.indicator_table import synthetic_bars

NAN = np.nan


def series(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


@pytest.mark.parametrize(
    ("vote", "values", "expected"),
    [
        # level and turn: an RSI below 30 that still falls is no buy
        (votes.rsi_vote, (25, 20, 28, 31, 75, 72, 69), (NAN, 0, 1, 0, 0, -1, 0)),
        (votes.cci_vote, (-150, -160, -120, -90, 150, 120, 90), (NAN, 0, 1, 0, 0, -1, 0)),
        (votes.williams_vote, (-90, -95, -85, -70, -10, -15, -30), (NAN, 0, 1, 0, 0, -1, 0)),
        # a strong market buys, a weak one sells, whatever the turn
        (votes.ultimate_vote, (NAN, 71, 70, 30, 29), (NAN, 1, 0, 0, -1)),
    ],
)
def test_votes_of_one_line(vote, values, expected) -> None:
    np.testing.assert_array_equal(vote(series(*values)), expected)


def test_stochastic_votes_on_its_level_and_its_side_of_the_signal() -> None:
    k, d = series(15, 18, 19, 25, 85, 84, 75), series(17, 16, 17, 20, 80, 86, 80)
    np.testing.assert_array_equal(votes.stochastic_vote(k, d), [0, 1, 1, 0, 0, -1, 0])
    # on a cross only: the second bar of a buy is neutral
    np.testing.assert_array_equal(votes.stochastic_vote(k, d, rule="cross"), [NAN, 1, 0, 0, 0, -1, 0])


def test_stochastic_rsi_votes_against_the_trend_alone() -> None:
    k, d = series(15, 15, 85, 85), series(10, 10, 90, 90)
    close, average = series(9, 11, 11, 9), series(10, 10, 10, 10)
    np.testing.assert_array_equal(votes.stochastic_rsi_vote(k, d, close, average), [1, 0, -1, 0])


def test_directional_index_votes_on_the_bar_its_lines_cross_in_a_strong_trend() -> None:
    adx = series(25, 25, 26, 15, 30, 29)
    plus, minus = series(10, 20, 21, 10, 30, 10), series(15, 15, 15, 15, 15, 15)
    np.testing.assert_array_equal(votes.directional_vote(adx, plus, minus), [NAN, 1, 0, 0, 1, -1])
    np.testing.assert_array_equal(votes.directional_vote(adx, plus, minus, rule="rising"), [NAN, 0, 1, 0, 1, 0])


def test_awesome_oscillator_votes_on_zero_and_on_saucers() -> None:
    price = np.full(8, 100.0)
    np.testing.assert_array_equal(
        votes.awesome_vote(series(NAN, -1, 1, 3, 2, 2.5, 2.7, -1), price), [NAN, NAN, 1, 0, 0, 1, 0, -1]
    )
    np.testing.assert_array_equal(votes.awesome_vote(series(-3, -2, -2.5, -2.6), price[:4]), [NAN, 0, -1, 0])


def test_momentum_and_macd_vote_on_direction_and_side() -> None:
    price = np.full(4, 100.0)
    np.testing.assert_array_equal(votes.momentum_vote(series(-5, -4, -4, -6), price), [NAN, 1, 0, -1])
    np.testing.assert_array_equal(votes.macd_vote(series(NAN, 1, 2, 2), series(1, 2, 1, 2), price), [NAN, -1, 1, 0])


def test_bull_and_bear_power_vote_with_the_trend() -> None:
    bull, bear = series(5, 4, 3, 2), series(-5, -4, -3, -2)
    close, average = series(11, 11, 9, 10), series(10, 10, 10, 10)
    np.testing.assert_array_equal(votes.power_vote(bull, bear, close, average), [NAN, 1, -1, 0])


def test_moves_of_rounding_alone_do_not_vote() -> None:
    dust = 0.1 + 1e-13 * np.array([0.0, 1.0, -1.0, 2.0])
    price = np.full(4, 100.0)
    assert (votes.momentum_vote(dust, price)[1:] == 0.0).all()
    assert (votes.macd_vote(dust, np.full(4, 0.1), price) == 0.0).all()
    assert (votes.rsi_vote(20.0 + dust)[1:] == 0.0).all()


def expected_other(b, rules: VoteRules) -> np.ndarray:
    """The eleven votes again, from the published sentences, bar after bar."""
    # An unchanged close leaves the RSI as it was, but for rounding.
    rsi, cci = np.round(oscillators.rsi(b.close), 9), oscillators.cci(b.high, b.low, b.close)
    wr = oscillators.williams_r(b.high, b.low, b.close)
    k, d = oscillators.stochastic(b.high, b.low, b.close)
    rk, rd = oscillators.stochastic_rsi(b.close)
    adx, plus, minus = trend.adx_di(b.high, b.low, b.close)
    ao, mom = oscillators.awesome(b.high, b.low), oscillators.momentum(b.close)
    line, signal, _ = trend.macd(b.close)
    bull, bear = trend.elder_ray(b.high, b.low, b.close)
    uo, centre = oscillators.ultimate(b.high, b.low, b.close), ema(b.close, 50)
    out = np.full(len(b.close), NAN)

    def sides(one, two, i):
        buy, sell = one[i] < 20 and one[i] > two[i], one[i] > 80 and one[i] < two[i]
        if rules.stochastic == "cross":
            buy, sell = buy and one[i - 1] < two[i - 1], sell and one[i - 1] > two[i - 1]
        return buy, sell

    for i in range(49, len(out)):
        up, down = b.close[i] > centre[i], b.close[i] < centre[i]
        p = i - 1
        if rules.directional == "cross":
            di = (plus[p] < minus[p] and plus[i] > minus[i], plus[p] > minus[p] and plus[i] < minus[i])
            strong = adx[i] > 20
        else:
            di, strong = (plus[i] > minus[i], plus[i] < minus[i]), adx[i] > 20 and adx[i] > adx[p]
        pairs = [
            (rsi[i] < 30 and rsi[i] > rsi[p], rsi[i] > 70 and rsi[i] < rsi[p]),
            sides(k, d, i),
            (cci[i] < -100 and cci[i] > cci[p], cci[i] > 100 and cci[i] < cci[p]),
            (strong and di[0], strong and di[1]),
            (
                ao[i] > 0 and (ao[p] <= 0 or (ao[i] > ao[p] and ao[i - 2] > ao[p])),
                ao[i] < 0 and (ao[p] >= 0 or (ao[i] < ao[p] and ao[i - 2] < ao[p])),
            ),
            (round(mom[i] - mom[p], 6) > 0, round(mom[i] - mom[p], 6) < 0),
            (line[i] > signal[i], line[i] < signal[i]),
            (down and sides(rk, rd, i)[0], up and sides(rk, rd, i)[1]),
            (wr[i] < -80 and wr[i] > wr[p], wr[i] > -20 and wr[i] < wr[p]),
            (up and bear[i] < 0 and bear[i] > bear[p], down and bull[i] > 0 and bull[i] < bull[p]),
            (uo[i] > 70, uo[i] < 30),
        ]
        out[i] = sum(int(buy) - int(sell) for buy, sell in pairs) / 11
    return out


@pytest.mark.parametrize("rules", [CONVENTIONS, HELP_CENTRE, LIBRARY])
def test_oscillator_rating_is_the_mean_of_the_published_votes(rules: VoteRules) -> None:
    seen = set()
    for seed in range(4):
        bars = synthetic_bars(400, seed)
        result = ratings.recommend_other(bars.high, bars.low, bars.close, rules=rules)
        np.testing.assert_allclose(result, expected_other(bars, rules), atol=1e-12, equal_nan=True)
        cast = ratings.oscillator_votes(bars.high, bars.low, bars.close, rules=rules)
        np.testing.assert_allclose(cast.mean(axis=1), result, atol=1e-12, equal_nan=True)
        seen |= {(j, v) for j in range(11) for v in np.unique(cast[49:, j])}
    voted = {j for j, v in seen if v != 0.0}
    assert voted >= {0, 1, 2, 3, 4, 5, 6, 8, 9}


def test_summary_is_the_mean_of_the_two_groups_unless_another_mix_is_named() -> None:
    bars = synthetic_bars(260, 3)
    averages = ratings.recommend_ma(bars.high, bars.low, bars.close, bars.volume)
    others = ratings.recommend_other(bars.high, bars.low, bars.close)
    arguments = bars.high, bars.low, bars.close, bars.volume
    np.testing.assert_array_equal(ratings.recommend_all(*arguments), (averages + others) / 2)
    np.testing.assert_allclose(
        ratings.recommend_all(*arguments, mix="snapshot_regression"), 0.574 * averages + 0.3914 * others
    )
    assert ratings.summary(np.ones(1), np.ones(1), "snapshot_regression")[0] == pytest.approx(0.9654)


def test_a_young_symbol_has_a_partial_rating_only_when_asked_for() -> None:
    bars = synthetic_bars(120, 5)
    arguments = bars.high, bars.low, bars.close, bars.volume
    assert np.isnan(ratings.recommend_all(*arguments)).all()
    partial = ratings.recommend_all(*arguments, partial=True)
    cast = ratings.moving_average_votes(*arguments)
    known = ratings.oscillator_votes(*arguments[:3])
    for i in (11, 60, 119):
        groups = [row[~np.isnan(row)].mean() for row in (cast[i], known[i]) if (~np.isnan(row)).any()]
        assert partial[i] == pytest.approx(np.mean(groups))
    assert np.isnan(partial[:1]).all()


def test_the_cloud_edition_of_ichimoku_reads_the_displaced_cloud() -> None:
    cast = set()
    for seed in range(3):
        bars = synthetic_bars(300, seed)
        conversion, base, one, two = trend.ichimoku(bars.high, bars.low)
        vote = ratings.ichimoku_vote(bars.high, bars.low, bars.close, rule="cloud")
        assert np.isnan(vote[:77]).all()
        for i in range(77, 300):
            buy = one[i] > two[i] and base[i] > one[i] and conversion[i] > base[i] and bars.close[i] > conversion[i]
            sell = one[i] < two[i] and base[i] < one[i] and conversion[i] < base[i] and bars.close[i] < conversion[i]
            assert vote[i] == int(buy) - int(sell)
            cast.add(vote[i])
    assert cast == {-1.0, 0.0, 1.0}


def test_unknown_rules_and_mixes_are_refused() -> None:
    with pytest.raises(UsageError, match="level or cross"):
        VoteRules(stochastic="turn")
    with pytest.raises(UsageError, match="mean or snapshot_regression"):
        ratings.summary(np.ones(1), np.ones(1), "median")
    with pytest.raises(UsageError, match="cross or cloud"):
        ratings.ichimoku_vote(np.ones(3), np.ones(3), np.ones(3), rule="kijun")
