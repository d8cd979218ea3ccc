"""Limits: which series can be read, and how one is chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeriesPolicy:
    """Which CT series are fit for nodule analysis."""

    max_slice_thickness_mm: float = 5.0
    """Thicker slices hide nodules under 6 mm (ACR-STR practice parameter for chest CT: reconstructions ≤ 5 mm)."""

    max_slice_spacing_mm: float = 5.0
    """Slices further apart leave tissue unseen even when they are thin (the same limit as for the thickness)."""

    max_pixel_spacing_mm: float = 2.0
    """A 6 mm nodule needs at least three pixels across; the whole chest on a 256 matrix has just under 2 mm."""

    min_slices: int = 12
    """Fewer slices than this are a sample of the chest, no volume: 12 slices of 5 mm are a fifth of a lung's height."""

    min_coverage_mm: float = 40.0
    """An adult lung is 200 to 300 mm high; a stack lower than a fifth of that is no chest examination."""

    spacing_tolerance_mm: float = 0.1
    """Scanners write positions rounded to 0.1 mm at worst, so neighbouring distances may differ by that much;
    the error of a measured volume stays below 0.1 mm per slice edge."""

    max_jitter_fraction: float = 0.2
    """Slices that lie this share of the spacing beside their place are moved there by interpolation, with a caution;
    further off the order or the count of the slices is in doubt."""

    interleaving_slices: int = 12
    interleaving_blocks: int = 48
    interleaving_ratio: float = 1.0
    interleaving_hu: float = 4.0
    """Stretch of slices over which, blocks across the image in which, and how much more neighbours must differ than
    next neighbours do, by a factor and in HU, for two stacks to interleave. In one stack of the shared scans the factor
    is 0.55 to 0.63, and neighbours differ by 20 to 45 HU."""

    coincident_slices_mm: float = 0.01
    """Positions closer than this are one position: a tenth of the coarsest rounding that scanners use."""

    max_tilt_degrees: float = 1.0
    """The stack may lean this much against the slice normal (rounded cosines and positions); more is gantry tilt."""

    max_corrected_tilt_degrees: float = 20.0
    """Slices of a gantry tilted up to this much are set upright, each moved by whole pixels in its own plane; as much
    as slices may be oblique, for they stay it."""

    max_obliquity_degrees: float = 20.0
    """Slices may be turned this much from axial (angled patient or oblique reconstruction of the chest)."""

    air_hu: int = -1024
    """Padding and everything below is set to this value: the lowest value of 12-bit CT (intercept −1024)."""

    plausible_hu: tuple[float, float] = (-1100.0, 3100.0)
    """Air with noise to the top of the 12-bit scale (3071 HU); more only from metal on an extended scale."""

    max_fraction_below_plausible: float = 0.5
    """Undeclared padding outside the round field of view is 21 % of a square; more means a wrong rescale."""

    max_fraction_above_plausible: float = 0.05
    """Metal implants fill far less than 5 % of a chest; more means a wrong rescale."""

    max_voxels: int = 800_000_000
    """1.6 GB as 16-bit: more than 700 slices of 1024 × 1024. A larger claim is refused before any decoding."""

    max_file_bytes: int = 1 << 30
    """One object: an enhanced CT of 1,200 slices of 512 × 512 has 630 MB. It is read as a whole, some twice over."""

    max_elements: int = 20_000
    """Elements of the outermost data set: a CT image has some 200, with private ones a thousand."""

    max_archive_bytes: int = 20_000_000_000
    """The sum of all unpacked members of an archive: a study of ten large series. Members are read one by one."""

    max_archive_ratio: float = 100.0
    """Unpacked to packed size, judged above `archive_ratio_from_bytes`: noise limits real CT to a factor of 10."""

    archive_ratio_from_bytes: int = 64_000_000
    """Below this an archive cannot do harm, whatever its ratio (empty phantoms compress by more than 100)."""

    max_archive_depth: int = 3
    """A study in a zip in a delivery in a zip; deeper nesting is made to exhaust the reader."""

    max_archive_members: int = 100_000
    """Thirty times the slices of a large study; more is made to exhaust the reader."""
