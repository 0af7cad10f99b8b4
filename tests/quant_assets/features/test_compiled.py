"""Compiled code is kept under what it was made from: its own file, and whatever kernels share."""

from __future__ import annotations

import ast
from pathlib import Path

from quant_assets.features import compiled, compiling
from quant_assets.features.bar_kernels import are_lives

ROOM = "quant_assets.features."
KERNEL_MODULES = [p for p in compiled.ROOM.glob("*.py") if "\n@kernel\n" in p.read_text(encoding="utf-8")]


def _imported(path: Path) -> set[str]:
    """Modules of the room of which a module imports more than types when it runs."""
    types = {"FloatArray", "IntArray"}
    found = [
        node.module
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module and not types.issuperset(a.name for a in node.names)
    ]
    return {name.removeprefix(ROOM) for name in found if name.startswith(ROOM)} - {"compiled"}


def test_every_module_that_kernels_import_is_shared():
    assert set.union(*map(_imported, KERNEL_MODULES)) == set(compiled.SHARED)


def test_what_shared_modules_import_is_shared_too():
    assert set.union(*(_imported(compiled.ROOM / f"{name}.py") for name in compiled.SHARED)) <= {*compiled.SHARED}


def test_another_content_of_a_shared_module_has_a_folder_of_its_own(monkeypatch, tmp_path):
    folders = []
    for lanes in ("LANES = 128", "LANES = 64", "LANES = 128"):
        for name in compiled.SHARED:
            (tmp_path / f"{name}.py").write_text(lanes if name == "lanes" else "", encoding="utf-8")
        monkeypatch.setattr(compiled, "ROOM", tmp_path)
        folders.append(compiled.cache_folder.__wrapped__())

    assert folders[0] == folders[2] != folders[1]


def test_the_code_of_a_kernel_lies_in_that_folder():
    assert Path(are_lives.stats.cache_path).parent == compiled.cache_folder()


def test_installation_deletes_the_code_of_older_shared_modules_only(monkeypatch, tmp_path):
    now, before, other = (tmp_path / name for name in ("kernels-now", "kernels-before", "engine.cpython-311.pyc"))
    for folder in (now, before, other):
        folder.mkdir()
    monkeypatch.setattr(compiling, "cache_folder", lambda: now)

    compiling.forget_older()

    assert (now.exists(), before.exists(), other.exists()) == (True, False, True)
