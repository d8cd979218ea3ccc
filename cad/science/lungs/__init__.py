"""Where the lungs are."""

from cad.science.lungs.segmentation import SegmentedLungs as SegmentedLungs, segment_lungs as segment_lungs
