"""The commands that the documents show, and what is done with each.

The convention, for README.md and docs/**/*.md:

* ```console and ```bash blocks are run, line by line. A block with a `$ ` at the start of a line holds output too: then
  only those lines are commands. Comments are for the reader; a trailing backslash continues a command.
* ```sh blocks are shown to the reader but not run (they install, serve, or need the reader's own files). Their `make`
  targets, `quant` commands and options must exist.
* A document's commands run in order, in one scratch copy of the repository that the documents share (README first),
  with a lakehouse and a DAGSTER_HOME of its own, after the `quant` lines of `make demo`. `export NAME=value` and
  `cd folder` hold until the document's end.
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
    r"(?P<indent>[ \t]*)```(?P<kind>console|bash|sh)[ \t]*\n(?P<body>.*?)^(?P=indent)```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """One command of a document, the exit code it must have, and whether it is run or only looked up."""

    text: str
    line: int
    code: int = 0
    run: bool = True


def documents() -> list[Path]:
    """README first: it is where a reader starts."""
    readme = ROOT / "README.md"
    return ([readme] if readme.is_file() else []) + sorted((ROOT / "docs").rglob("*.md"))


def commands(text: str) -> list[Command]:
    """Every command of a document, in order."""
    found = []
    for block in FENCE.finditer(text):
        if block["reason"]:
            continue
        lines = _command_lines(block["body"])
        first = text.count("\n", 0, block.start("body")) + 1
        codes = [0] * (len(lines) - 1) + [int(block["code"] or 0)]
        run = block["kind"] != "sh"
        found += [Command(line, first + offset, code, run) for (offset, line), code in zip(lines, codes, strict=False)]
    return found


def _command_lines(body: str) -> list[tuple[int, str]]:
    """(Offset in the block, command) with continued lines joined and output and comments left out."""
    prompted = re.search(r"^\s*\$ ", body, re.MULTILINE) is not None
    joined: list[tuple[int, str]] = []
    pending, start = "", 0
    for offset, raw in enumerate(body.splitlines()):
        line = raw.strip()
        if not pending:
            if not line or line.startswith("#") or (prompted and not line.startswith("$ ")):
                continue
            line, start = line.removeprefix("$ "), offset
        pending = f"{pending} {line.removesuffix(chr(92)).strip()}".strip()
        if not line.endswith("\\"):
            joined.append((start, pending))
            pending = ""
    return joined


def words_of(command: str) -> list[str]:
    """The words of a command as a shell splits them, the comment behind it left out."""
    return shlex.split(command, comments=True)


@dataclass
class Shell:
    """Where a document's commands run, and what its `export` and `cd` lines have changed."""

    folder: Path
    environment: dict[str, str]

    def settles(self, command: str) -> bool:
        """Carry out an `export` or `cd` line; False for any other command."""
        words = words_of(command)
        if words[0] == "export":
            for name, _, value in (word.partition("=") for word in words[1:]):
                self.environment[name] = value.replace("$PWD", str(self.folder))
            return True
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            assert self.folder.is_dir(), f"cd {words[1]}: no such folder"
            return True
        return False


def make_target(command: str) -> list[str] | None:
    """The words of a `make ...` command, else None; variables before it (`PORT=3001 make ui`) are arguments too."""
    words = words_of(command)
    settings = [word for word in words if re.fullmatch(r"[A-Z_]+=.*", word)]
    rest = words[len(settings) :] if words[: len(settings)] == settings else words
    return [*settings, *rest[1:]] if rest and rest[0] == "make" else None


def quant_lines(recipe: str) -> list[str]:
    """The `quant` commands among the lines that `make -n` prints."""
    return [line.replace(".venv/bin/", "") for line in recipe.splitlines() if line.startswith(".venv/bin/quant ")]
