"""What most commands begin with: the profile, the lakehouse, the Dagster instance; and how they print."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.collection import no_collection_while_loading
from quant_assets.errors import UsageError

if TYPE_CHECKING:
    from quant_assets.running import GraphRunner
    from quant_resources.lakehouse.store import Lakehouse

HOME_VARIABLE = "DAGSTER_HOME"
DEFAULT_HOME = ".dagster"


def dagster_home() -> Path:
    """Folder of the Dagster instance: ``DAGSTER_HOME``, else ``./.dagster``; created with its settings if absent."""
    from quant_resources.dagster_home import prepare_dagster_home

    home = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()
    os.environ[HOME_VARIABLE] = str(home)
    return prepare_dagster_home(home)


def open_lakehouse() -> Lakehouse:
    """The lakehouse that ``QUANT_LAKEHOUSE`` names, else ``./lakehouse``."""
    from quant_resources.lakehouse.location import lakehouse_root
    from quant_resources.lakehouse.store import Lakehouse

    return Lakehouse(lakehouse_root())


@contextmanager
def open_runner(profile: str | None) -> Iterator[GraphRunner]:
    """A runner on the configured profile, instance and lakehouse."""
    quiet()
    with no_collection_while_loading():
        from dagster import DagsterInstance

        from quant_assets.profiles.load import load_profile
        from quant_assets.running import GraphRunner

    chosen = load_profile(profile)
    with DagsterInstance.from_config(str(dagster_home())) as instance:
        yield GraphRunner(chosen, instance, open_lakehouse())


def quiet() -> None:
    """Keep Dagster's own console chatter and preview notices out of a command's output."""
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)


def iso_day(text: str | None, option: str) -> str | None:
    """A day given on the command line; raises ``UsageError`` naming the option."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is not a day; write YYYY-MM-DD") from error


def iso_range(first: str | None, last: str | None) -> tuple[str | None, str | None]:
    """The days of ``--from`` and ``--to``; raises ``UsageError`` where they are no days or the wrong way round."""
    begin, end = iso_day(first, "--from"), iso_day(last, "--to")
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"--from {begin} is after --to {end}; exchange them")
    return begin, end


def print_json(content: object) -> None:
    """One JSON document on standard output; NaN becomes null, because JSON has no NaN."""
    print(json.dumps(_plain(content), indent=2, default=str, allow_nan=False))


def print_table(title: str, records: Sequence[dict[str, Any]], columns: Sequence[str] | None = None) -> None:
    """A table on standard output."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    names = list(columns or (records[0] if records else ()))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in names:
        numeric = all(isinstance(r.get(name), int | float) for r in records)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for record in records:
        table.add_row(*(_text(record.get(name)) for name in names))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _text(value: object) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return f"{value:,.4g}"
    return "" if value is None else escape(str(value))


def _plain(content: Any) -> Any:  # noqa: ANN401  # JSON is of any plain type
    if isinstance(content, dict):
        return {str(k): _plain(v) for k, v in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(v) for v in content]
    if hasattr(content, "item"):
        content = content.item()
    if isinstance(content, float) and content != content:
        return None
    if content in (float("inf"), float("-inf")):
        return None
    return content
