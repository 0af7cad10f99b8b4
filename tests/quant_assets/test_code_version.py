"""The code's hash: it changes with what the code does, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_assets import code_version as module

SOURCE = '''"""A synthetic room."""

FACTOR = 2.0


class Scaler:
    """Scales."""

    def scale(self, value: float) -> float:
        """Scaled value."""
        return value * FACTOR
'''


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A room of one module; calling it with a source gives the room's hash for that source."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "room").mkdir()

    def version(source: str = SOURCE, name: str = "scaler.py") -> str:
        (tmp_path / "room" / name).write_text(source, encoding="utf-8")
        module.code_version.cache_clear()
        module._compiled.cache_clear()
        return module.code_version("room")

    yield version
    module.code_version.cache_clear()
    module._compiled.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("FACTOR = 2.0", "FACTOR = 2.0  # twice", id="a comment"),
        pytest.param('"""A synthetic room."""', '"""Another text."""', id="the module's docstring"),
        pytest.param('"""Scales."""', '"""Scales values.\n\n    By a factor.\n    """', id="a class's docstring"),
        pytest.param('"""Scaled value."""', '"""The value, scaled."""', id="a function's docstring"),
        pytest.param("\n\n\nclass", "\n\n\n\n\nclass", id="empty lines"),
        pytest.param("return value * FACTOR", "return (value\n                * FACTOR)", id="a line break"),
        pytest.param("FACTOR = 2.0", "FACTOR=2.0", id="spaces"),
    ],
)  # fmt: skip
def test_what_only_readers_see_does_not_count(room, old, new):
    before = room()
    assert old in SOURCE
    assert room(SOURCE.replace(old, new)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("FACTOR = 2.0", "FACTOR = 2.1", id="a constant"),
        pytest.param("value * FACTOR", "value / FACTOR", id="an operator"),
        pytest.param("value * FACTOR", "FACTOR * value", id="the order of operands"),
        pytest.param("def scale", "def scaled", id="a name"),
        pytest.param("        return value", "        value += 0\n        return value", id="a statement"),
        pytest.param("return value * FACTOR", 'return "Scaled value."', id="a text that is a value"),
    ],
)
def test_what_the_code_does_counts(room, old, new):
    before = room()
    assert room(SOURCE.replace(old, new)) != before


def test_removing_a_docstring_altogether_does_not_count(room):
    only_doc = 'def nothing() -> None:\n    """Does nothing."""\n'
    assert room(only_doc) == room("def nothing() -> None:\n    pass\n")


def test_another_module_in_the_room_counts(room):
    before = room()
    assert room("EXTRA = 1\n", name="extra.py") != before


def test_modules_in_folders_of_the_room_count(room, tmp_path):
    before = room()
    (tmp_path / "room" / "inner").mkdir()
    assert room("EXTRA = 1\n", name="inner/extra.py") != before


def test_the_order_in_which_rooms_are_named_does_not_count(room, tmp_path):
    room()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.py").write_text("X = 1\n")
    assert module.code_version("room", "other") == module.code_version("other", "room") != module.code_version("room")


def test_a_room_without_modules_is_an_error_and_not_a_hash_that_never_changes(room):
    room()
    with pytest.raises(ValueError, match="room 'nowhere' has no modules"):
        module.code_version("nowhere")


def test_the_rooms_of_this_package_have_different_hashes():
    rooms = ("market", "features", "selection", "allocation", "meta")
    assert len({module.code_version(r) for r in rooms}) == len(rooms)
    assert all(len(module.code_version(r)) == 12 for r in rooms)


def test_the_environment_counts_by_versions(monkeypatch):
    module.env_hash.cache_clear()
    before = module.env_hash()
    module.env_hash.cache_clear()
    assert module.env_hash() == before
    module.env_hash.cache_clear()
    monkeypatch.setattr(module, "NUMERICAL_LIBRARIES", (*module.NUMERICAL_LIBRARIES, "a-library-that-is-not-installed"))
    assert module.env_hash() != before
    module.env_hash.cache_clear()
