"""What the house rules are checked on: the repository's own files, parsed once."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("quant_assets", "quant_resources", "partitions", "sensors")
# The rooms and what they share: plain functions on data. A room's edge files are the exception in each.
PURE_FOLDERS = (
    *("market", "universe", "features", "returns", "regime", "selection", "synthesis", "allocation", "simulation"),
    *("sleeves", "meta", "reports", "contracts"),
)
PURE_FILES = ("config.py", "errors.py", "charts.py", "tables.py", "verdict_counts.py")
LEFT_OUT = {
    ".git",
    ".venv",
    ".venv-lock",
    ".dagster",
    "lakehouse",
    "storage",
    "build",
    "dist",
    "__pycache__",
    "htmlcov",
}


def is_edge(path: Path) -> bool:
    """True for the files of a room that talk to Dagster."""
    return path.stem == "assets" or path.stem.endswith("_assets")


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
    )


def pure_files() -> list[Path]:
    """Every file that must have no clock, no network, no environment and no hidden randomness."""
    rooms = python_files(*(f"quant_assets/{room}" for room in PURE_FOLDERS), "partitions")
    shared = [ROOT / "quant_assets" / name for name in PURE_FILES]
    return [path for path in rooms if not is_edge(path)] + [path for path in shared if path.is_file()]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def project_files() -> tuple[Path, ...]:
    """The files a clone would hold: git's list with the new ones, or a walk where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [
            Path(folder, name)
            for folder, folders, names in os.walk(ROOT)
            if _keep_only_ours(folders) is None
            for name in names
        ]
    return tuple(sorted(path for path in paths if path.is_file()))


def _keep_only_ours(folders: list[str]) -> None:
    folders[:] = [name for name in folders if name not in LEFT_OUT and not name.endswith(("_cache", ".egg-info"))]
