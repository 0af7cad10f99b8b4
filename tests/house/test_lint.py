"""Style, formatting, layers and types hold; each tool's own words are in the failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

BIN = Path(sys.executable).parent
TOOLS = {
    "style": ["ruff", "check", "--output-format", "concise", "--no-cache", "."],
    "formatting": ["ruff", "format", "--check", "--no-cache", "."],
    "layers": ["lint-imports", "--no-cache"],
    # Writing mypy's cache is a sixth of its time, and on a clean clone nobody reads it again.
    "types": ["mypy", *(["--cache-dir", os.devnull] if os.environ.get("CI") else [])],
}


@pytest.mark.parametrize("name", TOOLS)
def test_the_tool_finds_nothing(name):
    command = TOOLS[name]

    run = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"
