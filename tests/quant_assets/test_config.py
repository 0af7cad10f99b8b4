"""What a configuration's hash depends on: every setting that can change a result, and none that cannot."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from quant_assets.config import ConfigBlock, hash_of
from quant_resources.venues.config import ArchiveVenueConfig, CcxtVenueConfig, FilesVenueConfig


class Inner(ConfigBlock):
    day: dt.date = dt.date(2024, 1, 1)
    names: tuple[str, ...] = ("a", "b")


class Outer(ConfigBlock):
    OPERATIONAL = frozenset({"folder"})

    folder: Path = Path("one")
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = (Inner(),)


def test_a_hash_is_stable_and_sixteen_hex_digits_long():
    assert hash_of(Outer()) == hash_of(Outer())
    assert len(hash_of(Outer())) == 16
    assert int(hash_of(Outer()), 16) >= 0


@pytest.mark.parametrize(
    "changed",
    [
        Outer(inner=Inner(day=dt.date(2024, 1, 2))),
        Outer(inner=Inner(names=("b", "a"))),
        Outer(inners=()),
        Outer(inners=(Inner(names=()),)),
    ],
)
def test_every_setting_counts_however_deep(changed: Outer):
    assert hash_of(changed) != hash_of(Outer())


def test_where_data_lies_and_how_it_travels_does_not_count():
    assert hash_of(Outer(folder=Path("two"))) == hash_of(Outer())
    assert hash_of(FilesVenueConfig(path=Path("a"))) == hash_of(FilesVenueConfig(path=Path("b")))
    assert hash_of(CcxtVenueConfig(workers=1)) == hash_of(CcxtVenueConfig(workers=4))
    rest = [CcxtVenueConfig(timeout_ms=t) for t in (1_000, 2_000)]
    archives = [ArchiveVenueConfig(symbols=("BTC/USDT",), rest=r) for r in rest]
    assert hash_of(archives[0]) == hash_of(archives[1])


def test_which_market_it_is_counts():
    assert hash_of(CcxtVenueConfig(exchange="kraken")) != hash_of(CcxtVenueConfig())
