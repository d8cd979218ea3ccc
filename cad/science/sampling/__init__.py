"""The grid on which a series is measured: that of its own slices and pixels, whatever it was resampled to."""

from __future__ import annotations

from cad.science.sampling.measured import Measured as Measured, measured_grid as measured_grid
