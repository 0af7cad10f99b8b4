"""The repository works on any machine and gives nothing away: no machine's paths, no registry's address, no secrets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, named, project_files

# Written in pieces, so that this file does not contain what it forbids.
MACHINE_PATHS = re.compile(
    r"(?<![\w./}-])/(?:wor" + r"k|roo" + r"t|op" + r"t|hom" + r"e|User" + r"s|mn" + r"t)/[\w.-]+"
)
REGISTRIES = re.compile(
    r"pypi\.o"
    + r"rg|pythonhosted\.o"
    + r"rg|registry\.npm|deb\.deb"
    + r"ian|--(?:extra-)?index-ur"
    + r"l|--find-link"
    + r"s[ =]"
)
SECRETS = {
    "private key": re.compile("-----BEGIN [A-Z ]*PRIVATE" + " KEY"),
    "cloud key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "forge token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    "assigned secret": re.compile(
        r"(?i)\b(?:api_?key|api_?secret|passw(?:or)?d|auth_?token)\b\s*[:=]\s*['\"][A-Za-z0-9+/_-]{16,}['\"]"
    ),
}
BINARY = {".png", ".parquet", ".gz", ".zip", ".ico", ".woff2"}


def text_files() -> list[Path]:
    return [path for path in project_files() if path.suffix not in BINARY]


def hits(pattern: re.Pattern[str], path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{named(path)}:{number}: {line.strip()[:120]}" for number, line in enumerate(lines, 1) if pattern.search(line)
    ]


def test_no_path_of_a_machine():
    assert [hit for path in text_files() for hit in hits(MACHINE_PATHS, path)] == []


def test_no_address_of_a_package_registry():
    assert [hit for path in text_files() for hit in hits(REGISTRIES, path)] == []


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret(kind):
    assert [hit for path in text_files() for hit in hits(SECRETS[kind], path)] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATHS, "folder = '/hom" + "e/someone/data'"),
        (MACHINE_PATHS, "see /wor" + "k/notes.md"),
        (REGISTRIES, "--index-ur" + "l https://example.invalid/simple"),
        (SECRETS["cloud key"], "AKIA" + "ABCDEFGHIJKLMNOP"),
        (SECRETS["assigned secret"], "api_key = '" + "0123456789abcdef0123'"),
    ],
)
def test_what_is_forbidden_is_recognised(pattern, line):
    assert pattern.search(line)


def test_every_locked_package_is_pinned_with_hashes_and_no_address():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    entries = re.split(
        r"\n(?=[a-z0-9])", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    )
    unpinned = [
        entry.split()[0]
        for entry in entries
        if not re.match(r"[a-z0-9._-]+==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", entry.strip())
    ]

    assert len(entries) > 100
    assert unpinned == []
    assert "://" not in text
    assert "file:" not in text
