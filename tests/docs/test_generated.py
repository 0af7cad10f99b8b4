"""The generated pages of docs/reference say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
GENERATED = ("reference/profile.md", "reference/tables.md", "reference/features.md")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generator: ModuleType) -> dict[str, str]:
    return generator.pages()


def test_every_page_is_known(pages):
    assert set(pages) == set(GENERATED)


@pytest.mark.parametrize("name", GENERATED)
def test_page_is_up_to_date(pages, name):
    assert (DOCS / name).read_text(encoding="utf-8") == pages[name], f"run `python docs/generate.py`: {name} is old"


def test_the_same_code_gives_the_same_bytes(generator, pages):
    assert generator.pages() == pages


def test_every_key_of_the_demo_profile_is_explained(pages):
    for key in ("bad_ohlc_free_rows", "cap_relief", "concentration_base", "memory_bars", "on_empty"):
        assert f"| `{key}` |" in pages["reference/profile.md"]


@pytest.mark.parametrize("fault", ["", "Profile: {nmae: a misspelt key}", "Nothing: {at: all}"])
def test_a_key_without_meaning_and_a_meaning_without_key_are_refused(generator, tmp_path, monkeypatch, fault):
    (tmp_path / "profile_meanings.yaml").write_text(fault or "Profile: {name: only this one}", encoding="utf-8")
    monkeypatch.setattr(generator, "FOLDER", tmp_path)

    with pytest.raises(ValueError, match=r"profile_meanings\.yaml"):
        generator.profile_page()
