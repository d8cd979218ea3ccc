"""Phrases → sentences of any language: one logic, and tables for each language."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cad.domain import Fact, Phrase


class PhraseWords(Protocol):
    """A language: a module, or a record, with these tables."""

    @property
    def PHRASES(self) -> Mapping[enum.StrEnum, str]: ...  # noqa: N802 - a constant of the module

    @property
    def TERMS(self) -> Mapping[str, str]: ...  # noqa: N802 - a constant of the module

    @property
    def CATEGORIES(self) -> Mapping[str, str]: ...  # noqa: N802 - a constant of the module

    @property
    def EDITIONS(self) -> Mapping[str, str]: ...  # noqa: N802 - a constant of the module

    @property
    def JOINTS(self) -> Mapping[enum.StrEnum, str]: ...  # noqa: N802 - a constant of the module

    @property
    def JOINT(self) -> str: ...  # noqa: N802 - a constant of the module

    def name(self, label: str) -> str:
        """The name of a nodule."""


@dataclass(frozen=True, slots=True)
class SentenceTables:
    """Sentences whose facts are numbers and other phrases."""

    PHRASES: Mapping[enum.StrEnum, str]
    TERMS: Mapping[str, str] = field(default_factory=dict)
    CATEGORIES: Mapping[str, str] = field(default_factory=dict)
    EDITIONS: Mapping[str, str] = field(default_factory=dict)
    JOINTS: Mapping[enum.StrEnum, str] = field(default_factory=dict)
    JOINT: str = ", "

    def name(self, label: str) -> str:
        """The name of a nodule, as it is."""
        return label


def phrase_text(phrase: Phrase, words: PhraseWords, mark: str = "") -> str:
    """A phrase in words."""
    joint = words.JOINTS.get(phrase.code, words.JOINT)
    facts = {
        name: _fact(name, fact, joint, lambda p: phrase_text(p, words, mark), words) for name, fact in phrase.facts
    }
    return words.PHRASES[phrase.code].format(mark=mark, **facts)


def _fact(name: str, fact: Fact, joint: str, say: Callable[[Phrase], str], words: PhraseWords) -> float | str:
    """A fact as it is printed: numbers stay numbers, since the sentence says how many decimals they have."""
    if isinstance(fact, Phrase):
        return say(fact)
    if isinstance(fact, tuple):
        return joint.join(str(_fact(name, part, joint, say, words)) for part in fact)
    if isinstance(fact, enum.Enum):
        written = str(fact.value)
        return words.TERMS.get(written) or words.CATEGORIES.get(written, written)
    if isinstance(fact, str):
        return words.name(fact) if name == "label" else words.EDITIONS.get(fact) or words.CATEGORIES.get(fact, fact)
    return fact
