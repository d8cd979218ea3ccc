"""Lines in the patient → coordinates of a content item on the source image that shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.sr import CoordinatesForMeasurement, GraphicTypeValues, SourceImageForRegion

from cad.domain import PointLps
from dicom_io.write.source_images import SourceImages


def line_on(source: SourceImages, points: Sequence[PointLps], k: int) -> CoordinatesForMeasurement:
    """A polyline of points (LPS mm) on the source image of canonical slice `k`."""
    frame = source.frame(k)
    image = SourceImageForRegion(frame.image.SOPClassUID, frame.image.SOPInstanceUID, frame.numbers)
    line = source.to_pixels(points, k).astype(np.float32)
    return CoordinatesForMeasurement(GraphicTypeValues.POLYLINE, line, image)
