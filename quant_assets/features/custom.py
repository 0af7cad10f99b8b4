"""A user's own features: one decorated pure function each, in a module that the profile names.

The function is either causal over a whole panel, ``f(panel, parameters)``, or plain: its parameters without a default
are columns of bars (``f(close, volume, length=20)``) and it is called once for each life with arrays of that life's
bars. Both return one value for each row, NaN inside the warm-up, and may read only the row's own and earlier bars of
its life: L2.PREFIX computes sampled values again without what came later, and withholds a day where they differ.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.features.causal import Panel
from quant_assets.features.custom_modules import own_modules
from quant_assets.features.declaring import Declare
from quant_assets.features.registry import Feature
from quant_assets.features.series import FloatArray
from quant_assets.features.windowed import Parameters

BAR_INPUTS = ("open", "high", "low", "close", "volume", "quote_value")
CUSTOM = "custom"
_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


@dataclass(frozen=True)
class CustomFeature:
    """A declared function of the user's; calling it calls the function as it is."""

    function: Callable[..., Any]
    window: int
    min_bars: int
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the user's function takes
        """The user's own function."""
        return self.function(*arguments, **named)

    def bound(self, declare: Declare) -> Feature:
        """The declaration for one calendar and one memory: at least ``window`` bars are behind every value."""
        window = max(declare.memory_bars, self.window)
        span = math.ceil(window * declare.days_per_bar) + declare.max_missing_days
        return Feature(window=window, min_bars=self.min_bars, span_days=span, memory=True, **self.fields)


def feature(
    *,
    id: str,
    title: str,
    formula: str,
    source: str,
    unit: str,
    window: int,
    inputs: Sequence[str] = (),
    lower: float = -math.inf,
    upper: float = math.inf,
    min_bars: int | None = None,
    parameters: Mapping[str, float] | None = None,
    drift: float = 0.0,
    drift_note: str | None = None,
    version: int = 1,
    tags: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], CustomFeature]:
    """Declare a pure function as the feature ``id``; the fields mean what they mean in ``Feature``.

    ``window`` is how many bars a value rests on, ``min_bars`` the bar of a life that has the first value (default: the
    whole window). ``inputs`` may be left out for a plain function: they are its parameters. ``drift`` is tolerated from
    a longer history and must be stated for a recursion that never forgets. Raises UsageError where a field contradicts
    the function.
    """
    if not _ID.match(id) or id in ("date", "symbol"):
        raise UsageError(f"feature id {id!r}: lower-case letters, digits and _ only; it becomes a column's name")
    if not 1 <= (window if min_bars is None else min_bars) <= window:
        raise UsageError(f"feature {id!r}: 1 <= min_bars {min_bars} <= window {window} must hold")

    def declared(function: Callable[..., Any]) -> CustomFeature:
        least = window if min_bars is None else min_bars
        causal, read, constants = _bound_function(id, function, tuple(inputs), dict(parameters or {}), least)
        fields = {
            "id": id, "title": title, "formula": formula, "source": source, "unit": unit, "inputs": read,
            "lower": lower, "upper": upper, "parameters": constants, "drift": drift,
            "drift_note": drift_note or ("declared by its author" if drift else "none is declared: more is refused"),
            "version": version, "tags": (*tags, CUSTOM), "function": causal,
        }  # fmt: skip
        return CustomFeature(function, window, least, fields)

    return declared


def load_custom(modules: Sequence[str], declare: Declare) -> list[Feature]:
    """The features declared in these importable modules, in the order of the modules and of their lines.

    Raises UsageError for a module that is no dotted name, cannot be imported, or declares no feature.
    """
    return [
        declared.bound(declare)
        for name in modules
        for declared in _declared_in(name, import_custom(name))
    ]  # fmt: skip


def import_custom(name: str) -> ModuleType:
    """The module of a profile's ``features.modules``; UsageError that says why it cannot be imported."""
    if not _MODULE.match(name):
        raise UsageError(f"features.modules: {name!r} is no module name; write package.module, never a path or a file")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"features.modules: {name} cannot be imported: no module named {error.name!r}; install the package that "
            "holds it, or put the folder that holds it on PYTHONPATH"
        ) from error
    except Exception as error:
        raise UsageError(f"features.modules: {name} fails on import: {type(error).__name__}: {error}") from error


def custom_code(modules: Sequence[str]) -> tuple[str, ...]:
    """Hash of each module's source, for the configuration hash: an edited feature is another feature.

    The user's own modules that it imports count too; installed libraries do not, nor does this package.
    """
    return tuple(_source_hash(own_modules(import_custom(name))) for name in modules)


