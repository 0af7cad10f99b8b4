"""The command in this process, and places for it to work on."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from quant_assets.cli.main import app
from tests.cli.bars_files import DAYS, walk
from tests.cli.command import Quant
from tests.e2e.worlds import Place, finished, tiny_bars, tiny_profile


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Place:
    """The finished tiny world; tests copy it before they change anything."""
    return finished("tiny", tmp_path_factory.getbasetemp())


@pytest.fixture
def quant() -> Quant:
    """The command in this process, on a place given by its environment."""

    def run(place: Place | None, *arguments: object) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (place.environment if place else {}).items():
                patch.setenv(name, value)
            result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def fresh(tmp_path) -> Place:
    """A place with a profile and bars, and nothing materialized."""
    return Place(tmp_path / "fresh").write(tiny_profile(), tiny_bars())


@pytest.fixture(scope="module")
def worked(tiny, tmp_path_factory) -> Place:
    """A copy of the finished tiny world for commands that only look."""
    return tiny.copy_to(tmp_path_factory.mktemp("worked"))


@pytest.fixture
def two(tmp_path):
    """A file of two synthetic markets, the second one younger."""
    frame = pd.concat([walk("AAA/USDT", DAYS, 1), walk("BBB/USDT", 90, 2)], ignore_index=True)
    path = tmp_path / "two.csv"
    frame.to_csv(path, index=False)
    return path, frame
