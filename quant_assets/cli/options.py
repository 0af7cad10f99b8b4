"""Options that several commands share, and how an error made for the user becomes one message and an exit code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Profile name or YAML file (else QUANT_PROFILE, else demo).")
]
From = Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")]
To = Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")]


def explained(command: Callable[P, int]) -> Callable[P, None]:
    """Turn an error made for the user into one message and its exit code; any other error keeps its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from quant_assets.collection import no_collection_at_exit, rare_collections
        from quant_assets.errors import QuantError

        no_collection_at_exit()
        try:
            with rare_collections():
                code = command(*args, **kwargs)
        except QuantError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        raise typer.Exit(code)

    return run
