"""Why a series was not analysed, in English."""

from __future__ import annotations

from cad.errors import Reason


def not_analysed(reason: Reason, text: str) -> tuple[str, ...]:
    """What a note in the archive says; `text` is the refusal's own."""
    return (
        f"This series was NOT analysed: {text} ({reason.value}).",
        "That there is no result does not mean that there is no nodule.",
    )


def failed() -> tuple[str, ...]:
    """The same where the analysis itself failed."""
    return (
        "This series was NOT analysed: the analysis failed.",
        "That there is no result does not mean that there is no nodule.",
    )
