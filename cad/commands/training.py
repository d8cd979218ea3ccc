"""`lungcad train`: from a data folder to weights and a card, with the readers and the lungs the product uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cad.domain import PointLps
from cad.geometry import index_of, sphere_diameter_mm
from cad.policy import CalciumPolicy, LungPolicy, SeriesPolicy
from cad.science.calcium.slabs import scored_slabs
from cad.science.lungs import segment_lungs
from dicom_io.read.reading import load_series
from models.detector.rpn3d import RpnConfig
from models.nodules.cards import load_outline_members, read_outline_card
from models.nodules.lidc_crops import read_crops
from models.phantom.simulation import StudyRecipe, simulate_volume
from models.running.device import device_named
from models.training.calcium.traces import read_traces
from models.training.calcium.training import CalciumRecipe, CalciumScan, train_calcium
from models.training.detector.plan import DetectorRecipe, TrainingData
from models.training.detector.training import compare_variants, train_detector
from models.training.loop import Place
from models.training.lungs.masses import (
    MassChest,
    MassRecipe,
    held_out_figures,
    mass_chest,
    train_masses,
    write_mass_card,
)
from models.training.lungs.training import LungRecipe, chest_of, measured_on, train_lungs, write_card
from models.training.material.scans import (
    LabelledNodule,
    TrainingScan,
    background_of,
    crop_backgrounds,
    unlabelled_places,
)
from models.training.material.shapes import read_shapes
from models.training.material.transplants import read_transplants
from models.training.nodules.outline_material import Surroundings, outline_samples
from models.training.nodules.outlines import OutlineRecipe
from models.training.nodules.ratings import RatingRecipe
from models.training.nodules.training import train_outlines, train_ratings

CROPS, HU_CROPS, VOLUMES = "lidc_crops.npz", "lidc_hu_crops.npz", "lidc_vois.npz"

VARIED_COPIES = 25
"""How often each left-out scan is varied to measure the lung network."""

WITHOUT_TRUTH = ("C3N-00247",)
"""Scans whose nodules nobody labelled: what looks like one is left out of the loss."""

AROUND_NODULE = (30, 80, 80)
"""Voxels (k, j, i) of a scan on each side of a labelled nodule in which the readers' crop of it is looked for."""

LARGE_MM = 18.0
"""Nodules from here on are neither mass nor background to what learns masses."""

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


def train_segmentation_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train the networks that outline nodules on the same folder; the path of the card. Raises Refusal."""
    place = order.place()
    nodules = read_crops(order.data / CROPS)
    scans = dict(training_scans(order.data, say))
    say("blending nodules")
    backgrounds = [(name, background_of(scan, RpnConfig())) for name, scan in scans.items()]
    shapes = tuple(read_shapes(order.data / CROPS, MIN_READERS))
    samples = outline_samples(nodules, _surroundings(order.data, scans), backgrounds, shapes)
    say(f"learning from {len(samples)} samples")
    return train_outlines(samples, nodules, OutlineRecipe(), place)


def train_malignancy_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train the networks that rate nodules, on outlines of the installed networks; the path of the card."""
    place = order.place()
    nodules = read_crops(order.data / CROPS)
    say(f"learning from {len(nodules)} nodules")
    outlining = load_outline_members(read_outline_card(), device_named(order.device))
    return train_ratings(outlining, nodules, RatingRecipe(), place)


def train_calcium_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train what finds the heart and names calcified lesions, on the traced scans of such a folder; path of the card.

    Raises Refusal when a scan cannot be read.
    """
    order.place()
    scans = []
    for name in sorted(read_traces()):
        say(f"reading {name}")
        slabs = scored_slabs(load_series([order.data / "ct" / name], SeriesPolicy()).volume, CalciumPolicy())
        scans.append(CalciumScan(name, slabs.volume, segment_lungs(slabs.volume, LungPolicy()).lungs))
    return train_calcium(scans, CalciumRecipe(), order.out, say)


def train_lungs_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train what says where lungs are to be expected, on all scans of such a folder; the path of the card.

    Raises Refusal when a scan cannot be read.
    """
    recipe, place = LungRecipe(), order.place()
    chests = {
        name: chest_of(scan.volume, scan.lungs, [(n.centre, n.diameter_mm) for n in scan.nodules])
        for name, scan in training_scans(order.data, say)
    }
    learnt = {name: chest for name, chest in chests.items() if name not in recipe.left_out}
    for seed in recipe.phantoms:
        volume = simulate_volume(StudyRecipe(seed=seed, nodules=0))
        learnt[f"phantom-{seed}"] = chest_of(volume, segment_lungs(volume, LungPolicy()).lungs, ())
    say(f"learning from {len(learnt)} chests")
    network = train_lungs(tuple(learnt.values()), recipe, place)
    left_out = {name: chest for name, chest in chests.items() if name in recipe.left_out}
    agreements = measured_on(network, left_out, VARIED_COPIES)
    return write_card(network, recipe, agreements, len(chests) - len(left_out), order.out)


