"""A reader can hold a file and a function in mind, and every public name says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import PACKAGES, named, python_files, tree

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
SOURCE = python_files(*PACKAGES)
EVERYTHING = SOURCE + python_files("tests", "benchmarks")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def public_definitions(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Public functions, classes and methods; what is inside a function is nobody's business."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body)


def untyped(function: Function) -> list[str]:
    """The parameters without annotation, and `return`."""
    spec = function.args
    named_parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, [spec.vararg, spec.kwarg])]
    missing = [a.arg for a in named_parameters if a.annotation is None and a.arg not in {"self", "cls"}]
    return missing + ([] if function.returns else ["return"])


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_a_file_and_its_functions_are_short(path):
    long = [
        f"{f.name}: {size} lines" for f in functions(path) if (size := f.end_lineno - f.lineno + 1) > MAX_FUNCTION_LINES
    ]
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= MAX_FILE_LINES, f"{named(path)} has {lines} lines"
    assert long == [], f"{named(path)}: {long}"


@pytest.mark.parametrize("path", SOURCE, ids=named)
def test_public_names_have_docstrings_and_types(path):
    faults = []
    for node in public_definitions(tree(path).body):
        if not ast.get_docstring(node):
            faults.append(f"{named(path)}:{node.lineno}: {node.name} has no docstring")
        if isinstance(node, Function) and (missing := untyped(node)):
            faults.append(f"{named(path)}:{node.lineno}: {node.name} lacks types of {missing}")

    assert faults == []


@pytest.mark.parametrize("path", [p for p in SOURCE if p.name != "__init__.py"], ids=named)
def test_a_module_opens_with_what_it_is_for(path):
    assert ast.get_docstring(tree(path)), f"{named(path)} has no module docstring"
