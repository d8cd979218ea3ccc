"""Running the region-proposal network over the lungs of a volume: boxes, slabs, decoding, patient coordinates."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from cad.domain import LungMask
from models.rpn3d import STRIDE, Proposal, RpnConfig, decode, normalised, suppressed

MARGIN_MM = 14.0
"""How far beyond a lung its box reaches: juxtapleural masses may lie outside of the mask."""

SLAB = 96
"""Slices of the working grid whose proposals one pass keeps."""

MAX_PROPOSALS = 200
"""Proposals of one box: far beyond any threshold in use; bounds the time of a pathological input."""

OVERLAP = 16
"""Slices of context on either side of a slab."""


def box_bounds(lungs: LungMask) -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Voxel bounds (low, high exclusive) of each lung with the margin."""
    pad = [int(np.ceil(MARGIN_MM / s)) for s in lungs.grid.spacing_kji_mm]
    bounds = []
    for found in ndimage.find_objects(lungs.labels):
        if found is None:
            continue
        low = [max(0, f.start - p) for f, p in zip(found, pad, strict=True)]
        high = [min(n, f.stop + p) for f, p, n in zip(found, pad, lungs.grid.shape, strict=True)]
        bounds.append(((low[0], low[1], low[2]), (high[0], high[1], high[2])))
    return bounds


def propose(network: torch.nn.Module, config: RpnConfig, hu: torch.Tensor, min_logit: float) -> list[Proposal]:
    """Proposals in one array of HU [k, j, i] on the working grid, best first, duplicates suppressed.

    The array is read slab by slab along k with context on both sides, so memory does not grow with the scan.
    """
    found: list[Proposal] = []
    depth = hu.shape[0]
    device = next(network.parameters()).device
    with torch.inference_mode():
        for start in range(0, depth, SLAB):
            low, high = max(0, start - OVERLAP), min(depth, start + SLAB + OVERLAP)
            padded = _padded(normalised(hu[low:high].to(device), config))
            output = network(padded[None, None].to(memory_format=torch.channels_last_3d))[0].float().cpu()
            used = tuple(int(np.ceil(n / STRIDE)) for n in (high - low, *hu.shape[1:]))
            for p in decode(output[:, : used[0], : used[1], : used[2]], min_logit):
                k = p.centre[0] + low
                if _belongs(k, start, depth):
                    found.append(Proposal((k, p.centre[1], p.centre[2]), p.diameter, p.logit))
    return suppressed(found, MAX_PROPOSALS)


def _padded(x: torch.Tensor) -> torch.Tensor:
    """Padded at the far ends to multiples of 16 with the edge value, as the pyramid needs."""
    pads = [(-n) % 16 for n in x.shape]
    return torch.nn.functional.pad(x[None, None], (0, pads[2], 0, pads[1], 0, pads[0]), mode="replicate")[0, 0]


def _belongs(k: float, start: int, depth: int) -> bool:
    """Whether a proposal at slice k is this slab's own: the first and last slabs keep what lies beyond the ends."""
    return (k >= start or start == 0) and (k < start + SLAB or start + SLAB >= depth)
