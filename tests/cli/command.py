"""What a test of the command line looks at."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

Quant = Callable[..., Result]
L0 = (
    "L0.SCHEMA", "L0.SYMBOL", "L0.CLOSED", "L0.KEY", "L0.OHLC", "L0.VOLUME", "L0.COVERAGE", "L0.RETENTION",
    "L0.CONSERVE",
)  # fmt: skip
L1 = (
    "L1.FRESH", "L1.GAP", "L1.RETURN_CAP", "L1.STALL", "L1.VOLUME_SPIKE", "L1.REDENOMINATION", "L1.IDENTITY",
)  # fmt: skip
"""The rules of bars, in the order in which every command shows them."""


def one_error(result: Result) -> str:
    """The one error message on standard error; nothing that looks like a result on standard output."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return result.stderr
