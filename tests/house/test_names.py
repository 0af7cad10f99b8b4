"""Our generic top-level names are ours alone: the start folder is on sys.path of every Dagster process."""

from __future__ import annotations

from importlib.metadata import packages_distributions

import pytest

from tests.house.sources import PACKAGES, ROOT, named


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_provides_it(name):
    providers = {provider.lower().replace("_", "-") for provider in packages_distributions().get(name, [])}

    assert providers <= {"quant-assets"}, f"{name} is also provided by {providers}"


def test_no_file_at_the_top_hides_an_installed_package():
    installed = set(packages_distributions()) - set(PACKAGES) - {"tests", "benchmarks"}
    top_level = [path for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]

    assert [named(path) for path in top_level if path.stem in installed] == []
