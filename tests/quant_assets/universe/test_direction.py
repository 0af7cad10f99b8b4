"""The typed direction."""

from __future__ import annotations

from quant_assets.universe.direction import Direction


def test_direction_is_its_name_and_carries_its_sign() -> None:
    assert [(str(d), d.sign) for d in Direction] == [("LONG", 1), ("SHORT", -1)]
    assert Direction("SHORT") is Direction.SHORT
