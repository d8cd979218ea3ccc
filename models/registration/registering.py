"""Two scans → where each place of the one lies in the other, and how far that is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from cad.domain import Caution, Float32Array, FloatArray, LungMask, RegistrationQuality, Volume
from models.inference import device_named
from models.registration.affine import Affine, affine_fit
from models.registration.deformable import LEVELS, Level, deformed
from models.registration.images import Frame, Scan, source_of
from models.registration.quality import measured
from models.registration.spline import Spline

INVERSE_STEPS = 30
SEED = 0


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """How to register. A deformation is trusted only within these limits; otherwise the affine map is used.

    `most_folding` is the part of the lungs' voxels that may fold; `least_similarity` a correlation of brightness that
    two scans of one patient reach and scans of different patients do not.
    """

    levels: tuple[Level, ...] = LEVELS
    most_folding: float = 0.002
    least_similarity: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Maps LPS positions of the fixed scan to the moving one and back. See `cad.domain.LungTransform`."""

    fixed: Frame
    moving: Frame
    affine: Affine
    spline: Spline | None
    quality: RegistrationQuality

    def to_moving(self, positions: FloatArray) -> FloatArray:
        """Where the tissue at LPS positions [n, 3] of the fixed scan lies in the moving scan."""
        places = self._mapped(_tensor(self.fixed.places(positions), self.affine.matrix))
        return self.moving.positions(_array(places))

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        """Where the tissue at LPS positions [n, 3] of the moving scan lies in the fixed scan."""
        wanted = _tensor(self.moving.places(positions), self.affine.matrix)
        inverse = torch.linalg.inv(self.affine.matrix)
        places = (wanted - self.affine.offset) @ inverse.T
        if self.spline is not None:
            for _ in range(INVERSE_STEPS):
                places = places + (wanted - self._mapped(places)) @ inverse.T
        return self.fixed.positions(_array(places))

    def _mapped(self, places: torch.Tensor) -> torch.Tensor:
        affine = self.affine.at(places)
        return affine if self.spline is None else affine + self.spline.at(places)


def _tensor(places: FloatArray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(places, dtype=torch.float32, device=like.device)


def _array(places: torch.Tensor) -> FloatArray:
    narrow: Float32Array = places.cpu().numpy()
    return narrow.astype(np.float64)


def register(fixed: Scan, moving: Scan, device: torch.device, settings: RegistrationSettings) -> Registration:
    """The map from the lungs of `fixed` to those of `moving`, the same on every run on one device."""
    finest = settings.levels[-1].spacing_mm
    generator = torch.Generator().manual_seed(SEED)
    here, there = source_of(fixed, finest, device), source_of(moving, finest, device)
    affine = affine_fit(here, there, generator)
    spline = deformed(here, there, affine, settings.levels, generator)
    with torch.no_grad():
        plain = measured(here, there, affine, None)
        quality = measured(here, there, affine, spline)
    doubt = _doubt(quality, plain, settings)
    if doubt is not None:
        return Registration(here.frame, there.frame, affine, None, replace(plain, cautions=(doubt,)))
    return Registration(here.frame, there.frame, affine, spline, quality)


def _doubt(found: RegistrationQuality, plain: RegistrationQuality, settings: RegistrationSettings) -> Caution | None:
    """Why the deformation is not to be trusted; None when it is."""
    if found.folding_fraction > settings.most_folding:
        why = f"{found.folding_fraction:.1%} of the lungs would fold"
    elif found.similarity < settings.least_similarity:
        why = f"the lungs remain unlike (correlation {found.similarity:.2f})"
    elif found.similarity < plain.similarity:
        why = "it makes the lungs less alike"
    else:
        return None
    return Caution("registration-affine", f"The deformation between the scans was not used: {why}. Places are rough.")


@dataclass(frozen=True, slots=True)
class TorchRegistrar:
    """`cad.domain.Registrar` on torch."""

    device: str = "cpu"
    settings: RegistrationSettings = field(default_factory=RegistrationSettings)

    def __call__(self, fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask) -> Registration:
        """The map from the lungs of `fixed` to those of `moving`."""
        scans = Scan(fixed, fixed_lungs), Scan(moving, moving_lungs)
        return register(*scans, device_named(self.device), self.settings)
