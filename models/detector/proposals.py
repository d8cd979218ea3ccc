"""Running the region-proposal network over the lungs of a volume: boxes, tiles, and where to look for proposals.

Each lung is read in one tile with its margin. Finer tiles do not pay: what the network says depends on up to 64 voxels
around, and so much context on every side costs more than the voxels outside of the lung that a finer tile leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from cad.domain import BoolArray, LungMask
from models.detector.rpn3d import STRIDE, Proposal, RpnConfig, decode, normalise, suppress
from models.running.runtimes import Network, as_network

MARGIN_MM = 14.0
"""How far beyond a lung proposals are looked for: juxtapleural masses may lie outside of the mask."""

LARGEST_TILE = 24_000_000
"""Voxels that are read at once; the box of a large lung has 17 million at 1 mm. Bounds the memory to about 1 GB."""

CONTEXT = 64
"""Slices that are read beyond either end of a tile where a box is cut; with more, logits change by less than 0.01."""

ALIGNMENT = 16
"""Tiles start at multiples of the pyramid's coarsest stride, so that cells lie where they lie without tiles."""

MAX_PROPOSALS = 200
"""Proposals of one box: far beyond any threshold in use; bounds the time of a pathological input."""

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LungBox:
    """One lung's `label` and the voxels (k, j, i) around it from `low` to `high`, exclusive, with the margin."""

    label: int
    low: Index
    high: Index


def lung_boxes(lungs: LungMask) -> list[LungBox]:
    """The box of each lung in view."""
    pad = [int(np.ceil(MARGIN_MM / s)) for s in lungs.grid.spacing_kji_mm]
    boxes = []
    for label, found in enumerate(ndimage.find_objects(lungs.labels), start=1):
        if found is None:
            continue
        low = [max(0, f.start - p) for f, p in zip(found, pad, strict=True)]
        high = [min(n, f.stop + p) for f, p, n in zip(found, pad, lungs.grid.shape, strict=True)]
        boxes.append(LungBox(label, cast(Index, tuple(low)), cast(Index, tuple(high))))
    return boxes


def cells_near(lungs: LungMask, box: LungBox, spacing_mm: float) -> BoolArray:
    """Which output cells [k, j, i] of the box on a working grid of `spacing_mm` are within the margin of its lung."""
    cell_mm = STRIDE * spacing_mm
    near: BoolArray = lungs.labels[tuple(slice(a, b) for a, b in zip(box.low, box.high, strict=True))] == box.label
    for axis, source_mm in enumerate(lungs.grid.spacing_kji_mm):
        size = near.shape[axis]
        voxels = int(np.ceil(size * source_mm / spacing_mm - 1e-6))
        edges = np.arange(int(np.ceil(voxels / STRIDE))) * cell_mm / source_mm
        firsts = np.minimum(np.ceil(edges - 0.5 - 1e-6).astype(int), size - 1)
        near = np.logical_or.reduceat(near, firsts, axis=axis)
    within: BoolArray = ndimage.distance_transform_edt(~near, sampling=cell_mm) <= MARGIN_MM
    return within


def propose(
    network: nn.Module | Network,
    config: RpnConfig,
    hu: torch.Tensor,
    min_logit: float,
    within: BoolArray | None = None,
) -> list[Proposal]:
    """Proposals in one array of HU [k, j, i] on the working grid, best first, duplicates suppressed.

    `within` says in which output cells proposals may lie; everywhere by default.
    """
    output = response(network, config, hu)
    cells = None if within is None else torch.from_numpy(within)
    return suppress(decode(output, min_logit, cells), MAX_PROPOSALS)


def response(
    network: nn.Module | Network, config: RpnConfig, hu: torch.Tensor, largest_tile: int = LARGEST_TILE
) -> torch.Tensor:
    """The network's output [5, k, j, i] for an array of HU, one cell for every `STRIDE` voxels.

    An array of more than `largest_tile` voxels is read in tiles along k, so that memory does not grow with the scan.
    """
    run = as_network(network)
    cells = [-(-n // STRIDE) for n in hu.shape]
    parts = []
    for tile in tiles_of((hu.shape[0], hu.shape[1], hu.shape[2]), largest_tile):
        output = run(_padded(normalise(hu[tile.low : tile.high], config))[None, None])[0]
        first, end = (tile.start - tile.low) // STRIDE, -((tile.low - tile.stop) // STRIDE)
        parts.append(output[:, first:end, : cells[1], : cells[2]])
    return torch.cat(parts, dim=1)


@dataclass(frozen=True, slots=True)
class Tile:
    """Slices from `low` to `high` are read, and the output of those from `start` to `stop` is kept."""

    low: int
    start: int
    stop: int
    high: int


def tiles_of(shape: Index, largest: int) -> Iterator[Tile]:
    """Tiles along k of about equal size and of at most `largest` voxels, as far as the context allows."""
    depth = shape[0]
    slices = largest // max(1, shape[1] * shape[2])
    if depth <= slices:
        yield Tile(0, 0, depth, depth)
        return
    most = max(ALIGNMENT, (slices - 2 * CONTEXT) // ALIGNMENT * ALIGNMENT)
    kept = -(-depth // -(-depth // most))
    kept += -kept % ALIGNMENT
    for start in range(0, depth, kept):
        stop = min(depth, start + kept)
        yield Tile(max(0, start - CONTEXT), start, stop, min(depth, stop + CONTEXT))


def _padded(x: torch.Tensor) -> torch.Tensor:
    """Padded at the far ends to multiples of 16 with the edge value, as the pyramid needs."""
    pads = [-n % ALIGNMENT for n in x.shape]
    return torch.nn.functional.pad(x[None, None], (0, pads[2], 0, pads[1], 0, pads[0]), mode="replicate")[0, 0]
