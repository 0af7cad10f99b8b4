"""Single modules of other people's libraries, for comparison."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


def part_of(package: str, module: str) -> ModuleType:
    """``package.module`` without the package's own ``__init__``.

    That of antropy compiles fractal dimensions for ten seconds; that of nolds reads data sets with a call that Python
    before 3.12 does not have. Neither is needed for one module.
    """
    if package not in sys.modules:
        found = importlib.util.find_spec(package)
        assert found is not None and found.submodule_search_locations is not None, f"{package} is not installed"
        bare = ModuleType(package)
        bare.__path__ = list(found.submodule_search_locations)
        bare.__spec__ = found  # without one, nobody could ask any more whether the package is installed
        sys.modules[package] = bare
    return importlib.import_module(f"{package}.{module}")
