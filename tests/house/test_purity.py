"""The rooms have no clock, no network, no environment and no hidden randomness: data in, data out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import named, pure_files, tree

FORBIDDEN_MODULES = {
    "random",
    "requests",
    "socket",
    "urllib",
    "httpx",
    "aiohttp",
    "http",
    "time",
    "subprocess",
    "secrets",
}
CLOCK_METHODS = {"now", "utcnow", "today"}
CLOCK_OWNERS = {
    "datetime",
    "date",
    "Timestamp",
    "pd.Timestamp",
    "dt.datetime",
    "dt.date",
    "datetime.datetime",
    "datetime.date",
}
FORBIDDEN_NAMES = {"os.environ", "os.getenv", "os.putenv", "open", "input", "print"}
SEEDED_GENERATORS = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain, or ''."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def impurities(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of everything that makes a result depend on more than the arguments."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from _from_import(node)
        elif isinstance(node, ast.Attribute):
            yield from _attribute(node)
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _from_import(node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
    module = node.module or ""
    if module.split(".")[0] in FORBIDDEN_MODULES:
        yield node.lineno, module
    for alias in node.names:
        name = f"{module}.{alias.name}"
        if name in FORBIDDEN_NAMES or (module == "numpy.random" and alias.name not in SEEDED_GENERATORS):
            yield node.lineno, name


def _attribute(node: ast.Attribute) -> Iterator[tuple[int, str]]:
    name, owner = dotted(node), dotted(node.value)
    if (owner in CLOCK_OWNERS and node.attr in CLOCK_METHODS) or name in FORBIDDEN_NAMES:
        yield node.lineno, name
    if owner in {"np.random", "numpy.random"} and node.attr not in SEEDED_GENERATORS:
        yield node.lineno, name


def _call(node: ast.Call) -> Iterator[tuple[int, str]]:
    name = dotted(node.func)
    if name in FORBIDDEN_NAMES:
        yield node.lineno, f"{name}()"
    if name.endswith("default_rng") and not node.args and not node.keywords:
        yield node.lineno, f"{name}() without a seed"
    first = node.args[0] if node.args else None
    if (
        isinstance(first, ast.Constant)
        and first.value in {"now", "today"}
        and re.search("date|timestamp", name.lower())
    ):
        yield node.lineno, f"{name}({first.value!r})"


def test_there_are_rooms_to_check():
    assert len(pure_files()) > 40


@pytest.mark.parametrize("path", pure_files(), ids=named)
def test_a_pure_module_depends_on_its_arguments_alone(path):
    assert [f"{named(path)}:{line}: {name}" for line, name in impurities(tree(path))] == []


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "from time import perf_counter",
        "import random",
        "from random import choice",
        "import urllib.request",
        "from requests import get",
        "import os\nos.environ['X']",
        "import os\nos.getenv('X')",
        "from os import environ",
        "from datetime import datetime\ndatetime.now()",
        "import datetime as dt\ndt.datetime.utcnow()",
        "from datetime import date\ndate.today()",
        "import pandas as pd\npd.Timestamp.now()",
        "import pandas as pd\npd.Timestamp('now')",
        "import numpy as np\nnp.datetime64('today')",
        "import pandas as pd\npd.to_datetime('now')",
        "import numpy as np\nnp.random.seed(1)",
        "import numpy as np\nnp.random.normal()",
        "import numpy as np\nnp.random.default_rng()",
        "from numpy.random import rand",
        "open('x')",
        "def f(clock=datetime.now):\n    return clock()",
    ],
)
def test_an_impurity_is_seen(code):
    assert list(impurities(ast.parse(code))), code


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\nnp.random.default_rng(7)",
        "import numpy as np\ndef f(rng: np.random.Generator): return rng.normal()",
        "from datetime import date\ndate(2024, 1, 1)",
        "import pandas as pd\npd.Timestamp('2024-01-01')",
    ],
)
def test_a_clean_line_is_left_alone(code):
    assert list(impurities(ast.parse(code))) == []
