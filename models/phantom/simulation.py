"""A deterministic synthetic chest CT study as DICOM, with its truth.

`simulate` writes `OUT/series/*.dcm` and `OUT/truth.json`; with a follow-up `OUT/baseline` and `OUT/followup` each
hold those two. The same recipe gives the same bytes on the same numpy and scipy.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cad.domain import FloatArray, Grid, Volume
from models.phantom.anatomy import HILA_MM, Build
from models.phantom.coronaries import Plaque, agatston, place_plaques
from models.phantom.deformation import Deformation, random_deformation
from models.phantom.dicom import Visit, write_series
from models.phantom.image import Scene, noise_free, scan_grid, with_noise
from models.phantom.nodules import (
    SyntheticNodule,
    TrueSize,
    lung_field_at,
    place_nodules,
    sample_points,
    true_size,
)
from models.phantom.vessels import Tree, grow_tree

ARTERY_ENDS = 420
VEIN_ENDS = 320
BRONCHUS_ENDS = 36
"""End branches per lung; with them the thinnest painted vessels are about half a millimetre in radius."""

ARTERY_ROOT_MM = np.array([0.0, -7.0, 5.0])
VEIN_ROOT_MM = np.array([0.0, -12.0, -16.0])
"""Where artery and veins enter the lung, relative to the bronchus."""

GROWING_DOUBLING_DAYS = 180.0
"""A volume doubling time between 20 and 400 days is what cancers show (BTS guideline 2015)."""
SHRINKING_HALVING_DAYS = 120.0
LARGEST_GROWN_MM = 22.0
SMALLEST_SHRUNK_MM = 4.0
"""Limits of growth and shrinking over long intervals: still a nodule, still to be seen."""

STATUSES = ("growing", "stable", "resolved", "shrinking")


@dataclass(frozen=True, slots=True)
class StudyRecipe:
    """What to simulate; `followup_days` None means a single visit."""

    seed: int = 0
    nodules: int = 3
    followup_days: int | None = None
    calcium: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.nodules <= 20:
            raise ValueError(f"nodules must be in 0..20, not {self.nodules}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, not {self.seed}")
        if self.followup_days is not None and not 1 <= self.followup_days <= 3650:
            raise ValueError(f"follow-up must be after 1..3650 days, not {self.followup_days}")

    @property
    def patient(self) -> str:
        """The patient ID, which names the recipe."""
        return f"SIM-{self.seed}-{self.nodules}{'-CAC' if self.calcium else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One nodule at both visits; None where it is absent or there is no such visit."""

    nodule: SyntheticNodule
    size: TrueSize


def simulate(out: Path, recipe: StudyRecipe) -> tuple[Path, ...]:
    """Writes the study of `recipe` into the new folder `out`; returns the folders that hold `series` and truth."""
    grid = scan_grid()
    first = _first_scene(recipe)
    visit = Visit(recipe.patient)
    if recipe.followup_days is None:
        _write_visit(out, first, grid, visit, {})
        return (out,)
    second = _second_scene(first, recipe)
    later_visit = Visit(recipe.patient, recipe.followup_days, "Simulated chest CT, follow-up")
    followup = {
        "prior_series_uid": visit.uid("series"),
        "interval_days": recipe.followup_days,
        "nodules": _fates(_truths(first), _truths(second), recipe.followup_days),
        "points": _landmarks(first, second),
    }
    _write_visit(out / "baseline", first, grid, visit, {})
    _write_visit(out / "followup", second, grid, later_visit, {"followup": followup})
    return out / "baseline", out / "followup"


def simulate_volume(recipe: StudyRecipe) -> Volume:
    """The first visit's image of `recipe` alone, without DICOM or truth."""
    grid = scan_grid()
    plain = noise_free(_first_scene(recipe), grid, _rng(recipe, 7))
    return Volume(with_noise(plain, _rng(recipe, 8)), grid, f"simulated-{recipe.seed}")


