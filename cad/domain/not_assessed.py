"""What was not assessed, and why: the one form in which that is said."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class NotAssessedReason(enum.StrEnum):
    """Why a result is absent; written beside every absent result."""

    NOT_REQUESTED = "not-requested"
    NOT_IN_THIS_VERSION = "not-in-this-version"
    NO_PRIOR = "no-prior"
    AGE_UNKNOWN = "age-unknown"
    SEX_UNKNOWN = "sex-unknown"
    PET_UNKNOWN = "pet-unknown"
    BENIGN_PATTERN = "benign-pattern"
    NOT_AVAILABLE = "not-available"
    """The stage or network that gives it did not run."""
    NOT_DETERMINED = "not-determined"
    """It was looked for, and the images do not tell."""
    NOT_APPLICABLE = "not-applicable"
    """It has no meaning for this nodule."""
    CONTRAST = "contrast"
    """The blood is enhanced by contrast agent."""
    NOISE = "noise"
    METAL = "metal"
    HEART_NOT_COVERED = "heart-not-covered"
    NO_SUITABLE_PRIOR = "no-suitable-prior"
    """Earlier examinations are there, and none can be compared."""


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A result that is unknown: the reason, a sentence where the reason alone says too little, and its figures.

    Used in unions, never replaced by a default. The stage that knows the reason gives it.
    """

    reason: NotAssessedReason
    text: str = ""
    facts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A part of a record that is None, by the path of its attributes ("measures.solid"), and why."""

    part: str
    why: NotAssessed
