"""Every command that a document shows works as shown; documents.py says what counts as a command and how it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.documents import Command, Shell, commands, documents, make_target, quant_lines, words_of
from tests.house.sources import ROOT, named, project_files

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A scratch copy of what a clone holds, beside the shared folder's link where there is one."""
    folder = tmp_path_factory.mktemp("clone") / "repository"
    for path in project_files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (folder.parent / "shared").symlink_to(shared)
    return folder


def shell_in(copy: Path) -> Shell:
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(copy.parent),
        "QUANT_LAKEHOUSE": str(copy.parent / "lakehouse"),
        "DAGSTER_HOME": str(copy.parent / "dagster"),
        "COLUMNS": "300",
    }
    environment.pop("QUANT_PROFILE", None)
    return Shell(copy, environment)


@pytest.fixture
def shell(copy):
    return shell_in(copy)


@pytest.fixture(scope="module")
def demo(copy):
    """The scratch copy after `make demo`, as every document assumes it."""
    follow(Command("make demo", 0), shell_in(copy), "make demo")
    return copy


def run(text: str, shell: Shell, where: str, code: int = 0) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = f"{where}: `{text}` ended with {done.returncode}, not {code}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert done.returncode == code, said
    return done.stdout


def follow(command: Command, shell: Shell, where: str) -> None:
    """Do what a reader would, short of installing anew."""
    if shell.settles(command.text):
        return
    arguments = make_target(command.text)
    if arguments is None:
        run(command.text, shell, where, command.code)
        return
    for line in quant_lines(recipe(arguments, shell, where)):
        run(line, shell, where, command.code)


def look_up(command: Command, shell: Shell, where: str) -> None:
    """See that what is shown exists: the target, the command, its options."""
    arguments, words = make_target(command.text), words_of(command.text)
    if arguments is not None:
        recipe(arguments, shell, where)
    elif words[:1] == ["quant"]:
        known = run(f"quant {words[1]} --help", shell, where)
        if "\nCommands:" in known and len(words) > 2:
            known = run(f"quant {words[1]} {words[2]} --help", shell, where)
        unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
        assert unknown == [], f"{where}: `quant {words[1]}` has no {unknown}"


def recipe(arguments: list[str], shell: Shell, where: str) -> str:
    return run("make -n --no-print-directory " + " ".join(arguments), shell, where)


def with_commands(*, run: bool) -> list[Path]:
    return [path for path in documents() if any(c.run == run for c in commands(path.read_text(encoding="utf-8")))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", with_commands(run=True), ids=named)
def test_a_documents_commands_work_in_order(path, demo):
    shell = shell_in(demo)
    ours = [command for command in commands(path.read_text(encoding="utf-8")) if command.run]
    for command in ours:
        follow(command, shell, f"{named(path)}:{command.line}")
    assert ours


@pytest.mark.parametrize("path", with_commands(run=False), ids=named)
def test_what_a_document_shows_exists(path, shell):
    shown = [command for command in commands(path.read_text(encoding="utf-8")) if not command.run]
    for command in shown:
        look_up(command, shell, f"{named(path)}:{command.line}")
    assert shown


SAMPLE = """
Text with `code`.

```console
$ make demo
a line of output
$ quant sql "select 1" \\
    --json
[{"1": 1}]
```

<!-- exit 2 -->
```bash
# a comment
export QUANT_LAKEHOUSE=elsewhere
quant run --nonsense
```

<!-- not run: it asks another machine -->
```console
$ ssh somewhere
```

```sh
make test   # everything
```

```python
not_a_command()
```
"""


def test_commands_are_found_with_their_lines_and_exit_codes():
    assert commands(SAMPLE) == [
        Command("make demo", 5),
        Command('quant sql "select 1" --json', 7),
        Command("export QUANT_LAKEHOUSE=elsewhere", 15),
        Command("quant run --nonsense", 16, code=2),
        Command("make test   # everything", 25, run=False),
    ]


def test_a_block_without_prompts_is_all_commands():
    assert commands("```console\nquant status\n\nquant doctor  # healthy?\n```\n") == [
        Command("quant status", 2),
        Command("quant doctor  # healthy?", 4),
    ]


def test_export_and_cd_hold_for_what_follows(tmp_path):
    (tmp_path / "docs").mkdir()
    shell = Shell(tmp_path, {})

    assert shell.settles("export A=1 B='two words'")
    assert shell.settles("cd docs")
    assert not shell.settles("quant status")
    assert (shell.folder, shell.environment) == (tmp_path / "docs", {"A": "1", "B": "two words"})


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("make demo", ["demo"]),
        ("PORT=3001 make ui", ["PORT=3001", "ui"]),
        ("quant status", None),
        ("make", []),
        ("make demo  # all", ["demo"]),
    ],
)
def test_a_make_command_is_recognised(command, arguments):
    assert make_target(command) == arguments


def test_a_wrong_command_fails_with_its_place_and_words(shell):
    with pytest.raises(AssertionError, match=r"README\.md:7.*ended with 3, not 0"):
        follow(Command("echo broken >&2; exit 3", 7), shell, "README.md:7")


def test_a_target_that_does_not_exist_fails(shell):
    with pytest.raises(AssertionError, match="no-such-target"):
        follow(Command("make no-such-target", 1), shell, "README.md:1")


def test_only_the_quant_lines_of_a_target_are_run(shell):
    assert quant_lines(recipe(["demo"], shell, "Makefile")) == ["quant demo"]


@pytest.mark.parametrize("shown", ["quant status --nonsense", "quant no-such-command", "make no-such-target"])
def test_showing_what_does_not_exist_fails(shown, shell):
    with pytest.raises(AssertionError, match=r"README\.md:1"):
        look_up(Command(shown, 1, run=False), shell, "README.md:1")


@pytest.mark.parametrize("target", ["install", "demo", "test", "ui", "lint", "format", "bench", "lock", "clean"])
def test_every_target_is_listed_by_make_alone_and_can_be_made(target, shell):
    assert f"make {target}" in run("make", shell, "Makefile")
    assert recipe([target], shell, "Makefile")