def _rng(recipe: StudyRecipe, purpose: int) -> np.random.Generator:
    """A generator of its own for every purpose, so that more nodules do not change the vessels."""
    return np.random.default_rng([recipe.seed, purpose])


def _first_scene(recipe: StudyRecipe) -> Scene:
    rng = _rng(recipe, 1)
    x, y, z = rng.uniform(0.92, 1.02, 3)
    domes = (float(rng.uniform(84, 98)), float(rng.uniform(70, 84)))
    build = Build((x, y, z), domes, float(rng.uniform(0.92, 1.06)))
    vessels, airways = _trees(build, _rng(recipe, 2))
    nodules = place_nodules(recipe.nodules, build, vessels, _rng(recipe, 3))
    plaques = place_plaques(build, _rng(recipe, 4)) if recipe.calcium else ()
    return Scene(build, Deformation(), vessels=vessels, airways=airways, nodules=nodules, plaques=plaques)


def _trees(build: Build, rng: np.random.Generator) -> tuple[list[Tree], list[Tree]]:
    """Arteries and veins, and bronchi, of both lungs."""
    vessels, airways = [], []
    scale = np.array(build.scale)
    for side, sign in (("right", -1), ("left", 1)):
        hilum = np.array(HILA_MM[side]) * scale
        ends = _lung_points(build, sign, rng)
        vessels.append(grow_tree(hilum + ARTERY_ROOT_MM, 6.8, ends[:ARTERY_ENDS], rng))
        vessels.append(grow_tree(hilum + VEIN_ROOT_MM, 6.0, ends[ARTERY_ENDS : ARTERY_ENDS + VEIN_ENDS], rng))
        airways.append(grow_tree(hilum, 5.4, ends[-BRONCHUS_ENDS:] * 0.75 + hilum * 0.25, rng))
    return vessels, airways


def _lung_points(build: Build, sign: int, rng: np.random.Generator) -> FloatArray:
    """Random points [n, 3] of one lung, at least 6 mm under the pleura."""
    scale = np.array(build.scale)
    points = rng.uniform((0, -85, 20), (130, 85, 268), (12000, 3)) * (sign, 1, 1) * scale
    inside: FloatArray = points[lung_field_at(points, build) < -6]
    return inside[: ARTERY_ENDS + VEIN_ENDS + BRONCHUS_ENDS]


def _second_scene(first: Scene, recipe: StudyRecipe) -> Scene:
    """The same chest later: deformed, each nodule with its fate, and one new nodule."""
    assert recipe.followup_days is not None
    deformation = random_deformation(_rng(recipe, 5))
    survivors = [_later(n, number, recipe.followup_days) for number, n in enumerate(first.nodules)]
    one_more = place_nodules(recipe.nodules + 1, first.build, first.vessels, _rng(recipe, 3))[-1:]
    present = [n for n in (*survivors, *one_more) if n is not None]

    def moved(points: FloatArray) -> FloatArray:
        return deformation.to_later(points)

    return Scene(
        build=first.build,
        deformation=deformation,
        vessels=[Tree(moved(t.starts), moved(t.ends), t.radii_mm) for t in first.vessels],
        airways=[Tree(moved(t.starts), moved(t.ends), t.radii_mm) for t in first.airways],
        nodules=tuple(n.moved_to(moved(n.centre[None])[0]) for n in present),
        plaques=tuple(_moved_plaque(p, moved(p.centre[None])[0]) for p in first.plaques),
    )


def _moved_plaque(plaque: Plaque, centre: FloatArray) -> Plaque:
    return Plaque(
        plaque.artery, centre, along=plaque.along, length_mm=plaque.length_mm, width_mm=plaque.width_mm, hu=plaque.hu
    )


def _status(number: int) -> str:
    return STATUSES[number % len(STATUSES)]


