"""When a series holds fewer slices and pixels of its own than it has, and the grid on which it is then measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """How it is seen that slices were interpolated or overlap, and how coarse a series is measured.

    Noise tells: that of neighbouring slices of a scanner hardly correlates (0.23 to 0.37 in eleven shared scans of four
    scanners), while slices interpolated between others share theirs (0.67 to 0.78 at half the distance).
    """

    correlation: float = 0.3
    own_lags: float = 1.5
    interpolated_lags: float = 2.2
    lags_per_slice: tuple[float, float, float] = (0.85, 1.32, 1.6)
    lags_per_thickness: float = 0.8
    """Noise correlates by less than the first beyond so many slices. Up to the second they are the scanner's own, 0.9
    to 1.4. Beyond, they were interpolated where every so many bend more than those between; each true slice then has
    from 0.93 lags (when their own noise is independent) to 1.4. From the third on they were interpolated in any
    case, as smoothly as the fewest lags allow. Else they overlap, and are as thick as the lags divided by the last (the
    mean of every two neighbours: 1.55 to 1.7)."""
    most_lags: int = 40
    """Farther is not looked: with slices of 3 mm, interpolation to less than 0.1 mm."""

    judged_slices: int = 96
    judged_pixels: int = 128
    least_noise_hu: float = 2.0
    least_voxels: int = 4000
    """So many slices of so many pixels in the middle are judged, and nothing where they hold less noise or lung and
    soft tissue: a drawing has no noise."""
    judged_hu: tuple[float, float] = (-950.0, 150.0)
    noise_mm: float = 1.0
    noise_span: float = 3.0
    """Noise is what varies over less than so many mm in the plane, and by less than so many of its deviations."""

    comb_steps: int = 20
    before_first: float = 0.25
    least_comb: float = 0.12
    """So many places of the first true slice are tried, which may lie before that of the series by this part of their
    distance; the true ones bend by this share more than the mean at least."""

    finest_slice_mm: float = 1.05
    finest_pixel_mm: float = 0.7
    """Thinner slices and finer pixels are averaged, as many as fit in this: what is measured is 3 mm and larger, and
    the scanner's blur is 1.2 mm wide or more."""