def train_masses_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train what finds and outlines masses, on all scans of such a folder; the path of the card.

    Raises Refusal when a scan cannot be read.
    """
    recipe, place = MassRecipe(), order.place()
    chests: list[MassChest] = []
    left_out: list[MassChest] = []
    for name, scan in training_scans(order.data, say):
        large = [(n.centre, n.diameter_mm) for n in scan.nodules if n.diameter_mm >= LARGE_MM]
        (left_out if name in recipe.left_out else chests).append(mass_chest(scan.volume, scan.lungs, large))
    scans = len(chests)
    for seed in recipe.phantoms:
        volume = simulate_volume(StudyRecipe(seed=seed, nodules=0))
        chests.append(mass_chest(volume, segment_lungs(volume, LungPolicy()).lungs, ()))
    shapes = tuple(read_shapes(order.data / CROPS, MIN_READERS))
    say(f"learning from {len(chests)} chests and {len(shapes)} shapes")
    network = train_masses(chests, shapes, recipe, place)
    figures = held_out_figures(network, left_out, shapes, recipe)
    return write_mass_card(network, recipe, figures, scans, order.out)


TRAININGS: Mapping[str, Callable[[TrainingOrder, Callable[[str], None]], Path]] = {
    "detector": train_detector_from,
    "segmentation": train_segmentation_from,
    "malignancy": train_malignancy_from,
    "calcium": train_calcium_from,
    "lungs": train_lungs_from,
    "masses": train_masses_from,
}


def _surroundings(folder: Path, scans: Mapping[str, TrainingScan]) -> Iterator[Surroundings]:
    """The HU crops, and the parts of the scans around their labelled nodules."""
    facts = json.loads((folder / HU_CROPS).with_suffix(".json").read_text(encoding="utf-8"))
    with np.load(folder / HU_CROPS) as crops:
        for name, fact in facts.items():
            yield Surroundings(fact["PatientID"], np.array(crops[name], dtype=np.int16))
    for name, scan in scans.items():
        for nodule in scan.nodules:
            centre = np.rint(index_of(scan.volume.grid, nodule.centre)).astype(int)
            box = tuple(slice(max(0, c - m), c + m) for c, m in zip(centre, AROUND_NODULE, strict=True))
            yield Surroundings(name, scan.volume.hu[box])


def compare_variants_from(order: TrainingOrder, say: Callable[[str], None]) -> Path:
    """Train and measure the variants of the detector on such a folder; the path of the table."""
    place = order.place()
    return compare_variants(_read_data(order.data, say), DetectorRecipe(), place)


def _read_data(folder: Path, say: Callable[[str], None]) -> TrainingData:
    scans = tuple(scan for _, scan in training_scans(folder, say))
    say("reading nodule shapes")
    shapes = tuple(read_shapes(folder / CROPS, MIN_READERS))
    crops = crop_backgrounds(folder / HU_CROPS, _spacings(folder / CROPS), RpnConfig())
    say("reading whole nodules")
    transplants = tuple(read_transplants(folder / VOLUMES, MIN_READERS))
    return TrainingData(scans, crops, shapes, transplants)


def training_scans(folder: Path, say: Callable[[str], None]) -> Iterator[tuple[str, TrainingScan]]:
    """The labelled scans by name."""
    truth = json.loads((folder / "ct" / "truth.json").read_text(encoding="utf-8"))
    unlabelled = unlabelled_places()
    for name, nodules in sorted((truth | {name: [] for name in WITHOUT_TRUTH}).items()):
        say(f"reading {name}")
        yield name, _training_scan(name, folder / "ct" / name, (nodules, unlabelled.get(name, ())))


Known = tuple[list[dict[str, object]], tuple[LabelledNodule, ...]]
"""The truth entries of a scan, and its places that look like a nodule and that nobody labelled."""


def _training_scan(name: str, series: Path, known: Known) -> TrainingScan:
    nodules, unlabelled = known
    loaded = load_series([series], SeriesPolicy())
    lungs = segment_lungs(loaded.volume, LungPolicy()).lungs
    thickness = loaded.series.slice_thickness_mm or loaded.series.spacing_mm[2]
    labelled = tuple(_labelled(n) for n in nodules)
    return TrainingScan(
        name,
        loaded.volume,
        lungs=lungs,
        slice_thickness_mm=thickness,
        nodules=labelled,
        kernel=loaded.series.kernel or "",
        unlabelled=unlabelled,
    )


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
