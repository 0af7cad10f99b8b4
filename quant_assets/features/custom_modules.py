"""The modules that a user's features are made from: the named one and what it imports of the user's own code."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parents[1]
_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def own_modules(module: ModuleType) -> list[ModuleType]:
    """``module`` and all modules of the user's that it imports, directly or not, by name.

    Modules of the same top-level package are the user's wherever they lie; others where they are neither installed nor
    of this package. What is imported when a function runs, and not loaded yet, is not found.
    """
    found, waiting = {module.__name__: module}, [module]
    while waiting:
        for name in _imports(waiting.pop()):
            helper = sys.modules.get(name)
            if helper is not None and name not in found and _is_own(helper, module):
                found[name] = helper
                waiting.append(helper)
    return [found[name] for name in sorted(found)]


def _imports(module: ModuleType) -> Iterator[str]:
    """Full names of what a module's source imports; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            name = importlib.util.resolve_name(base, module.__package__) if node.level else base
            yield from (name, *(f"{name}.{alias.name}" for alias in node.names))


def _is_own(helper: ModuleType, module: ModuleType) -> bool:
    file = Path(getattr(helper, "__file__", None) or "")
    if file.suffix != ".py" or file.is_relative_to(PACKAGE):
        return False
    same = helper.__name__.partition(".")[0] == module.__name__.partition(".")[0]
    return same or not any(file.is_relative_to(folder) for folder in _INSTALLED)
