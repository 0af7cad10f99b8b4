"""A sleeve is an entry of a profile: names are safe, the direction is typed, the parts fit together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quant_assets.sleeves.config import SleeveConfig
from quant_assets.universe.direction import Direction

ENTRY: dict[str, object] = {
    "name": "ma_short",
    "title": "MA rating, short",
    "universe": "binance_spot",
    "direction": "SHORT",
    "selection": {"thresholds": [{"feature": "recommend_ma", "min": 0.3}], "on_empty": "cash"},
    "allocation": {"engine": "hrp", "cap": 0.2},
    "costs": {"fee": 0.001, "annualisation_days": 365},
}


def test_an_entry_of_a_profile_becomes_typed_parts() -> None:
    sleeve = SleeveConfig.model_validate(ENTRY)
    assert sleeve.direction is Direction.SHORT
    assert (sleeve.selection.on_empty, sleeve.allocation.engine) == ("cash", "hrp")
    assert sleeve.costs is not None and sleeve.costs.annualisation_days == 365


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../x"}, "pattern"),
        ({"name": "A"}, "pattern"),
        ({"direction": "DISCOVERY"}, "LONG"),
        ({"direction": None}, "direction"),
        ({"leverage": 2}, "Extra inputs"),
        ({"selection": {"top_n": 4, "floor": 2}}, "top_n 4 x cap 0.2 = 0.8 is below 1"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SleeveConfig.model_validate(ENTRY | change)


def test_cash_relief_makes_a_small_sleeve_possible() -> None:
    change = {"selection": {"top_n": 4, "floor": 2}, "allocation": {"cap": 0.2, "cap_relief": "cash"}}
    assert SleeveConfig.model_validate(ENTRY | change).selection.top_n == 4
