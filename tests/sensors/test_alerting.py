"""One alert for one thing until it is over; nothing twice, nothing lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.alerting import ERROR, EXTENDED, OPENED, RECOVERED, TOXIC, WARN, Alert, Event, Finding, decide, shifted
from sensors.messages import render

MONDAY = "2024-03-11"


def finding(*partitions: str, rule: str = "L1.X", severity: str = WARN, **changes) -> Finding:
    base = Finding(TOXIC, "ohlcv", rule, severity, partitions, f"{rule} on {partitions[-1:]}", 10, 1)
    return replace(base, **changes)


def after(open_alerts: list[Alert], events: list[Event]) -> list[Alert]:
    """The open alerts once these events have happened."""
    state = {a.alert: a for a in open_alerts}
    for event in events:
        state.pop(event.alert.alert, None)
        if event.event != RECOVERED:
            state[event.alert.alert] = event.alert
    return list(state.values())


def test_what_is_found_first_opens_one_alert_with_all_its_partitions():
    (event,) = decide([finding("2024-03-02"), finding("2024-03-09")], [])

    assert event.event == OPENED
    assert event.alert.partitions == ("2024-03-02", "2024-03-09")


def test_the_same_again_says_nothing():
    found = [finding("2024-03-02"), finding("2024-03-09")]

    assert decide(found, after([], decide(found, []))) == []


def test_the_next_day_of_the_same_thing_extends_it_and_is_not_told():
    opened = after([], decide([finding("2024-03-02")], []))
    (event,) = decide([finding("2024-03-02"), finding("2024-03-03"), finding("2024-03-04")], opened)

    assert (event.event, event.alert.partitions) == (EXTENDED, ("2024-03-02", "2024-03-03", "2024-03-04"))
    assert event.alert.alert == opened[0].alert


def test_weekly_partitions_are_neighbours_a_week_apart():
    opened = after([], decide([finding(MONDAY, step_days=7)], []))
    events = decide([finding(MONDAY, step_days=7), finding(shifted(MONDAY, 7), step_days=7)], opened)

    assert [e.event for e in events] == [EXTENDED]


def test_a_day_further_away_is_told_as_another_alert():
    opened = after([], decide([finding("2024-03-02")], []))
    (event,) = decide([finding("2024-03-02"), finding("2024-03-09")], opened)

    assert (event.event, event.alert.partitions) == (OPENED, ("2024-03-09",))


def test_the_same_rule_at_error_is_another_alert_than_at_warn():
    opened = after([], decide([finding("2024-03-02")], []))
    events = decide([finding("2024-03-02", severity=ERROR)], opened)

    assert {(e.event, e.alert.severity) for e in events} == {(RECOVERED, WARN), (OPENED, ERROR)}


def test_an_alert_recovers_when_none_of_its_partitions_is_found():
    opened = after([], decide([finding("2024-03-02"), finding("2024-03-03")], []))

    assert decide([finding("2024-03-03")], opened) == []
    assert [e.event for e in decide([], opened)] == [RECOVERED]


def test_a_partition_that_was_not_judged_keeps_its_alert_open():
    opened = after([], decide([finding("2024-03-02")], []))

    assert decide([], opened, unknown={("ohlcv", "2024-03-02")}) == []


def test_an_alert_without_partitions_is_open_while_it_is_found_or_unknown():
    opened = after([], decide([finding()], []))

    assert decide([finding()], opened) == []
    assert decide([], opened, unknown={("ohlcv", "")}) == []
    assert [e.event for e in decide([], opened)] == [RECOVERED]


def test_an_alert_that_comes_back_is_told_from_the_first():
    first, second = (decide([finding("2024-03-02")], [], moment=m)[0].alert for m in ("one", "two"))

    assert first.alert != second.alert


DAYS = st.sets(st.integers(0, 12), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=6))
def test_open_alerts_always_cover_exactly_what_was_found_and_has_not_gone(ticks):
    """Whatever comes: every finding is covered by one open alert, and no partition is in two."""
    open_alerts: list[Alert] = []
    for number, days in enumerate(ticks):
        found = [finding(shifted("2024-03-01", day)) for day in sorted(days)]
        events = decide(found, open_alerts, moment=str(number))
        open_alerts = after(open_alerts, events)
        covered = [p for a in open_alerts for p in a.partitions]

        assert len(covered) == len(set(covered))
        assert {p for f in found for p in f.partitions} <= set(covered)
        assert all(set(a.partitions) & {p for f in found for p in f.partitions} for a in open_alerts)
        assert decide(found, open_alerts) == []
        assert sum(e.event == OPENED for e in events) <= 1


def test_a_message_says_what_where_how_many_and_the_worst():
    offenders = ({"symbol": "TOY:A/USDT", "value": 7.5},)
    found = [finding("2024-03-02", offenders=offenders), finding("2024-03-03", page="/assets/ohlcv")]
    (event,) = decide(found, [])

    title, body = render(event, "demo, SYNTHETIC market", "http://127.0.0.1:3000")

    assert title == "[TOXIC DATA] ohlcv 2024-03-02 .. 2024-03-03 L1.X"
    assert body.splitlines() == [
        "Asset: ohlcv",
        "Partition: 2024-03-02 .. 2024-03-03 (2 partitions)",
        "Rule: L1.X (WARN, toxic data)",
        "Counts: 2 of 20 checked",
        "What: L1.X on ('2024-03-03',)",
        "Worst: symbol TOY:A/USDT, value 7.5",
        "Profile: demo, SYNTHETIC market",
        "Page: http://127.0.0.1:3000/assets/ohlcv",
    ]


@pytest.mark.parametrize(("severity", "word"), [(WARN, "WARN"), (ERROR, "ERROR")])
def test_a_recovery_names_what_it_was(severity, word):
    opened = after([], decide([finding("2024-03-02", severity=severity)], []))
    (event,) = decide([], opened)

    title, body = render(event, "demo", "")

    assert title == "[RECOVERED] ohlcv 2024-03-02 L1.X"
    assert f"Rule: L1.X ({word}, toxic data)" in body and "It holds again." in body
