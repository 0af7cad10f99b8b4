"""The selection block refuses what it cannot mean."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quant_assets.selection.config import SelectionConfig


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"treshold": 1}, "Extra inputs"),
        ({"vetoes": [{"feature": "x"}]}, "give min, max or both"),
        ({"vetoes": [{"feature": "x", "min": 2, "max": 1}]}, "above max"),
        ({"thresholds": [{"feature": "x", "min": 1}, {"feature": "x", "max": 2}]}, "given twice"),
        ({"vetoes": [{"feature": "x", "min": float("nan")}]}, "finite"),
        ({"floor": 21, "top_n": 20}, "never be met"),
        ({"trend": {"fast": "ema_9"}}, "vwma_20"),
        ({"relaxation": {"max_forced_share": 1.0}}, "less than 1"),
        ({"on_empty": "equal_weight"}, "'error' or 'cash'"),
    ],
)
def test_a_wrong_block_is_refused(block: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SelectionConfig.model_validate(block)


def test_features_lists_every_column_that_is_read() -> None:
    config = SelectionConfig.model_validate(
        {"vetoes": [{"feature": "realised_volatility", "max": 2}], "trend": {"fast": "close"}, "adx": {"min": 25}}
    )
    expected = ("adx_14", "close", "dmn_14", "dmp_14", "realised_volatility", "recommend_ma", "sma_200")
    assert config.features == expected