def _source_hash(modules: Sequence[ModuleType]) -> str:
    sources = (Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:12]


def _declared_in(name: str, module: ModuleType) -> list[CustomFeature]:
    own = [v for v in vars(module).values() if isinstance(v, CustomFeature) and v.function.__module__ == name]
    if not own:
        raise UsageError(f"features.modules: {name} declares no feature; decorate a function with @feature(...)")
    return own


def _bound_function(
    id: str, function: Callable[..., Any], inputs: tuple[str, ...], constants: dict[str, float], least: int
) -> tuple[Callable[[Panel, Parameters], tuple[FloatArray, ...]], tuple[str, ...], dict[str, float]]:
    """The causal panel function, the inputs it reads and its parameters."""
    spec = inspect.signature(function).parameters
    names = tuple(spec)
    if names == ("panel", "parameters"):
        read, run = inputs, _of_panel(id, function)
    else:
        read = tuple(n for n, p in spec.items() if p.default is inspect.Parameter.empty)
        constants = {n: p.default for n, p in spec.items() if p.default is not inspect.Parameter.empty} | constants
        if odd := sorted(n for n, value in constants.items() if not isinstance(value, int | float)):
            raise UsageError(
                f"feature {id!r}: parameters {odd} must be numbers; a list or a table belongs in the function"
            )
        if inputs and set(inputs) != set(read):
            raise UsageError(f"feature {id!r}: inputs {list(inputs)} are not the function's columns {list(read)}")
        if unknown := sorted(set(constants) - set(names)):
            raise UsageError(f"feature {id!r}: the function has no parameters {unknown}; it has {list(names)}")
        run = _of_lives(id, function, read, least)
    wrong = [name for name in read if name not in BAR_INPUTS]
    if wrong or not read:
        raise UsageError(
            f"feature {id!r}: inputs {wrong or 'are missing'}; a function takes (panel, parameters), or columns of "
            f"bars ({', '.join(BAR_INPUTS)}) and then parameters with a default"
        )
    return run, read, constants


def _of_panel(id: str, function: Callable[..., Any]) -> Callable[[Panel, Parameters], tuple[FloatArray, ...]]:
    def causal(panel: Panel, parameters: Parameters) -> tuple[FloatArray, ...]:
        """The user's panel function, its output checked."""
        return (_checked(id, _called(id, function, _frozen_panel(panel), parameters), len(panel.first)),)

    return causal


def _of_lives(
    id: str, function: Callable[..., Any], names: tuple[str, ...], least: int
) -> Callable[[Panel, Parameters], tuple[FloatArray, ...]]:
    def causal(panel: Panel, parameters: Parameters) -> tuple[FloatArray, ...]:
        """The user's plain function, called for each run of the panel alone that has the bars for a value."""
        out = np.full(len(panel.first), np.nan)
        columns = [_frozen(getattr(panel, name)) for name in names]
        begin = np.unique(panel.first)
        for low, high in zip(begin, np.append(begin[1:], len(out)), strict=True):
            if high - low < least:
                continue
            own = [column[low:high] for column in columns]
            out[low:high] = _checked(id, _called(id, function, *own, **parameters), int(high - low))
        return (out,)

    return causal


def _called(id: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the user's
    try:
        return function(*arguments, **named)
    except Exception as error:
        bars = len(arguments[0]) if isinstance(arguments[0], np.ndarray) else len(arguments[0].first)
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise UsageError(
            f"feature {id!r}: its function failed on {bars} bars: {type(error).__name__}: {error} "
            f"({Path(last.filename).name}, line {last.lineno}); return NaN where there is no value, as for prices that "
            "stand still or unknown volumes"
        ) from error


def _checked(id: str, values: Any, rows: int) -> FloatArray:  # noqa: ANN401 - whatever the user's function returned
    if isinstance(values, tuple) and len(values) == 1:
        values = values[0]
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), np.nan, values.data)
    found = np.asarray(values)
    if found.shape != (rows,) or found.dtype.kind not in "fiub":
        raise UsageError(
            f"feature {id!r}: its function returned {found.dtype} of shape {found.shape} for {rows} bars; return one "
            "float for each bar, NaN where there is none"
        )
    return found.astype(np.float64)


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that cannot be written to: a feature must not change what the next one reads, whatever flags it sets."""
    own = values.copy()
    own.flags.writeable = False
    return own


def _frozen_panel(panel: Panel) -> Panel:
    return Panel(_frozen(panel.first), lambda name: _frozen(getattr(panel, name)))
