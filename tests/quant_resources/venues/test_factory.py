"""Configuration decides the venue; nothing heavy is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from quant_resources.venues.config import FilesVenueConfig, SampleVenueConfig, VenueConfig
from quant_resources.venues.factory import build_venue
from quant_resources.venues.port import Venue


@pytest.mark.parametrize(
    ("block", "name", "data_kind", "point_in_time"),
    [
        ({"kind": "sample"}, "SYNTH", "synthetic", True),
        ({"kind": "files", "path": "x", "venue_name": "MINE", "data_kind": "synthetic"}, "MINE", "synthetic", True),
        ({"kind": "ccxt", "symbols": ["BTC/USDT"]}, "BINANCE", "real", False),
    ],
)
def test_the_kind_decides(block: dict[str, object], name: str, data_kind: str, point_in_time: bool) -> None:
    venue = build_venue(TypeAdapter(VenueConfig).validate_python(block))
    assert isinstance(venue, Venue)
    assert (venue.name, venue.data_kind, venue.point_in_time_listings) == (name, data_kind, point_in_time)


@pytest.mark.parametrize(
    "block",
    [
        {"kind": "oracle"},
        {"kind": "sample", "sede": 3},
        {"kind": "files", "path": "x", "venue_name": "../x"},
        {"kind": "ccxt", "symbols": []},
        {"kind": "ccxt", "symbols": ["BTC/USDT", "BTC/USDT"]},
        {"kind": "ccxt", "symbols": ["BTC/USDT"], "base_url": "ftp://x"},
        {"kind": "sample", "start": "2024-01-02", "end": "2024-01-01"},
    ],
)
def test_what_is_not_understood_is_refused(block: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(VenueConfig).validate_python(block)


def test_blocks_are_frozen_and_serve_as_cache_keys() -> None:
    assert hash(SampleVenueConfig()) == hash(SampleVenueConfig(seed=7, end=date(2024, 6, 30)))
    with pytest.raises(ValidationError, match="frozen"):
        SampleVenueConfig().seed = 3  # type: ignore[misc]  # the refusal is the point
    assert FilesVenueConfig(path="x").data_kind == "real"


def test_building_any_venue_imports_no_ccxt() -> None:
    script = (
        "import sys; from quant_resources.venues.config import *;"
        "from quant_resources.venues.factory import build_venue;"
        "build_venue(SampleVenueConfig()); build_venue(CcxtVenueConfig(symbols=('BTC/USDT',)));"
        "print('ccxt' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
