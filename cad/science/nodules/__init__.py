"""Candidates → measured nodules: extent, volume, axes, surface, attenuation, composition and side.

`characterise` does it all. A nodule is delineated in a `window` on a fine grid (`delineation`), with the `levels` of
attenuation of the nodule and the lung around it; `axes`, `measures` and `composition` describe the extent that was
found.
"""

from __future__ import annotations

from cad.science.nodules.axes import axial_diameters
from cad.science.nodules.characterization import characterise, tracking_uid

__all__ = ["axial_diameters", "characterise", "tracking_uid"]
