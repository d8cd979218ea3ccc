"""Which patients each member of an ensemble never saw.

The fold follows from the patient's name alone, so that anyone can tell, for any patient, which member is honest about
it. There are more folds than members: what lies in no member's fold is learnt from by all, and measured by none.
"""

from __future__ import annotations

import hashlib

FOLDS, MEMBERS = 4, 2


GROUPS = 5
"""Parts of a fold over which calibrations are cross-fitted."""


def fold_of(patient: str) -> int:
    """The fold 0..3 of a patient, by the SHA-256 of the name."""
    return _number(patient) % FOLDS


def group_of(patient: str) -> int:
    """The group 0..4 of a patient; folds and groups are independent of each other."""
    return _number(patient) // FOLDS % GROUPS


def _number(patient: str) -> int:
    return int(hashlib.sha256(patient.encode()).hexdigest()[:8], 16)


def honest_member(patient: str) -> int | None:
    """The member 0..1 that never learns from the patient; None where every member may have."""
    fold = fold_of(patient)
    return fold if fold < MEMBERS else None
