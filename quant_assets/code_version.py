"""Hashes of what made a partition besides data: the pure code and the numerical environment."""

from __future__ import annotations

import hashlib
import marshal
import platform
import py_compile
from functools import cache
from importlib import metadata
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parent
NUMERICAL_LIBRARIES = (
    "numpy", "pandas", "pyarrow", "numba", "scipy", "scikit-learn", "skfolio", "cvxpy", "clarabel", "deltalake",
)  # fmt: skip
_HEADER = 16


@cache
def code_version(*rooms: str) -> str:
    """Hash (12 hex digits) of the compiled code of all modules of these rooms; comments and docstrings do not count.

    Raises ``ValueError`` for a room without modules: its hash would never change.
    """
    digest = hashlib.sha256()
    for room in sorted(rooms):
        modules = sorted((ROOT / room).rglob("*.py"))
        if not modules:
            raise ValueError(f"code version: room {room!r} has no modules in {ROOT}")
        for path in modules:
            digest.update(_compiled(path).encode())
    return digest.hexdigest()[:12]


@cache
def env_hash() -> str:
    """Hash (12 hex digits) of the versions of Python and of the libraries that compute."""
    versions = [f"python={platform.python_version()}"]
    versions += [f"{name}={_version(name)}" for name in NUMERICAL_LIBRARIES]
    return hashlib.sha256(";".join(versions).encode()).hexdigest()[:12]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _compiled(path: Path) -> str:
    """A module as Python compiles it, without docstrings, comments, line numbers and assertions.

    Compiling is several times quicker than walking the syntax tree, and reading what was compiled several times
    quicker again; this runs whenever the definitions load.
    """
    return _described(_stored_code(path) or compile(path.read_bytes(), "", "exec", dont_inherit=True, optimize=2))


def _stored_code(path: Path) -> CodeType | None:
    """The code beside Python's own compiled files, written where it is absent or of another text; None if it cannot."""
    stored, text = Path(cache_from_source(str(path), optimization=2)), source_hash(path.read_bytes())
    try:
        code = _code_in(stored, text)
        if code is None:
            mode = py_compile.PycInvalidationMode.CHECKED_HASH
            py_compile.compile(str(path), doraise=True, optimize=2, invalidation_mode=mode)
            code = _code_in(stored, text)
    except OSError:  # an installation that this user may not write to
        return None
    return code


def _code_in(stored: Path, text: bytes) -> CodeType | None:
    """Code of a compiled file; None unless this Python made it from a module with the hash ``text`` (PEP 552)."""
    content = stored.read_bytes() if stored.exists() else b""
    if content[:4] != MAGIC_NUMBER or content[8:_HEADER] != text:
        return None
    code: CodeType = marshal.loads(content[_HEADER:])
    return code


def _described(value: object) -> str:
    """Text of a code object or constant that is the same in every process; sets of constants have no order."""
    if isinstance(value, CodeType):
        names = (value.co_name, value.co_names, value.co_varnames, value.co_freevars, value.co_argcount)
        flags = (value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
        body = (value.co_code.hex(), value.co_exceptiontable.hex())
        return f"({names!r}{flags!r}{body!r}{[_described(c) for c in value.co_consts]})"
    if isinstance(value, frozenset):
        return f"{{{sorted(_described(v) for v in value)}}}"
    if isinstance(value, tuple):
        return f"({[_described(v) for v in value]})"
    return repr(value)
