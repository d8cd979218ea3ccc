"""Where places of the current scan lie in the earlier one and back, on two small lattices that a web page interpolates.

The form: four bytes with the length of the header (little-endian), the header as JSON, padded with spaces so that a
multiple of four bytes has gone by, and then positions as little-endian float32. The header names two lattices,
`to_prior` and `to_current`. Each has `origin_lps_mm` [x, y, z] and `step_mm` of its first node, `shape` [nz, ny, nx],
and `offset`: where its positions [nz, ny, nx, 3] begin, in bytes after the header. A position is that of the node in
the other scan, in LPS mm.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

import numpy as np

from cad.domain import Float32Array, FloatArray, FollowUp, LungMask
from cad.geometry import positions_of

SCHEMA = "lungcad.comparison-map/1"
STEP_MM = 10.0
"""Linear interpolation then misses the registration of a simulated pair by about 0.10 mm on average in the middle of
the cells, where it is worst, and by about 0.24 mm at the 95th percentile: estimated from maps of 8 and 16 mm, by the
square of the step."""
MARGIN_MM = 16.0
"""How far the lattices reach beyond the lungs: to the chest wall, where a reader still points."""
LUNG_STRIDE = 4
"""Every so many voxels along each axis tell where the lungs end; the margin is wider than what that misses."""

_Map = Callable[[FloatArray], FloatArray]


def comparison_map(followup: FollowUp, lungs: LungMask) -> bytes:
    """The map between the current scan, whose lungs these are, and the latest earlier one."""
    transform = followup.latest.transform
    here = _lung_positions(lungs)
    there = transform.to_moving(here)
    lattices = {
        "to_prior": _sampled(here, transform.to_moving),
        "to_current": _sampled(there, transform.to_fixed),
    }
    return _encoded(lattices)


def _lung_positions(lungs: LungMask) -> FloatArray:
    """LPS positions [n, 3] of some voxels of the lungs, the outermost of each axis among them."""
    indices = np.argwhere(lungs.labels)
    edges = [indices[pick(indices[:, axis])] for axis in range(3) for pick in (np.argmin, np.argmax)]
    sparse = indices[(indices % LUNG_STRIDE == 0).all(axis=1)]
    return positions_of(lungs.grid, np.concatenate([np.array(edges), sparse]).astype(np.float64))


def _sampled(around: FloatArray, mapped: _Map) -> tuple[FloatArray, Float32Array]:
    """The first node [x, y, z] of a lattice around these positions, and where its nodes go, [nz, ny, nx, 3]."""
    first, last = around.min(axis=0) - MARGIN_MM, around.max(axis=0) + MARGIN_MM
    counts = np.ceil((last - first) / STEP_MM).astype(int) + 1
    x, y, z = (start + STEP_MM * np.arange(count) for start, count in zip(first, counts, strict=True))
    nodes = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    there: Float32Array = mapped(nodes.reshape(-1, 3)).reshape(nodes.shape).astype("<f4")
    return first, there


def _encoded(lattices: dict[str, tuple[FloatArray, Float32Array]]) -> bytes:
    described, bodies, offset = {}, [], 0
    for name, (first, positions) in lattices.items():
        described[name] = {
            "origin_lps_mm": [float(value) for value in first],
            "step_mm": STEP_MM,
            "shape": list(positions.shape[:3]),
            "offset": offset,
        }
        bodies.append(positions.tobytes())
        offset += positions.nbytes
    header = json.dumps({"schema": SCHEMA, **described}).encode()
    padded = header + b" " * (-len(header) % 4)
    return b"".join([struct.pack("<I", len(padded)), padded, *bodies])
