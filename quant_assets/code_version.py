"""Hashes of what made a partition besides data: the pure code and the numerical environment."""

from __future__ import annotations

import ast
import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent
NUMERICAL_LIBRARIES = (
    "numpy", "pandas", "pyarrow", "numba", "scipy", "scikit-learn", "skfolio", "cvxpy", "clarabel", "deltalake",
)  # fmt: skip


@cache
def code_version(*rooms: str) -> str:
    """Hash (12 hex digits) of the syntax of all modules of these rooms; comments and docstrings do not count.

    Raises ``ValueError`` for a room without modules: its hash would never change.
    """
    digest = hashlib.sha256()
    for room in sorted(rooms):
        modules = sorted((ROOT / room).rglob("*.py"))
        if not modules:
            raise ValueError(f"code version: room {room!r} has no modules in {ROOT}")
        for path in modules:
            digest.update(_syntax(path).encode())
    return digest.hexdigest()[:12]


@cache
def env_hash() -> str:
    """Hash (12 hex digits) of the versions of Python and of the libraries that compute."""
    versions = [f"python={platform.python_version()}"]
    versions += [f"{name}={_version(name)}" for name in NUMERICAL_LIBRARIES]
    return hashlib.sha256(";".join(versions).encode()).hexdigest()[:12]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _syntax(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
