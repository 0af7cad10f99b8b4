"""The walk through pages: every bar comes once, whatever the exchange does to single pages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_resources.venues.ccxt_klines import (
    DAY_MS,
    BarBlock,
    MalformedRows,
    UnusableBars,
    block_of_candles,
    block_of_klines,
    empty_block,
    epoch_to_ms,
)
from quant_resources.venues.ccxt_pages import Patience, walk_pages

START = 18_262 * DAY_MS
PATIENCE = Patience(empty=3, stale=5)


def block(days: list[int], value: float = 1.0) -> BarBlock:
    opened = START + np.array(days, dtype=np.int64) * DAY_MS
    return BarBlock(opened, np.column_stack([opened * value] * 7) if days else empty_block().values)


class Pages:
    """An exchange with bars on some days; `spoil` changes its n-th answer."""

    def __init__(self, days: list[int], size: int, spoil: dict[int, str]) -> None:
        self.days, self.size, self.spoil, self.asked = days, size, spoil, 0

    def __call__(self, cursor: int) -> BarBlock:
        since = (cursor - START) // DAY_MS
        page = [day for day in self.days if day >= since][: self.size]
        kind = self.spoil.get(self.asked, "")
        self.asked += 1
        if kind == "empty":
            return empty_block()
        if kind == "stale":
            return block([day for day in self.days if day < since][-self.size :])
        if kind == "doubled":
            return block(page + page[: len(page) // 2])
        if kind == "hole":
            return block(page[:1] + page[2:])
        return block(page[::-1] if kind == "reversed" else page)


def walked_days(pages: Pages, last: int = 200, newest=None):
    return walk_pages(pages, START, START + last * DAY_MS, START + last * DAY_MS, PATIENCE, newest)


faults = st.sampled_from(["empty", "stale", "doubled", "reversed", "hole"])


@given(
    st.sets(st.integers(0, 100), min_size=1), st.integers(1, 30), st.dictionaries(st.integers(0, 60), faults),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_single_faults_lose_and_add_nothing(days, size, spoil, confirmed):
    # Two faults of one kind in a row are what patience is bounded for; here they never follow each other.
    spoil = {n: kind for n, kind in spoil.items() if n - 1 not in spoil}
    newest = (lambda: block([max(days)])) if confirmed else None
    walked = walked_days(Pages(sorted(days), size, spoil), newest=newest)
    assert ((walked.block.open_ms - START) // DAY_MS).tolist() == sorted(days)
    assert walked.received == len(walked.block) + walked.repeated + walked.unclosed


def test_conflicting_rows_stay_for_the_contracts_and_exact_ones_go():
    answers = [block([0, 1, 3]), block([1, 2, 3], value=1.5), block([0, 1, 2])]
    walked = walk_pages(lambda cursor: answers.pop(0), START, START + 3 * DAY_MS, START + 3 * DAY_MS, PATIENCE)
    assert ((walked.block.open_ms - START) // DAY_MS).tolist() == [0, 1, 1, 2, 3, 3]
    assert (walked.received, walked.repeated, len(answers)) == (6, 0, 1)


def test_an_unclosed_bar_is_counted_and_dropped():
    closed = START + 2 * DAY_MS
    walked = walk_pages(Pages([0, 1, 2, 3], 10, {}), START, START + 2 * DAY_MS, closed, PATIENCE)
    assert (len(walked.block), walked.unclosed, walked.received, walked.reached) == (3, 1, 4, True)


def test_a_start_time_that_is_always_ignored_is_an_error_not_a_loop():
    with pytest.raises(UnusableBars, match="ignores the start time"):
        walk_pages(lambda cursor: block([0, 1]), START + 5 * DAY_MS, START + 9 * DAY_MS, START + 9 * DAY_MS, PATIENCE)


def test_an_empty_page_is_believed_when_the_newest_bar_agrees_and_never_when_it_does_not():
    asked = Pages([0, 1, 2], 3, {})
    assert walked_days(asked, newest=lambda: block([2])).reached is False
    assert asked.asked == 2, "one question of another kind replaces asking again"
    nothing = Pages([], 3, {})
    assert len(walked_days(nothing, newest=empty_block).block) == 0 and nothing.asked == 1
    with pytest.raises(UnusableBars, match="although the newest one"):
        walked_days(Pages([0, 1, 2], 3, dict.fromkeys(range(1, 9), "empty")), newest=lambda: block([7]))
    unable = Pages([0], 3, {})
    walked_days(unable, last=5, newest=lambda: block([9]))
    assert unable.asked == 1 + PATIENCE.empty, "a bar behind the range tells nothing about it"


def test_another_boundary_of_days_is_refused():
    odd = BarBlock(np.array([START + 1]), np.ones((1, 7)))
    with pytest.raises(UnusableBars, match="not 00:00 UTC"):
        walk_pages(lambda cursor: odd, START, START + DAY_MS, START + DAY_MS, PATIENCE)


def test_microseconds_are_not_mistaken_for_milliseconds():
    for epoch in (1_577_836_800, 1_577_836_800_000, 1_577_836_800_000_000, 1_577_836_800_000_000_000):
        assert epoch_to_ms(epoch) == 1_577_836_800_000
    for nonsense in (0, 20200101, -5, float("nan"), 1e30):
        with pytest.raises(UnusableBars, match="no epoch"):
            epoch_to_ms(nonsense)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"message": "try later"}, "expected a list"),
        ([[START, "1", "1"]], "at least 9 fields"),
        ([{"t": 1}], "at least 9 fields"),
        ([[START, "1", "1", "1", "cheap", "1", START, "1", 1]], "'cheap'"),
        ([[START, "1", "1", "1", ["1"], "1", START, "1", 1]], "no number"),
    ],
)
def test_rows_of_another_shape_are_malformed(rows, message):
    with pytest.raises(MalformedRows, match=message):
        block_of_klines(rows)


def test_null_is_unknown_and_a_common_candle_has_no_value_traded():
    told = block_of_klines([[START, "1.5", "2", "1", None, "7", START, "9", 3]])
    np.testing.assert_array_equal(told.values, [[1.5, 2.0, 1.0, np.nan, 7.0, 9.0, 3.0]])
    candle = block_of_candles([[START, 1.0, 2.0, 0.5, 1.5, 7.0]])
    assert np.isnan(candle.values[0, 5:]).all() and not np.isnan(candle.values[0, :5]).any()
