"""Tiny charts are valid images of the stated size, small enough for metadata."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from quant_assets.errors import EmptyResult
from quant_assets.reports.inline_charts import bar_chart, line_chart

DAYS = pd.date_range("2023-01-02", periods=900)
RNG = np.random.default_rng(2)
IMAGES = {
    "line": line_chart({"net": pd.Series(np.cumprod(1 + RNG.normal(0, 0.02, 900)), DAYS)}, "Equity"),
    "lines": line_chart({m: pd.Series(RNG.normal(0, 1, 900).cumsum(), DAYS) for m in "abcd"}, "Sleeves"),
    "bars": bar_chart(pd.Series(RNG.normal(0, 0.1, 9), [f"SAMPLE:C{i}/USDT" for i in range(9)]), "Weights", True),
    "dated bars": bar_chart(pd.Series(RNG.integers(40, 60, 120), DAYS[:120]), "Symbols a day"),
}


def image(markdown: str) -> bytes:
    assert markdown.startswith("![") and "](data:image/png;base64," in markdown and markdown.endswith(")")
    return base64.b64decode(markdown.split("base64,")[1][:-1])


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_small_and_of_the_stated_size(name: str) -> None:
    data = image(IMAGES[name])
    assert len(data) < 15_000
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (420, 160) and len(set(picture.convert("L").tobytes())) > 8


def test_hostile_titles_draw_as_text() -> None:
    text = line_chart({"$x^$": pd.Series([1.0, 2.0]), "y": pd.Series([2.0, 1.0])}, "$\\frac{$ <script>](http://x) ![")
    assert "http://x)" not in text.split("base64,")[0] and len(image(text)) > 100


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(EmptyResult, match="Equity"):
        line_chart({"net": pd.Series([np.nan, np.inf])}, "Equity")