def _later(nodule: SyntheticNodule, number: int, days: int) -> SyntheticNodule | None:
    """The nodule after `days`, or None when it has resolved."""
    match _status(number):
        case "growing":
            most = max(2.0, (LARGEST_GROWN_MM / nodule.diameter_mm) ** 3)
            return nodule.grown(min(2 ** (days / GROWING_DOUBLING_DAYS), most))
        case "shrinking":
            least = min(0.5, (SMALLEST_SHRUNK_MM / nodule.diameter_mm) ** 3)
            return nodule.grown(max(0.5 ** (days / SHRINKING_HALVING_DAYS), least))
        case "resolved":
            return None
        case _:
            return nodule


def _truths(scene: Scene) -> dict[str, Truth]:
    truths = {}
    for nodule in scene.nodules:
        points = sample_points(nodule)
        in_lungs = lung_field_at(scene.deformation.earlier_points(points), scene.build)
        truths[nodule.name] = Truth(nodule, true_size(nodule, in_lungs, points))
    return truths


def _write_visit(folder: Path, scene: Scene, grid: Grid, visit: Visit, extra: dict[str, object]) -> None:
    """Writes series and truth of one visit; the noise differs between visits."""
    rng = np.random.default_rng([zlib.crc32(visit.patient.encode()), visit.days])
    plain = noise_free(scene, grid, rng)
    write_series(folder / "series", with_noise(plain, rng), grid, visit)
    document: dict[str, object] = {"nodules": [_nodule_document(truth) for truth in _truths(scene).values()]}
    if scene.plaques:
        document["calcium"] = {
            "agatston": agatston(plain, grid, scene.plaques),
            "lesions": [_plaque_document(plaque) for plaque in scene.plaques],
        }
    text = json.dumps(document | extra, indent=1) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8")


def _nodule_document(truth: Truth) -> dict[str, object]:
    return {
        "id": truth.nodule.name,
        "centre_lps_mm": list(truth.size.centre_lps_mm),
        "diameter_mm": truth.size.diameter_mm,
        "volume_mm3": truth.size.volume_mm3,
        "kind": truth.nodule.kind.value,
        "location": truth.nodule.location,
    }


def _plaque_document(plaque: Plaque) -> dict[str, object]:
    return {
        "artery": plaque.artery,
        "centre_lps_mm": [round(float(v), 2) for v in plaque.centre],
        "volume_mm3": round(math.pi / 6 * plaque.length_mm * plaque.width_mm**2, 1),
        "hu": round(plaque.hu, 1),
    }


def _fates(before: dict[str, Truth], after: dict[str, Truth], days: int) -> list[dict[str, object]]:
    """What became of each nodule, with its true change in volume."""
    fates: list[dict[str, object]] = []
    for number, name in enumerate(before):
        status = _status(number) if name in after else "resolved"
        fates.append({"id": name, "status": status} | _change(before[name].size, after.get(name), days))
    for name in after.keys() - before.keys():
        size = after[name].size
        fates.append({"id": name, "status": "new", "centre_lps_mm": list(size.centre_lps_mm)})
    return fates


def _change(prior: TrueSize, current: Truth | None, days: int) -> dict[str, object]:
    change: dict[str, object] = {
        "prior_centre_lps_mm": list(prior.centre_lps_mm),
        "prior_volume_mm3": prior.volume_mm3,
    }
    if current is None:
        return change
    ratio = current.size.volume_mm3 / prior.volume_mm3
    doubling = days * math.log(2) / math.log(ratio) if abs(ratio - 1) > 0.02 else None
    return change | {
        "centre_lps_mm": list(current.size.centre_lps_mm),
        "volume_mm3": current.size.volume_mm3,
        "volume_change_percent": round(100 * (ratio - 1), 1),
        "doubling_time_days": None if doubling is None else round(doubling, 1),
    }


def _landmarks(first: Scene, second: Scene) -> list[dict[str, list[float]]]:
    """Corresponding points of both visits: some ends of vessel branches."""
    pairs = []
    for before, after in zip(first.vessels, second.vessels, strict=True):
        for p, q in zip(before.ends[::40], after.ends[::40], strict=True):
            pairs.append({"prior": [round(float(v), 2) for v in p], "current": [round(float(v), 2) for v in q]})
    return pairs
