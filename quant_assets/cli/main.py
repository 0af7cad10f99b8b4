"""Entry point: the commands, their arguments and their exit codes. What they do lies in the other modules of this room.

Exit codes: 0 ok, 1 failure, 2 usage, 3 contract violation, 4 empty result.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

app = typer.Typer(
    name="quant",
    help="Date-partitioned portfolio research and production: bars in, contracts checked, weights and reports out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Profile name or YAML file (else QUANT_PROFILE, else demo).")
]
Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", help="Asset or group; add + for all downstream; repeatable.")
]
From = Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")]
To = Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")]


def _explained(command: Callable[P, int]) -> Callable[P, None]:
    """Turn an error made for the user into one message and its exit code; any other error keeps its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from quant_assets.errors import QuantError

        try:
            code = command(*args, **kwargs)
        except QuantError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        raise typer.Exit(code)

    return run


@app.command()
@_explained
def demo(as_json: Json = False) -> int:
    """Materialize the demo's whole history on the synthetic market and name the report to open."""
    from quant_assets.cli import materializing

    return materializing.demo(as_json)


@app.command()
@_explained
def run(
    assets: Annotated[list[str], typer.Argument(help="Assets or groups; add + for all downstream.")],
    date: Annotated[str | None, typer.Option("--date", help="One partition, YYYY-MM-DD.")] = None,
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """Materialize assets for a date or a range of dates, current or not."""
    from quant_assets.cli import materializing

    return materializing.run(assets, date, first, last, profile, as_json)


@app.command()
@_explained
def backfill(
    select: Select = None,
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    force: Annotated[bool, typer.Option("--force", help="Also what is current.")] = False,
    as_json: Json = False,
) -> int:
    """Materialize whatever is not current, asset by asset in graph order; a killed backfill continues where it was."""
    from quant_assets.cli import materializing

    return materializing.backfill(select or [], first, last, profile, force, as_json)


@app.command()
@_explained
def status(select: Select = None, profile: ProfileName = None, as_json: Json = False) -> int:
    """Show for each asset how many partitions are published, refused, withheld or missing."""
    from quant_assets.cli import inspecting

    return inspecting.status(select or [], profile, as_json)


@app.command()
@_explained
def check(
    target: Annotated[str | None, typer.Argument(help="An asset, or `bars` to check a file of your own.")] = None,
    file: Annotated[Path | None, typer.Argument(help="With `bars`: a CSV or Parquet file, or a folder.")] = None,
    first: From = None,
    last: To = None,
    venue: Annotated[str, typer.Option(help="With `bars`: venue prefix for symbols that have none.")] = "FILES",
    quote: Annotated[str, typer.Option(help="With `bars`: quote currency of plain tickers.")] = "USD",
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """Show recorded verdicts rule by rule, or judge a file of bars by L0 and L1 (`quant check bars FILE`)."""
    from quant_assets.cli import checking

    if target == "bars":
        return checking.check_file(file, venue, quote, profile, as_json)
    return checking.check_assets(target, file, first, last, profile, as_json)


@app.command()
@_explained
def sql(
    query: Annotated[
        str, typer.Argument(help="One SQL statement; every lakehouse table is a view. `show tables` lists them.")
    ],
    as_json: Json = False,
) -> int:
    """Query the lakehouse."""
    from quant_assets.cli import inspecting

    return inspecting.sql(query, as_json)


@app.command()
@_explained
def simulate(
    weights: Annotated[
        Path, typer.Argument(help="Long frame: date, symbol, weight (target at the start of that date).")
    ],
    returns: Annotated[Path, typer.Argument(help="Long frame: date, symbol, return.")],
    fees: Annotated[float, typer.Option(help="Fee as a fraction of traded notional.")] = 0.0,
    slippage: Annotated[float, typer.Option(help="Slippage as a fraction of traded notional.")] = 0.0,
    borrow: Annotated[float, typer.Option(help="Annual borrow rate on short notional.")] = 0.0,
    annualisation: Annotated[int, typer.Option(help="Days a year, for borrow and the summary.")] = 365,
    out: Annotated[Path | None, typer.Option(help="CSV or Parquet file to write.")] = None,
    as_json: Json = False,
) -> int:
    """Simulate a book of your own with the reference loop: date, gross, costs, net, turnover."""
    from quant_assets.cli import simulating

    return simulating.simulate(weights, returns, fees, slippage, borrow, annualisation, out, as_json)


@app.command()
@_explained
def doctor(
    profile: ProfileName = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mark orphaned runs as failed.")] = False,
    as_json: Json = False,
) -> int:
    """Look for what goes wrong in practice: environment, profile, storage, orphaned runs, withheld partitions."""
    from quant_assets.cli import doctoring

    return doctoring.doctor(profile, fix, as_json)


@app.command()
@_explained
def maintain(
    retention_hours: Annotated[int, typer.Option(help="Keep unreferenced files this long.")] = 168,
    as_json: Json = False,
) -> int:
    """Compact the lakehouse and delete files that no current or referenced table version needs."""
    from quant_assets.cli import inspecting

    return inspecting.maintain(retention_hours, as_json)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; for tests and `python -m`."""
    app(arguments)


if __name__ == "__main__":
    main()
