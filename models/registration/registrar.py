"""Two scans → where each place of the one lies in the other, and how far that is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from cad.domain import Caution, Float32Array, FloatArray, LungMask, RegistrationQuality, Volume
from models.registration.affine import Affine, affine_fit
from models.registration.deformable import LEVELS, Deformation, Level, deform
from models.registration.images import Frame, Scan, Source, source_of
from models.registration.quality import Pair, measure
from models.running.device import device_named

INVERSE_STEPS = 30
SEED = 0


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """How to register. A deformation is trusted only within these limits; otherwise the affine map is used.

    `most_folding` is the part of the lungs' voxels that may fold. `least_similarity` is a correlation of brightness
    that two scans of one patient reach (0.76 to 0.89 were found) and scans of different patients do not (0.44 to 0.49).
    `most_inconsistency_mm` is how far places may come back from where they were (0.9 to 1.7, and 3.8 to 7.1 mm).
    A deformation may lower the similarity by `similarity_noise` (what it costs to move already alike lungs by a part of
    a voxel). `levels_back` are those of the registration the other way round; none leaves the consistency open.
    """

    levels: tuple[Level, ...] = LEVELS
    levels_back: tuple[Level, ...] = LEVELS[:1]
    most_folding: float = 0.001
    least_similarity: float = 0.6
    most_inconsistency_mm: float = 2.5
    similarity_noise: float = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Maps LPS positions of the fixed scan to the moving one and back. See `cad.domain.LungTransform`."""

    fixed: Frame
    moving: Frame
    deformation: Deformation
    quality: RegistrationQuality

    def to_moving(self, positions: FloatArray) -> FloatArray:
        """Where the tissue at LPS positions [n, 3] of the fixed scan lies in the moving scan."""
        places = self.deformation.at(self._tensor(self.fixed.places(positions)))
        return self.moving.positions(_array(places))

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        """Where the tissue at LPS positions [n, 3] of the moving scan lies in the fixed scan."""
        wanted = self._tensor(self.moving.places(positions))
        back = self.deformation.affine.inverted()
        places = back.at(wanted)
        if self.deformation.spline is not None:
            for _ in range(INVERSE_STEPS):
                places = places + (wanted - self.deformation.at(places)) @ back.matrix.T
        return self.fixed.positions(_array(places))

    def _tensor(self, places: FloatArray) -> torch.Tensor:
        return torch.tensor(places, dtype=torch.float32, device=self.deformation.affine.matrix.device)


def _array(places: torch.Tensor) -> FloatArray:
    narrow: Float32Array = places.cpu().numpy()
    return narrow.astype(np.float64)


def register(fixed: Scan, moving: Scan, device: torch.device, settings: RegistrationSettings) -> Registration:
    """The map from the lungs of `fixed` to those of `moving`, the same on every run on one device."""
    finest = settings.levels[-1].spacing_mm
    generator = torch.Generator().manual_seed(SEED)
    here, there = source_of(fixed, finest, device), source_of(moving, finest, device)
    affine = affine_fit(here, there, generator)
    deformation = Deformation(affine, deform(here, there, affine, settings.levels, generator))
    back = _backwards(here, there, affine, settings, generator)
    pair = Pair(here, there)
    with torch.no_grad():
        plain = measure(pair, Deformation(affine, None))
        quality = measure(pair, deformation, back)
    doubt = _doubt(quality, plain, settings)
    if doubt is not None:
        deformation, quality = Deformation(affine, None), replace(plain, cautions=(doubt,))
    return Registration(here.frame, there.frame, deformation, quality)


def _backwards(
    here: Source, there: Source, affine: Affine, settings: RegistrationSettings, generator: torch.Generator
) -> Deformation | None:
    """The registration the other way round, from the same affine map; None when it is not asked for."""
    if not settings.levels_back:
        return None
    inverse = affine.inverted()
    return Deformation(inverse, deform(there, here, inverse, settings.levels_back, generator))


def _doubt(found: RegistrationQuality, plain: RegistrationQuality, settings: RegistrationSettings) -> Caution | None:
    """Why the deformation is not to be trusted; None when it is."""
    if found.folding_fraction > settings.most_folding:
        why = f"{found.folding_fraction:.1%} of the lungs would fold"
    elif found.similarity < settings.least_similarity:
        why = f"the lungs remain unlike (correlation {found.similarity:.2f})"
    elif (found.inverse_consistency_mm or 0) > settings.most_inconsistency_mm:
        why = f"the way back leads elsewhere ({found.inverse_consistency_mm:.1f} mm)"
    elif found.similarity < plain.similarity - settings.similarity_noise:
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
