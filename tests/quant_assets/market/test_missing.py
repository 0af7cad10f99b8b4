"""Finding what is missing, asking for exactly that, and reading the answer without inventing anything."""

import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.market.missing import bounded, missing_bars, questions, read_answer
from quant_assets.market.stored import StoredVenue, received_rows, with_answers
from tests.quant_assets.market.synthetic import judge, listed_from, synthetic_bars

ONE_DAY = pd.Timedelta(days=1)
NOTHING = pd.DataFrame({"date": pd.Series(dtype="datetime64[us]"), "symbol": pd.Series(dtype="str")})


def days(*numbers):
    return [pd.Timestamp("2024-01-01") + n * ONE_DAY for n in numbers]


def pairs(symbol, *numbers):
    return pd.DataFrame({"date": pd.DatetimeIndex(days(*numbers)).as_unit("us"), "symbol": symbol})


def listed(frame, first_bar=pd.NaT):
    return frame.assign(first_bar=pd.Series(first_bar, index=frame.index, dtype="datetime64[us]"))


def both(*frames):
    return pd.concat(frames, ignore_index=True)


def test_a_gap_is_expected_inside_a_life_and_neither_stored_nor_settled():
    expected = listed(both(pairs("A", *range(10)), pairs("B", *range(10)), pairs("NEW", *range(10))))
    stored = both(pairs("A", 0, 1, 2, 5, 6, 7, 8, 9), pairs("B", 4, 5, 7, 8, 9))
    found = missing_bars(expected, stored, pairs("A", 4))
    assert list(found.itertuples(index=False, name=None)) == [(days(3)[0], "A"), (days(6)[0], "B")]
    assert "NEW" not in set(found["symbol"]), "listed, but it has not opened yet"


def test_the_newest_days_without_a_bar_are_gaps_too():
    found = missing_bars(listed(pairs("A", *range(5))), pairs("A", 0, 1, 2), NOTHING)
    assert list(found["date"]) == days(3, 4)


def test_a_market_of_which_nothing_ever_came_counts_from_the_first_bar_that_its_listing_tells():
    found = missing_bars(listed(pairs("A", *range(5)), days(2)[0]), pairs("B", 0), NOTHING)
    assert list(found["date"]) == days(2, 3, 4)


def test_a_repair_is_bounded_in_symbols_and_days_and_takes_the_newest():
    gaps = both(*(pairs(f"S{k}", *range(10)) for k in range(6)))
    taken = bounded(gaps, 2, 3)
    assert set(taken["symbol"]) == {"S0", "S1"} and sorted(taken["date"].unique()) == days(7, 8, 9)
    assert bounded(gaps, 99, 99).equals(gaps) and bounded(gaps, 5, 0).empty


def test_questions_ask_for_the_gaps_and_their_neighbours_only():
    gaps = both(pairs("A", 5), pairs("B", 5), pairs("C", 5, 6), pairs("A", 40))
    asked = questions(gaps, days(0)[0], days(40)[0], ONE_DAY)
    told = {(q.symbols, q.start, q.end) for q in asked}
    assert told == {
        (("A", "B"), *days(4, 6)), (("C",), *days(4, 7)), (("A",), *days(39, 40)),
    }  # fmt: skip
    assert sum(len(q.gaps) for q in asked) == len(gaps)


@pytest.mark.parametrize(
    ("came", "failed", "outcome"),
    [
        ((4, 5, 6), {}, "repaired"),
        ((5,), {}, "repaired"),
        ((4, 6), {}, "no_trading"),
        ((4,), {}, "unanswered"),
        ((6,), {}, "unanswered"),
        ((), {}, "unanswered"),
        ((4, 6), {"A": "HTTP 500"}, "unanswered"),
    ],
)
def test_only_bars_on_both_sides_confirm_that_there_was_no_trading(came, failed, outcome):
    (question,) = questions(pairs("A", 5), days(0)[0], days(30)[0], ONE_DAY)
    (answer,) = read_answer(question, both(NOTHING, pairs("A", *came)), failed).itertuples()
    assert answer.outcome == outcome and answer.reason
    assert ("HTTP 500" in answer.reason) == bool(failed)


def test_received_rows_are_put_together_again_from_what_became_of_them():
    bars = synthetic_bars(symbols=5, days=6)
    bars.loc[7, "high"] = bars.loc[7, "low"] / 2
    dirty = both(bars, bars.iloc[[3]])
    judged = judge(dirty, listed_from(bars))
    again = received_rows(judged.accepted, judged.quarantined)
    order = ["date", "symbol", "high"]
    pd.testing.assert_frame_equal(
        again.sort_values(order, ignore_index=True)[list(dirty.columns)],
        dirty.sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_what_came_fills_holes_and_never_replaces_what_is_stored():
    stored = synthetic_bars(symbols=3, days=3)
    hole = stored.drop(index=4).reset_index(drop=True)
    other = stored.assign(close=1.0)
    filled = with_answers(hole, other)
    assert len(filled) == len(stored) and (filled["close"] == 1.0).sum() == 1
    name = stored["symbol"].iloc[0]
    refreshed = with_answers(hole, other[other["symbol"] == name], [name])
    assert set(refreshed.loc[refreshed["close"] == 1.0, "symbol"]) == {name} and len(refreshed) == len(hole)


def test_stored_bars_answer_for_the_whole_market_only():
    venue = StoredVenue(object(), synthetic_bars(symbols=2, days=4), lambda frame: frame)
    assert len(venue.bars(None, days(0)[0].date(), days(9)[0].date())) == 0
    with pytest.raises(UsageError, match="for a list"):
        venue.bars(["A"], days(0)[0].date(), days(9)[0].date())
