"""A small smooth deformation: the same chest at another visit, breathed and lain down a little differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cad.domain import FloatArray
from models.phantom.anatomy import Field, Positions

SHIFT_MM = 6.0
WAVE_MM = 2.0
WAVE_LENGTH_MM = 170.0
BREATH_MM = 8.0
"""How much deeper or shallower the diaphragm stands; it fades upwards over `BREATH_FADE_MM`."""
BREATH_FADE_MM = 110.0


@dataclass(frozen=True, slots=True)
class Deformation:
    """Maps positions of the later scan to the same tissue in the earlier one."""

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    breath_mm: float = 0.0
    wave_mm: float = 0.0
    phases: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def to_earlier(self, later: Positions) -> Positions:
        """Where the tissue at `later` lay in the earlier scan."""
        turn = 2 * np.pi / WAVE_LENGTH_MM
        fade = np.exp(-((np.maximum(later.z, 0) / BREATH_FADE_MM) ** 2))
        x = later.x + self.shift[0] + self.wave_mm * np.sin(later.z * turn + self.phases[0])
        y = later.y + self.shift[1] + self.wave_mm * np.sin(later.x * turn + self.phases[1])
        z = later.z + self.shift[2] + self.breath_mm * fade + self.wave_mm * np.sin(later.y * turn + self.phases[2])
        return Positions(_f32(x), _f32(y), _f32(z))

    def earlier_points(self, later: FloatArray) -> FloatArray:
        """The same for points [..., 3]."""
        moved = self.to_earlier(Positions(*(_f32(later[..., axis]) for axis in range(3))))
        return np.stack([moved.x, moved.y, moved.z], axis=-1).astype(np.float64)

    def to_later(self, earlier: FloatArray) -> FloatArray:
        """Where the tissue at `earlier` [n, 3] lies in the later scan (fixed-point iteration, float32-accurate)."""
        later = np.array(earlier, dtype=np.float64)
        for _ in range(30):
            later = later + (earlier - self.earlier_points(later))
        return later


def random_deformation(rng: np.random.Generator) -> Deformation:
    """A deformation of a few millimetres."""
    x, y, z = rng.uniform(-SHIFT_MM, SHIFT_MM, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    breath = rng.uniform(0.4, 1.0) * BREATH_MM * rng.choice([-1, 1])
    return Deformation((x, y, z), float(breath), WAVE_MM, (phases[0], phases[1], phases[2]))


def _f32(values: FloatArray | Field) -> Field:
    return np.asarray(values, dtype=np.float32)
