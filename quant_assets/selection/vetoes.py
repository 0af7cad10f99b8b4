"""The written form of a veto: ``id[value<bound]``, joined by commas, readable by people and by the rules."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from quant_assets.errors import ContractViolation

HYGIENE_IDS = ("candidate", "missing:", "sparse_returns", "flat_returns")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_TOKEN = re.compile(r"^(?P<id>[^\[\],]+)(?:\[(?P<detail>[^\[\],]*)\])?$")
_FIGURES = re.compile(r"^(?P<value>[^<>=]+)(?P<op><=|>=|<|>)(?P<bound>[^<>=]+)$")


@dataclass(frozen=True)
class Veto:
    """One recorded veto: what refused a symbol, and the figures behind it where the veto compares figures."""

    id: str
    detail: str = ""

    @property
    def hygiene(self) -> bool:
        """True for vetoes about the data itself (failed candidate, missing feature, sparse or flat returns)."""
        return self.id.startswith(HYGIENE_IDS)

    @property
    def figures(self) -> tuple[float, str, float] | None:
        """(value, comparison, bound) as recorded; None where the detail holds no comparison of numbers."""
        match = _FIGURES.match(self.detail)
        if match is None:
            return None
        try:
            return float(match["value"]), match["op"], float(match["bound"])
        except ValueError:
            return None

    @property
    def explained(self) -> bool:
        """True when the recorded figures are finite and really break the bound."""
        if self.figures is None:
            return False
        value, op, bound = self.figures
        return math.isfinite(value) and math.isfinite(bound) and COMPARISONS[op](value, bound)

    def __str__(self) -> str:
        return f"{self.id}[{self.detail}]" if self.detail else self.id


def comparison_veto(id_: str, value: float, op: str, bound: float) -> Veto:
    """A veto that states which value broke which bound, at full precision."""
    return Veto(id_, f"{float(value)!r}{op}{float(bound)!r}")


def note_veto(id_: str, note: str) -> Veto:
    """A veto with a free note; characters that the written form reserves are replaced."""
    return Veto(id_, re.sub(r"[\[\],]+", ";", note.strip()))


def join_vetoes(vetoes: Iterable[Veto]) -> str:
    """The written form of several vetoes, in the order given; empty for none."""
    return ",".join(str(v) for v in vetoes)


@lru_cache(maxsize=8192)  # pure: the rules ask for the same texts again, week after week
def parse_vetoes(text: str) -> tuple[Veto, ...]:
    """Vetoes of one written form; raises ContractViolation when the text is not one."""
    if not text:
        return ()
    matches = [(_TOKEN.match(token), token) for token in text.split(",")]
    for match, token in matches:
        if match is None:
            raise ContractViolation(
                f"recorded veto {token!r} is not of the form id[value<bound]: selection was altered"
            )
    return tuple(Veto(m["id"], m["detail"] or "") for m, _ in matches if m is not None)
