"""What a test of the command line looks at."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

Quant = Callable[..., Result]


def one_error(result: Result) -> str:
    """The one error message on standard error; nothing that looks like a result on standard output."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return result.stderr
