"""Images of the chest as the heart is looked for in them, and the smooth maps between a frame and a patient.

A *frame* is a box of cubic voxels whose axes are z, y, x (array order k, j, i) in mm of LPS, with its own origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from cad.domain import Volume
from models.running.resample import resample

UNKNOWN_HU = -1015.0
"""Below it lies what the scanner filled in beyond its field of view: air is noisy and averages -1000 HU."""

LUNG_WINDOW_HU = (-800.0, -100.0)
FAT_WINDOW_HU = (-120.0, 60.0)
"""Two views: air against tissue, and fat against muscle. Blood with contrast agent is as bright as muscle in both."""

WINDOWS = (LUNG_WINDOW_HU, FAT_WINDOW_HU)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scan at one resolution: `channels` [3, k, j, i] in 0..1, two views and what is known of them; and its places.

    `matrix` [3, 3] and `offset` [3] turn LPS mm (x, y, z) into fractional voxel indices (k, j, i).
    """

    channels: torch.Tensor
    matrix: torch.Tensor
    offset: torch.Tensor
    spacing_mm: float

    @property
    def views(self) -> torch.Tensor:
        """The views [2, k, j, i], 0 where they are not known."""
        return self.channels[:2]

    @property
    def known(self) -> torch.Tensor:
        """Where the scan shows anything [k, j, i], 0..1."""
        return self.channels[2]

    def at(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The views [2, n] and how far they are known [n] at LPS places [n, 3]; unknown outside."""
        sizes = torch.tensor(self.known.shape, dtype=torch.float32)
        index = places @ self.matrix.T + self.offset
        grid = ((2 * index + 1) / sizes - 1).flip(-1)
        found = _sampled(self.channels, grid, "zeros")
        return found[:2], found[2]


def see(volume: Volume, spacing_mm: float) -> Seen:
    """The whole scan at `spacing_mm`."""
    box = resample(torch.from_numpy(volume.hu.astype(np.float32)), volume.grid, spacing_mm)
    known = (box.hu > UNKNOWN_HU).float()
    inverse = np.linalg.inv(box.grid.affine[:3, :3])
    offset = -inverse @ box.grid.affine[:3, 3]
    channels = torch.cat([views_of(box.hu) * known, known[None]])
    return Seen(channels, as_tensor(inverse), as_tensor(offset), spacing_mm)


def coarser(image: Seen, factor: int) -> Seen:
    """The same scan with voxels `factor` times as large."""
    weight = F.avg_pool3d(image.known[None], factor, ceil_mode=True)[0]
    views = F.avg_pool3d(image.views, factor, ceil_mode=True) / weight.clamp_min(1e-3)
    shift = (factor - 1) / 2
    known = (weight > 0.5).float()
    offset = (image.offset - shift) / factor
    channels = torch.cat([views * known, known[None]])
    return Seen(channels, image.matrix / factor, offset, image.spacing_mm * factor)


def views_of(hu: torch.Tensor) -> torch.Tensor:
    """The two views [2, ...] in 0..1 of attenuations [...]."""
    return torch.stack([((hu - low) / (high - low)).clamp(0, 1) for low, high in WINDOWS])


def as_tensor(values: npt.ArrayLike) -> torch.Tensor:
    """The same values [...] in single precision."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class Frame:
    """A box of cubic voxels: `shape` (k, j, i), their edge, and the place (x, y, z) of the first voxel's centre."""

    shape: tuple[int, int, int]
    spacing_mm: float
    first: tuple[float, float, float]

    def places(self) -> torch.Tensor:
        """Places [k · j · i, 3] (x, y, z) of all voxel centres."""
        k, j, i = (torch.arange(n, dtype=torch.float32) * self.spacing_mm for n in self.shape)
        z, y, x = torch.meshgrid(k + self.first[2], j + self.first[1], i + self.first[0], indexing="ij")
        return torch.stack([x, y, z], dim=-1).reshape(-1, 3)

    def sample(self, values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Values [c, k, j, i] of the frame at places [n, 3] as [c, n]; the border's beyond it."""
        index = ((places - torch.tensor(self.first)) / self.spacing_mm).flip(-1)
        sizes = torch.tensor(self.shape, dtype=torch.float32)
        grid = ((2 * index + 1) / sizes - 1).flip(-1)
        return _sampled(values, grid, "border")


@dataclass(frozen=True, slots=True, eq=False)
class HeartMap:
    """From the frame to the patient: place → `matrix` place + `offset` + `shift` (dense, [3, k, j, i], of `frame`)."""

    frame: Frame
    matrix: torch.Tensor
    offset: torch.Tensor
    shift: torch.Tensor

    def to_patient(self, places: torch.Tensor) -> torch.Tensor:
        """LPS places [n, 3] of the patient for places of the frame."""
        return places @ self.matrix.T + self.offset + self.frame.sample(self.shift, places).T

    def to_frame(self, places: torch.Tensor, steps: int = 12) -> torch.Tensor:
        """Places [n, 3] of the frame for LPS places of the patient."""
        inverse = torch.linalg.inv(self.matrix)
        found: torch.Tensor = (places - self.offset) @ inverse.T
        for _ in range(steps):
            found = found + (places - self.to_patient(found)) @ inverse.T
        return found


def _sampled(values: torch.Tensor, grid: torch.Tensor, beyond: str) -> torch.Tensor:
    """Values [c, k, j, i] as [c, n] at places [n, 3] of torch's own coordinates (-1..1, fastest axis first)."""
    found = F.grid_sample(values[None], grid[None, None, None], padding_mode=beyond, align_corners=False)
    return found[0, :, 0, 0]


def spline_matrix(size: int, step: float) -> torch.Tensor:
    """Cubic B-spline weights [size, controls] of voxels 0..size-1 over control points every `step` voxels."""
    controls = int(np.ceil((size - 1) / step)) + 3
    position = torch.arange(size, dtype=torch.float32)[:, None] / step + 1
    distance = (position - torch.arange(controls, dtype=torch.float32)[None]).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    return torch.where(distance < 1, near, far)


def spread(control: torch.Tensor, matrices: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The dense field [3, k, j, i] of control points [3, a, b, c]."""
    along_k, along_j, along_i = matrices
    field = torch.einsum("dabc,ic->dabi", control, along_i)
    field = torch.einsum("dabi,jb->daji", field, along_j)
    return torch.einsum("daji,ka->dkji", field, along_k)
