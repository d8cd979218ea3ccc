"""`lungcad train`: from a data folder to weights and a card, with the readers and the lungs the product uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cad.domain import PointLps
from cad.geometry import sphere_diameter_mm
from cad.policy import LungPolicy, SeriesPolicy
from cad.science.lungs import segment_lungs
from dicom_io.reading import load_series
from models.inference import device_named
from models.rpn3d import RpnConfig
from models.training.detector import compare_variants, train_detector
from models.training.plan import DetectorRecipe, Place, TrainingData
from models.training.scans import LabelledNodule, TrainingScan, crop_backgrounds, unlabelled_places
from models.training.shapes import read_shapes

MIN_READERS = 2
"""Nodules that fewer readers saw are neither learnt as nodules nor as background."""


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What to train from, where to put weights, card and checkpoints (`out`) and the document (`docs`), on what."""

    data: Path
    out: Path
    docs: Path
    device: str
    processes: int

    def place(self) -> Place:
        """Where the networks are trained. Raises Unavailable when the device is absent."""
        return Place(self.out, str(device_named(self.device)), self.processes)


def train_detector_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train the detector on a folder laid out as `ct/*/`, `ct/truth.json`, `lidc_crops.npz` and `lidc_hu_crops.npz`.

    Returns the path of the card. Raises Refusal when a scan cannot be read.
    """
    place = order.place()
    return train_detector(_read_data(order.data, say), DetectorRecipe(), place, order.docs)


def compare_variants_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train and measure the variants of the detector on such a folder; the path of the table."""
    place = order.place()
    return compare_variants(_read_data(order.data, say), DetectorRecipe(), place)


def _read_data(folder: Path, say: Callable[[str], None]) -> TrainingData:
    truth = json.loads((folder / "ct" / "truth.json").read_text(encoding="utf-8"))
    unlabelled = unlabelled_places()
    scans = []
    for name, nodules in sorted(truth.items()):
        say(f"reading {name}")
        scans.append(_training_scan(name, folder / "ct" / name, (nodules, unlabelled.get(name, ()))))
    say("reading nodule shapes")
    shapes = tuple(read_shapes(folder / "lidc_crops.npz", MIN_READERS))
    crops = crop_backgrounds(folder / "lidc_hu_crops.npz", _spacings(folder / "lidc_crops.npz"), RpnConfig())
    return TrainingData(tuple(scans), crops, shapes)


Known = tuple[list[dict[str, object]], tuple[LabelledNodule, ...]]
"""The truth entries of a scan, and its places that look like a nodule and that nobody labelled."""


def _training_scan(name: str, series: Path, known: Known) -> TrainingScan:
    nodules, unlabelled = known
    loaded = load_series([series], SeriesPolicy())
    lungs = segment_lungs(loaded.volume, LungPolicy()).lungs
    thickness = loaded.series.slice_thickness_mm or loaded.series.spacing_mm[2]
    labelled = tuple(_labelled(n) for n in nodules)
    return TrainingScan(name, loaded.volume, lungs, thickness, labelled, loaded.series.kernel or "", unlabelled)


def _labelled(nodule: dict[str, object]) -> LabelledNodule:
    """A truth entry; entries without a count of readers were agreed by several algorithms and are sure."""
    readers = nodule["readers"]
    centre = np.asarray(nodule["centre_lps_mm"], dtype=np.float64)
    volume = float(np.mean(np.asarray(nodule["volume_mm3"], dtype=np.float64)))
    sure = not isinstance(readers, int) or readers >= MIN_READERS
    return LabelledNodule(
        PointLps(float(centre[0]), float(centre[1]), float(centre[2])), sphere_diameter_mm(volume), sure
    )


def _spacings(crops: Path) -> dict[str, tuple[float, float]]:
    """Pixel and slice spacing in mm of each patient's scan."""
    with np.load(crops) as archive:
        nodules = archive["nodules"]
    return {str(n["patient"]): (float(n["pixel_spacing_mm"]), float(n["slice_spacing_mm"])) for n in nodules}
