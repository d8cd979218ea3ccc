"""How surely growth is told between two scans: digital nodules that grew, by one protocol and by two.

`python -m models.training.figures.growth` prints the paragraph of docs/measurement.md.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import numpy as np

from cad.domain import ChangeStatus, Imaging, Marks, Nodule, SizeAt, Volume
from cad.policy import GrowthPolicy, NodulePolicy
from cad.science.followup.growth import size_change
from cad.science.nodules import characterise
from cad.science.nodules.window import widths_of
from models.phantom.nodules import SyntheticNodule
from models.training.figures.repeats import KERNELS, SOLID_HU, Protocol, Repeat, an_ellipsoid, repeats

DIAMETERS_MM = (6.0, 8.0, 12.0, 20.0)
GROWN = (1.0, 1.25, 1.3, 1.5, 2.0)
"""Volumes now over then."""
NODULES = 12
DAYS = 180.0
LUNG_ML = 5000.0
STANDARD = KERNELS[1]
ONE = Protocol(1.25, STANDARD, 20.0)
OTHER = Protocol(2.5, STANDARD, 20.0)
SEED = 20261130


@dataclass(frozen=True, slots=True)
class Told:
    """How many of `nodules` were called growing, and how many changed in a way that protocols can explain."""

    nodules: int
    growing: int
    by_protocol: int


def told(diameter_mm: float, grown: float, then: Protocol, now: Protocol, rng: np.random.Generator) -> Told:
    """What is said of solid ellipsoids of this diameter (mm) whose volume is `grown` times as large now."""
    policy, limits = NodulePolicy(), GrowthPolicy()
    growing = explained = 0
    for _ in range(NODULES):
        shape = an_ellipsoid(diameter_mm, SOLID_HU, rng, 0.2)
        larger = an_ellipsoid(diameter_mm * grown ** (1 / 3), SOLID_HU, rng, 0.2)
        change = size_change(_size(shape, then, 0.0, policy, rng), _size(larger, now, DAYS, policy, rng), limits)
        growing += change.status is ChangeStatus.GROWING
        explained += change.by_protocol
    return Told(NODULES, growing, explained)


def _size(
    shape: SyntheticNodule, protocol: Protocol, days: float, policy: NodulePolicy, rng: np.random.Generator
) -> SizeAt:
    (image,) = repeats(shape, protocol.slice_mm, protocol.kernel, (protocol.noise_hu,), rng)
    nodule = _measured(image, policy)
    interval = None if nodule.measures is None else nodule.measures.volume_interval_mm3
    return SizeAt(
        days=days,
        volume_mm3=nodule.volume_mm3,
        mean_diameter_mm=nodule.diameters.mean_mm,
        mass_mg=nodule.mass_mg,
        volume_interval_mm3=interval,
        composition=nodule.composition,
        imaging=_imaging(image.volume, policy),
    )


def _measured(image: Repeat, policy: NodulePolicy) -> Nodule:
    (nodule,) = characterise(image.volume, image.lungs, Marks((image.candidate,)), policy, "1.2.3")
    return nodule


def _imaging(volume: Volume, policy: NodulePolicy) -> Imaging:
    across_mm, row_mm, column_mm = widths_of(volume, policy)
    return Imaging(across_mm, max(row_mm, column_mm), sharp=False, lung_ml=LUNG_ML)


def table() -> str:
    """Growing of all, by diameter, growth and whether both scans have one protocol, as Markdown."""
    rng = np.random.default_rng(SEED)
    lines = ["| then, now | volume | " + " | ".join(f"{mm:g} mm" for mm in DIAMETERS_MM) + " |"]
    lines.append("|" + " --- |" * (2 + len(DIAMETERS_MM)))
    pairs = ((ONE, ONE), (OTHER, OTHER), (ONE, OTHER), (OTHER, ONE))
    for (then, now), grown in itertools.product(pairs, GROWN):
        cells = [told(mm, grown, then, now, rng) for mm in DIAMETERS_MM]
        words = " | ".join(f"{one.growing} ({one.by_protocol})" for one in cells)
        lines.append(f"| {then.slice_mm:g}, {now.slice_mm:g} mm slices | {100 * (grown - 1):+.0f} % | {words} |")
    return "\n".join(lines)


def text() -> str:
    """The paragraph of the document."""
    limit = GrowthPolicy().significant_percent
    return f"""Of {NODULES} solid ellipsoids in each cell so many are called growing, and in brackets those whose volume
changed by more than the limit of {limit:g} % in a way that the two protocols alone can explain. A true
change at that very limit is measured above it half of the times.

{table()}"""


if __name__ == "__main__":
    sys.stdout.write(f"{text()}\n")
