"""What is said of a series that was not analysed."""

from __future__ import annotations

from typing import Protocol

from cad.errors import Reason


class RefusalWords(Protocol):
    """A language: a module with these functions."""

    def not_analysed(self, reason: Reason, text: str) -> tuple[str, ...]:
        """What a note in the archive says; `text` is the refusal's own, in English."""
        ...

    def failed(self) -> tuple[str, ...]:
        """The same where the analysis itself failed."""
        ...
