"""Where places of one scan lie in another, and how far that is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cad.domain.arrays import FloatArray
from cad.domain.cautions import Caution
from cad.domain.volume import LungMask, Volume


@dataclass(frozen=True, slots=True)
class RegistrationQuality:
    """How well two scans were brought together, within the lungs of the fixed one.

    `method` is "deformable", or "affine" where a deformation could not be trusted; `cautions` then say why.
    `similarity` is the correlation of local brightness (1 for the same image); `overlap` the part of the lung that
    falls on the other scan's lung, and `seen_fraction` the part that falls into the other scan's field of view;
    `folding_fraction` the part at which the map folds. `residual_mm` is the mean distance from where vessels are put to
    where they fit best; None when too few could be compared. `inverse_consistency_mm` is the mean distance from where a
    place comes back to, when it is carried over and then back by a registration the other way round; `volume_ratios`
    are the least and the greatest volume in the other scan per volume in the fixed one. None: not measured.
    """

    method: str
    similarity: float
    overlap: float
    seen_fraction: float
    folding_fraction: float
    residual_mm: float | None
    cautions: tuple[Caution, ...] = ()
    inverse_consistency_mm: float | None = None
    volume_ratios: tuple[float, float] | None = None


class LungTransform(Protocol):
    """Where places of one scan (fixed) lie in another (moving): LPS positions [n, 3] to LPS positions [n, 3]."""

    @property
    def quality(self) -> RegistrationQuality: ...

    def to_moving(self, positions: FloatArray) -> FloatArray: ...

    def to_fixed(self, positions: FloatArray) -> FloatArray: ...


class Registrar(Protocol):
    """Brings the lungs of two scans together."""

    def __call__(
        self, fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask
    ) -> LungTransform: ...
