"""A CT series as its headers describe it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CtSeries:
    """A CT series fit for analysis, as its headers describe it.

    `sop_uids` are in the order of the volume's k axis (feet to head); an enhanced multi-frame series has one.
    `spacing_mm` is (dx, dy, dz) of the volume. None means that the header does not say. `choice` is the
    sentence that says why this series was chosen among those of the study. `sop_class_uid` is that of its images.
    """

    study_uid: str
    series_uid: str
    sop_uids: tuple[str, ...]
    slices: int
    spacing_mm: tuple[float, float, float]
    slice_thickness_mm: float | None
    kernel: str | None
    kvp: float | None
    contrast: bool | None
    choice: str
    sop_class_uid: str | None = None
