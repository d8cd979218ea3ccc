"""Masses: the same network on a coarser copy of the scan, where a mass has the size of a nodule.

The network was taught nodules of 3 to 40 mm. A mass of 30 to 100 mm, in cells two and a half times as large, looks like
one of 12 to 40 mm, with wall and vessels beside it; the copy has a fifteenth of the voxels, so that it costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Candidate, Detector, LungMask, ModelIdentity, PointLps, Volume
from cad.geometry import distance_mm, grid_from, index_of, position_of
from models.running.resample import cell_means, cells_of

CELL_MM = 2.5
"""Side of the cells that the network takes for its own of 1 mm."""

SMALLEST_MM = 26.0
"""Marks below it are nodules, which the scan itself shows better."""

LEAST_SCORE = 0.5
"""A mass is large: the network is sure of it, or it is something else."""

SAME_SIZE = 0.7
"""A mark on the scan itself stands for the mass when its diameter is at least this share of the mass's."""

HULL_CELLS = 8
"""The lungs are closed over 40 mm, for a mass on their border may not be among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Coarsened:
    """A scan in cells of about 2.5 mm that say that they are of 1 mm, with its lungs; `source` is the scan itself."""

    volume: Volume
    lungs: LungMask
    source: Volume

    def to_source(self, mark: Candidate) -> Candidate:
        """A mark on the copy as it lies in the scan."""
        index = np.array(index_of(self.volume.grid, mark.centre))
        cells, voxels = np.array(self.volume.hu.shape), np.array(self.source.hu.shape)
        k, j, i = ((index + 0.5) * voxels / cells - 0.5).tolist()
        mm = np.array(self.source.grid.spacing_kji_mm) * voxels / cells
        diameter = mark.diameter_mm * float(np.prod(mm) ** (1 / 3))
        return Candidate(position_of(self.source.grid, (k, j, i)), diameter, mark.score, mark.origin)


def coarsened(volume: Volume, lungs: LungMask) -> Coarsened:
    """The scan and its lungs, closed, as means over cells."""
    size = cells_of(volume.hu.shape, volume.grid.spacing_kji_mm, CELL_MM)
    hu = cell_means((plane.astype(np.float32) for plane in volume.hu), size)
    share = cell_means(((plane > 0).astype(np.float32) for plane in lungs.labels), size)
    whole = np.pad(share >= 0.5, HULL_CELLS)
    closed = ndimage.binary_closing(whole, iterations=HULL_CELLS)[tuple(slice(HULL_CELLS, -HULL_CELLS) for _ in size)]
    grid = grid_from(size, (1.0, 1.0, 1.0), PointLps(0, 0, 0))
    small = Volume(hu.round().astype(np.int16), grid, volume.frame_of_reference_uid)
    return Coarsened(small, LungMask(closed.astype(np.uint8), grid), volume)


def joined(marks: Sequence[Candidate], masses: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The marks, best first, with a mass in the place of the smaller ones on it, where none of them has its size."""
    found = list(marks)
    for mass in masses:
        on_it = [m for m in found if distance_mm(m.centre, mass.centre) < mass.diameter_mm / 2]
        if any(m.diameter_mm >= SAME_SIZE * mass.diameter_mm for m in on_it):
            continue
        found = [m for m in found if all(m is not other for other in on_it)]
        found.append(
            Candidate(mass.centre, mass.diameter_mm, max([mass.score, *(m.score for m in on_it)]), mass.origin)
        )
    return tuple(sorted(found, key=lambda m: -m.score))


@dataclass(frozen=True, slots=True, eq=False)
class MassDetector:
    """A detector of nodules that also looks at the coarser copy; callable as a `Detector`."""

    detector: Detector

    @property
    def identity(self) -> ModelIdentity:
        """That of the network."""
        return self.detector.identity

    @property
    def default_min_score(self) -> float:
        """That of the network."""
        return self.detector.default_min_score

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        """Marks with a score of at least `min_score`, best first."""
        return joined(self.detector(volume, lungs, min_score), self.masses(volume, lungs, min_score))

    def masses(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        """Marks of the size of a mass, best first, at the places and of the sizes that they have in the scan."""
        copy = coarsened(volume, lungs)
        if not copy.lungs.labels.any():
            return ()
        marks = self.detector(copy.volume, copy.lungs, max(min_score, LEAST_SCORE))
        return tuple(m for m in map(copy.to_source, marks) if m.diameter_mm >= SMALLEST_MM)
