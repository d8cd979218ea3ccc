"""What a reader of a result should know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader should know about the input or the result: a stable code and a sentence."""

    code: str
    text: str
