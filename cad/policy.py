"""Every clinical number of lungcad, frozen, each with its source. A change here is a clinical change.

Bump `POLICY_VERSION` and write a line under *Clinical behaviour* in CHANGELOG.md with every change of a value.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICY_VERSION = "2026.1"


@dataclass(frozen=True, slots=True)
class SeriesPolicy:
    """Which CT series are fit for nodule analysis."""

    max_slice_thickness_mm: float = 5.0
    """Thicker slices hide nodules under 6 mm (ACR-STR practice parameter for chest CT: reconstructions ≤ 5 mm)."""


@dataclass(frozen=True, slots=True)
class LungPolicy:
    """How lungs are told from the rest."""


@dataclass(frozen=True, slots=True)
class CandidatePolicy:
    """Which detector marks become nodules."""

    min_diameter_mm: float = 3.0
    """Smaller opacities are micronodules and not reported (Fleischner glossary 2024; LUNA16 uses the same)."""


@dataclass(frozen=True, slots=True)
class NodulePolicy:
    """How nodules are delineated and described."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clinical policy of one installation."""

    series: SeriesPolicy = SeriesPolicy()
    lungs: LungPolicy = LungPolicy()
    candidates: CandidatePolicy = CandidatePolicy()
    nodules: NodulePolicy = NodulePolicy()
