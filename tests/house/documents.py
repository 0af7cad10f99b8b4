"""The commands that the documents show, and what is done with each.

The convention, for README.md and docs/**/*.md:

* ```console blocks: lines that begin with `$ ` are commands (a trailing backslash continues one), the rest is what they
  printed. ```bash blocks: every line is a command, comments aside.
* A document's commands run in order, in one scratch copy of the repository that the documents share (README first),
  with a lakehouse and a DAGSTER_HOME of its own. `export NAME=value` and `cd folder` hold until the document's end.
* `make TARGET` must be a target; of what it would run only the `quant` lines run here (the suite cannot run itself).
* `<!-- exit N -->` on the line before a block: its last command ends with code N.
* `<!-- not run: reason -->` on the line before a block: it is an illustration; the reason is for the reader.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.house.sources import ROOT

FENCE = re.compile(
    r"^(?:<!-- (?P<mark>exit (?P<code>\d+)|not run: (?P<reason>.+?)) -->[ \t]*\n(?:[ \t]*\n)?)?"
    r"(?P<indent>[ \t]*)```(?P<kind>console|bash)[ \t]*\n(?P<body>.*?)^(?P=indent)```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """One command of a document and the exit code it must have."""

    text: str
    line: int
    code: int = 0


def documents() -> list[Path]:
    """README first: it is where a reader starts."""
    readme = ROOT / "README.md"
    return ([readme] if readme.is_file() else []) + sorted((ROOT / "docs").rglob("*.md"))


def commands(text: str) -> list[Command]:
    """Every command of a document that is to be run, in order."""
    found = []
    for block in FENCE.finditer(text):
        if block["reason"]:
            continue
        lines = _command_lines(block["body"], block["kind"])
        first = text.count("\n", 0, block.start("body")) + 1
        codes = [0] * (len(lines) - 1) + [int(block["code"] or 0)]
        found += [Command(line, first + offset, code) for (offset, line), code in zip(lines, codes, strict=False)]
    return found


def _command_lines(body: str, kind: str) -> list[tuple[int, str]]:
    """(Offset in the block, command) with continued lines joined and output and comments left out."""
    joined: list[tuple[int, str]] = []
    pending, start = "", 0
    for offset, raw in enumerate(body.splitlines()):
        line = raw.strip()
        if not pending and kind == "console":
            if not line.startswith("$ "):
                continue
            line = line[2:]
        if not pending and (not line or line.startswith("#")):
            continue
        start = start if pending else offset
        pending = f"{pending} {line.removesuffix(chr(92)).strip()}".strip()
        if not line.endswith("\\"):
            joined.append((start, pending))
            pending = ""
    return joined


@dataclass
class Shell:
    """Where a document's commands run, and what its `export` and `cd` lines have changed."""

    folder: Path
    environment: dict[str, str]

    def settles(self, command: str) -> bool:
        """Carry out an `export` or `cd` line; False for any other command."""
        words = shlex.split(command)
        if words[0] == "export":
            for name, _, value in (word.partition("=") for word in words[1:]):
                self.environment[name] = value
            return True
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            assert self.folder.is_dir(), f"cd {words[1]}: no such folder"
            return True
        return False


def make_target(command: str) -> list[str] | None:
    """The words of a `make ...` command, else None; variables before it (`PORT=3001 make ui`) are arguments too."""
    words = shlex.split(command)
    settings = [word for word in words if re.fullmatch(r"[A-Z_]+=.*", word)]
    rest = words[len(settings) :] if words[: len(settings)] == settings else words
    return [*settings, *rest[1:]] if rest and rest[0] == "make" else None


def quant_lines(recipe: str) -> list[str]:
    """The `quant` commands among the lines that `make -n` prints."""
    return [line.replace(".venv/bin/", "") for line in recipe.splitlines() if line.startswith(".venv/bin/quant ")]
