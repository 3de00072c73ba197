"""The project's own errors.

    PerennialError
    ├── DeclarationError       a YAML, SQL or Feast declaration is wrong (all mistakes at once)
    ├── ContractBrokenError    data do not have the shape that their source declares
    ├── GateStoppedError       a declared expectation with severity `stop` failed
    ├── NotEnoughEvidenceError a question cannot be answered with what is there
    ├── IntegrityError         bytes differ from their recorded digest
    ├── UnavailableError       a server, database or file that is needed does not answer
    └── BusyError              another process holds what this one needs

A wrong argument to a pure function stays a `ValueError`.
"""

from __future__ import annotations


class PerennialError(Exception):
    """Base of every error that tells a fact about the project."""

    exit_code = 1


class DeclarationError(PerennialError):
    """A declaration is wrong. The message lists every mistake found, one a line."""

    exit_code = 2

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class ContractBrokenError(PerennialError):
    """Data do not have the shape that their source declares."""

    exit_code = 3


class GateStoppedError(PerennialError):
    """An expectation of severity `stop` failed, or too many rows had to be quarantined."""

    exit_code = 4


class NotEnoughEvidenceError(PerennialError):
    """There is too little data to answer; neither yes nor no."""

    exit_code = 5


class IntegrityError(PerennialError):
    """Bytes differ from the digest that was recorded for them."""

    exit_code = 6


class UnavailableError(PerennialError):
    """Something needed (a server, a database, a file) does not answer."""

    exit_code = 7


class BusyError(PerennialError):
    """Another process holds what this one needs; it may be tried again."""

    exit_code = 8
