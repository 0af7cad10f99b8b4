"""The errors a user can meet, each with the exit code the command line gives it.

Every message names the asset, the partition, the symbol and the rule where there is one, and says what to do next.
"""

from __future__ import annotations


class QuantError(Exception):
    """Base of all errors that carry a message for the user; exit code 1."""

    exit_code = 1


class UsageError(QuantError):
    """A wrong argument, date, file or profile; nothing was done. Exit code 2."""

    exit_code = 2


class ContractViolation(QuantError):
    """A partition broke an ERROR rule, or an input of it is withheld. Exit code 3."""

    exit_code = 3


class EmptyResult(QuantError):
    """A step that must produce rows produced none; the message lists the reasons. Exit code 4."""

    exit_code = 4
