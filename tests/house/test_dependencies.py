"""What the code imports is what pyproject.toml declares, and the heavy libraries stay out of start-up."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.house.sources import PACKAGES, ROOT, named, python_files, tree

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {
    "vectorbt",
    "apprise",
    "skfolio",
    "ray",
    "ccxt",
    "cvxpy",
    "sklearn",
    "scipy",
    "matplotlib",
    "plotly",
    "exchange_calendars",
}


def distribution(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement)[0].lower().replace("_", "-")


def imported(nodes) -> dict[str, int]:
    """Top-level module -> line, of every absolute import among the nodes."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0]: node.lineno for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module.split(".")[0]] = node.lineno
    return found


def test_every_import_is_declared_and_every_declaration_is_used():
    provided = packages_distributions()
    declared = {distribution(r) for r in PROJECT["dependencies"]} | {"vectorbt", "tradingview-screener"}
    ours = {*PACKAGES, *sys.stdlib_module_names}
    used, faults = set(), []
    for path in python_files(*PACKAGES):
        for module, line in imported(ast.walk(tree(path))).items():
            if module in ours:
                continue
            names = {name.lower().replace("_", "-") for name in provided.get(module, [module])}
            used |= names
            if not names & declared:
                faults.append(f"{named(path)}:{line}: {module} is not in pyproject.toml")

    assert faults == []
    # The webserver is a program; the exchange calendars serve the profiles of markets that close.
    assert declared - used <= {"dagster-webserver", "exchange-calendars"}


def test_heavy_libraries_are_imported_by_the_functions_that_need_them():
    found = [
        f"{named(path)}:{line}: {module}"
        for path in python_files(*PACKAGES)
        for module, line in imported(tree(path).body).items()
        if module in HEAVY
    ]

    assert found == []
