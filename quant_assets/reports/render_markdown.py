"""The report as Markdown, for a terminal, a pull request or a message; the same figures, no charts."""

from __future__ import annotations

import re
from typing import Any

from quant_assets.reports.context import report_context
from quant_assets.reports.figures import Table
from quant_assets.reports.formatting import number, percent
from quant_assets.reports.model import ReportInput

_ACTIVE = re.compile(r"([\\`*_{}\[\]|#])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class RawMarkdown(str):
    """Text that is Markdown already and is not escaped again."""


def render_markdown(report: ReportInput) -> str:
    """The whole document as text; characters of the input that Markdown or HTML would act on are escaped.

    Raises:
        UsageError, EmptyResult: as the figures do, naming what is missing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("quant_assets.reports"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False, finalize=escape_markdown,
    )  # fmt: skip
    environment.filters.update(table=markdown_table, raw=RawMarkdown, indented=_one_line)
    context = report_context(report)
    text = environment.get_template("report.md.j2").render(**context, **_tables(context))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(value: object) -> object:
    """Text on one line with Markdown's and HTML's active characters disarmed; other values unchanged."""
    if not isinstance(value, str) or isinstance(value, RawMarkdown):
        return value
    text = _ACTIVE.sub(r"\\\1", " ".join(value.split()))
    return re.sub(r"[&<>]", lambda found: _ENTITIES[found[0]], text)


def markdown_table(table: Table) -> RawMarkdown:
    """A pipe table with numbers aligned to the right; every cell escaped."""
    lines = [_row(table.columns), _row(tuple("---:" if n else ":---" for n in table.numeric), escape=False)]
    return RawMarkdown("\n".join([*lines, *map(_row, table.rows)]))


def _row(cells: tuple[str, ...], escape: bool = True) -> str:
    return "| " + " | ".join(str(escape_markdown(c)) if escape else c for c in cells) + " |"


def _one_line(command: str) -> RawMarkdown:
    """A line of an indented code block, where nothing is active but a line break."""
    return RawMarkdown(" ".join(command.split()))


def _tables(context: dict[str, Any]) -> dict[str, Table]:
    """The tables that the HTML template lays out by itself."""
    matrix = context["correlation"]
    cells = [(str(name), *(number(v) for v in row)) for name, row in matrix.iterrows()]
    held = [
        (p.symbol, percent(p.weight), percent(p.share_of_gross, 1), percent(p.gross_before_netting),
         ", ".join(f"{m} {percent(w)}" for m, w in p.contributors))
        for p in context["positions"]
    ]  # fmt: skip
    counted = ("pass", "warn", "fail", "waived")
    rules = [
        (c["rule"], c["asset"], c["state"], *(f"{c[k]:,}" for k in counted), c["message"]) for c in context["checks"]
    ]
    refused = [(w["asset"], w["partition"], w["rule"], w["reason"]) for w in context["withheld"]]
    right, left = True, False
    return {
        "correlation_table": Table(("", *map(str, matrix.columns)), tuple(cells), (left, *(right,) * len(matrix))),
        "positions_table": Table(
            ("Symbol", "Net weight", "Of gross", "Before netting", "Contributors"), tuple(held),
            (left, right, right, right, left),
        ),
        "checks_table": Table(
            ("Rule", "Asset", "Worst", "Pass", "Warn", "Fail", "Waived", "Newest message"), tuple(rules),
            (left, left, left, right, right, right, right, left),
        ),
        "withheld_table": Table(("Asset", "Partition", "Rule", "Reason"), tuple(refused), (left,) * 4),
    }  # fmt: skip
