"""Something to be said, in no language: a code, and the facts that fill its sentence."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

Fact = Union[float, str, enum.Enum, "Phrase", tuple["Fact", ...]]


@dataclass(frozen=True, slots=True, init=False)
class Phrase:
    """A code of a table of sentences, and its facts by name: numbers, members of enums, and other phrases.

    A fact that is a string is printed as it is, as a reader's own words are; `label` and `labels` name nodules.
    """

    code: enum.StrEnum
    facts: tuple[tuple[str, Fact], ...]

    def __init__(self, code: enum.StrEnum, **facts: Fact) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "facts", tuple(facts.items()))

    @property
    def named(self) -> Mapping[str, Fact]:
        """The facts by their names."""
        return dict(self.facts)
