"""A mistake gives one error with its next step, the documented exit code, and changes nothing."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import one_error
from tests.e2e.worlds import TINY_END, TINY_START, Place, tiny_bars, tiny_profile, tree


def _unknown_key(place: Place) -> tuple[str, ...]:
    place.write({**tiny_profile(), "anualisation": 365})
    return ("backfill",)


def _missing_member(place: Place) -> tuple[str, ...]:
    profile = tiny_profile()
    profile["metas"][0]["members"] = ["up", "down", "sideways"]
    place.write(profile)
    return ("backfill",)


def _no_bars(place: Place) -> tuple[str, ...]:
    place.bars_file.unlink()
    return ("backfill", "--json")


def _wrong_columns(place: Place) -> tuple[str, ...]:
    tiny_bars().rename(columns={"close": "last_price"}).to_parquet(place.bars_file, index=False)
    return ("backfill",)


def _hostile_symbol(place: Place) -> tuple[str, ...]:
    tiny_bars().replace({"TOY:COIN3/USDT": "../x"}).to_parquet(place.bars_file, index=False)
    return ("backfill",)


MISTAKES = {
    "unknown profile key": (_unknown_key, 2, ("anualisation", "unknown key")),
    "unknown profile": (lambda p: ("backfill", "--profile", "nowhere"), 2, ("'nowhere' is unknown", "demo")),
    "absent profile file": (lambda p: ("backfill", "--profile", "no/such.yaml"), 2, ("no such file",)),
    "unknown asset": (lambda p: ("run", "no_such", "--date", TINY_START), 2, ("no_such", "ohlcv", "up/selection")),
    "unknown asset of a backfill": (lambda p: ("backfill", "-s", "no_such"), 2, ("no_such",)),
    "date before the start": (lambda p: ("run", "listings", "--date", "1999-01-01"), 2, ("1999-01-01", TINY_START)),
    "no date at all": (lambda p: ("run", "listings", "--date", "yesterday"), 2, ("yesterday", "YYYY-MM-DD")),
    "range backwards": (lambda p: ("backfill", "--from", TINY_END, "--to", TINY_START), 2, ("exchange",)),
    "verdicts of a range backwards": (lambda p: ("check", "--from", TINY_END, "--to", TINY_START), 2, ("exchange",)),
    "rejected bars of a range backwards": (
        lambda p: ("quarantine", "list", "--from", TINY_END, "--to", TINY_START),
        2,
        ("exchange",),
    ),
    "date and range": (lambda p: ("run", "ohlcv", "--date", TINY_START, "--to", TINY_END), 2, ("not both",)),
    "missing sleeve of a meta": (_missing_member, 2, ("sideways", "up")),
    "wrong columns": (_wrong_columns, 2, ("close", "last_price", "rename")),
    "hostile symbol": (_hostile_symbol, (2, 3), ("../x",)),
    "bad SQL": (lambda p: ("sql", "selekt 1"), 2, ("sql",)),
    "check without a file": (lambda p: ("check", "bars"), 2, ("FILE",)),
    "check of an absent file": (lambda p: ("check", "bars", "no.csv"), 2, ("no.csv", "does not exist")),
    "nothing to check": (lambda p: ("check", "ohlcv"), 4, ("quant backfill",)),
    "simulate without its file": (lambda p: ("simulate", "w.csv", "r.csv"), 2, ("w.csv", "no such file")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_one_error_with_the_next_step_and_changes_nothing(quant, fresh, mistake):
    prepare, codes, said = MISTAKES[mistake]
    arguments = prepare(fresh)
    result = quant(fresh, *arguments)
    assert result.exit_code in (codes if isinstance(codes, tuple) else (codes,)), result.output
    message = one_error(result)
    assert all(words in message for words in said), message
    assert tree(fresh.folder / "lakehouse") == {}, "nothing was written"


def test_an_empty_folder_of_bars_is_an_empty_result(quant, fresh):
    result = quant(fresh, *_no_bars(fresh))
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 4
    assert [a["asset"] for a in told["assets"]] == ["listings"], "what rests on it was not started"
    assert "holds no .parquet or .csv file" in told["assets"][0]["message"]
    assert tree(fresh.folder / "lakehouse") == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "listings", "--date", "1999-01-01"),
        ("run", "no_such", "--date", TINY_START),
        ("backfill", "--profile", "nowhere"),
        ("sql", "drop table ohlcv"),
        ("sql", "copy ohlcv to 'stolen.csv'"),
    ],
)
def test_a_finished_lakehouse_is_left_as_it_is(quant, worked, arguments):
    before = tree(worked.folder / "lakehouse")
    assert quant(worked, *arguments).exit_code == 2
    assert tree(worked.folder / "lakehouse") == before
