"""Scans with plaques placed in them: where real calcium would lie, and where its look-alikes do."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from cad.domain import Artery, BoolArray, Float32Array, FloatArray, Heart, Mask, NoduleMask, OtherCalcium, Volume
from cad.geometry import crop_grid, indices_of
from cad.policy import CalciumPolicy
from cad.science.calcium.candidates import Region, lesions_in, region_of, surroundings
from cad.science.calcium.scores import score_lesion
from models.calcium.atlas import Atlas, Valve, outline_depth
from models.calcium.classifier import Site
from models.calcium.features import Blood, Look, blood_of, looks_of
from models.calcium.heart import FittedHeart
from models.training.calcium.plaques import Plaque, blend_plaques

LESIONS = Path(__file__).parent / "lesions.toml"
LABEL_REACH_MM = 5.0
"""A labelled centre belongs to the region whose centre lies so near."""

ENHANCED_HU = 70.0
PLAIN_HU, STEEPNESS, MOST_OVER_HU = 45.0, 0.06, 12.0
"""Blood with contrast agent is pressed to this value, what differs to this part of the difference, at most so much."""

BLOOD_MARGIN_MM = 14.0
CROP_MM = 40.0
WALL_MM = 4.0
APART_MM = 9.0
COUNTS: Mapping[Site, int] = {
    Artery.LM: 1,
    Artery.LAD: 4,
    Artery.LCX: 4,
    Artery.RCA: 4,
    OtherCalcium.AORTA: 4,
    OtherCalcium.AORTIC_VALVE: 2,
    OtherCalcium.MITRAL_VALVE: 1,
    OtherCalcium.OTHER: 7,
}
MOTION_MM = {Artery.LM: 2.0, Artery.LAD: 4.0, Artery.LCX: 6.0, Artery.RCA: 8.0}
NODES = (
    ((-30.0, 8.0, 12.0), (8.0, 7.0, 14.0)),
    ((50.0, 16.0, 25.0), (8.0, 7.0, 12.0)),
    ((2.0, 15.0, 38.0), (9.0, 4.0, 7.0)),
    ((18.0, 2.0, 60.0), (4.0, 6.0, 5.0)),
    ((-20.0, -5.0, 66.0), (4.0, 7.0, 10.0)),
)
"""Where lymph nodes lie in the frame (hila, below the carina, beside aorta and trachea), and how far they spread."""


@dataclass(frozen=True, slots=True)
class LabelledLesion:
    """A real lesion by its centre, LPS mm; not `sure` where its place allows more than one reading."""

    at: tuple[float, float, float]
    site: Site
    sure: bool


@dataclass(frozen=True, slots=True, eq=False)
class HeartScan:
    """A scan on the slices that are scored, with its heart, the traced arteries (LPS mm) and its labelled lesions."""

    name: str
    volume: Volume
    heart: FittedHeart
    traces: Mapping[Artery, FloatArray]
    lesions: tuple[LabelledLesion, ...]
    region: Region | None = None
    """Where lesions are looked for, when it has been worked out before."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A region of 130 HU and more in a scene: its look, its site, and whether it was placed (else the scan's own).

    `plaque` is the number of the placed plaque; `agatston` what the region scores.
    """

    look: Look
    site: Site
    placed: bool
    plaque: int
    agatston: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One scan with plaques: the regions that were found, and the plaques, numbered from 1."""

    scan: str
    regions: tuple[Seen, ...]
    plaques: tuple[Plaque, ...]


def site_named(name: str) -> Site:
    """The artery or other site of this name."""
    return Artery(name) if name in list(Artery) else OtherCalcium(name)


def read_lesions() -> dict[str, tuple[LabelledLesion, ...]]:
    """The labelled lesions by scan."""
    drawn = tomllib.loads(LESIONS.read_text(encoding="utf-8"))
    return {name: tuple(_labelled(entry) for entry in part["lesion"]) for name, part in drawn.items()}


def _labelled(entry: Mapping[str, object]) -> LabelledLesion:
    at = np.asarray(entry["at"], dtype=np.float64)
    sure = bool(entry.get("sure", True))
    return LabelledLesion((float(at[0]), float(at[1]), float(at[2])), site_named(str(entry["site"])), sure)


def without_contrast(scan: HeartScan, rng: np.random.Generator) -> HeartScan:
    """The scan with its enhanced blood, and any calcium near it, pressed to plain blood with the scan's noise."""
    blood = blood_of(scan.volume, scan.heart)
    if blood.hu < ENHANCED_HU:
        return scan
    box = surroundings(scan.heart, BLOOD_MARGIN_MM)
    assert box is not None
    near = (scan.heart.heart.voxels | scan.heart.aorta.voxels)[box]
    away = ndimage.distance_transform_edt(~near, sampling=scan.volume.grid.spacing_kji_mm)
    hu = scan.volume.hu[box].astype(np.float32)
    over = np.maximum(hu - PLAIN_HU, 0)
    share = np.clip(over / 40.0, 0, 1)
    noise = noise_like(hu.shape, scan.volume, blood.noise_hu, rng)
    plain = np.minimum(hu, PLAIN_HU) + np.minimum(STEEPNESS * over, MOST_OVER_HU) + share * noise
    full = scan.volume.hu.copy()
    full[box] = np.where(away <= BLOOD_MARGIN_MM, np.rint(plain), hu).astype(np.int16)
    return replace(scan, volume=Volume(full, scan.volume.grid, scan.volume.frame_of_reference_uid), lesions=())


def noise_like(shape: tuple[int, ...], volume: Volume, spread_hu: float, rng: np.random.Generator) -> Float32Array:
    """Noise [k, j, i] of a spread, alike within a millimetre in plane and independent from slice to slice."""
    white = rng.normal(size=shape).astype(np.float32)
    soft = ndimage.gaussian_filter(white, (0, *(0.55 / s for s in volume.grid.spacing_kji_mm[1:])))
    return np.asarray(soft * (spread_hu / max(float(soft.std()), 1e-6)), dtype=np.float32)


def noisier(volume: Volume, heart: Heart, spread_hu: float, rng: np.random.Generator) -> Volume:
    """The volume with more noise about the heart."""
    box = surroundings(heart, BLOOD_MARGIN_MM)
    if box is None or spread_hu <= 0:
        return volume
    full = volume.hu.copy()
    part = full[box].astype(np.float32)
    full[box] = np.clip(np.rint(part + noise_like(part.shape, volume, spread_hu, rng)), -1024, 3071).astype(np.int16)
    return Volume(full, volume.grid, volume.frame_of_reference_uid)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """How plaques are placed and searched for.

    `traced`: how often a coronary plaque lies on the traced artery; else on the mean course or a branch.
    """

    atlas: Atlas
    policy: CalciumPolicy
    traced: float = 0.75


def scene(scan: HeartScan, rules: Rules, counts: Mapping[Site, int], rng: np.random.Generator) -> Scene:
    """The scan with as many plaques of each site, and what the search for lesions finds in it."""
    blood = blood_of(scan.volume, scan.heart)
    extra = float(rng.choice([0.0, 0.0, rng.uniform(0, 22)]))
    volume = noisier(scan.volume, scan.heart, extra, rng)
    plaques = tuple(_placed(scan, rules, counts, rng))
    volume, owner = blend_plaques(volume, plaques, float(rng.uniform(0.6, 1.0)))
    noise = Blood(blood.hu, blood_of(volume, scan.heart).noise_hu)
    found = [
        (lesion, score)
        for lesion in lesions_in(volume, _region(scan, rules.policy), rules.policy)
        if (score := score_lesion(volume, lesion, rules.policy)) is not None
    ]
    looks = looks_of(volume, noise, [lesion for lesion, _ in found])
    regions = [
        _named(scan, (lesion, look, score.agatston), owner, plaques)
        for (lesion, score), look in zip(found, looks, strict=True)
    ]
    return Scene(scan.name, tuple(region for region in regions if region is not None), plaques)


def _region(scan: HeartScan, policy: CalciumPolicy) -> Region:
    region = scan.region or region_of(scan.heart, policy)
    assert region is not None, f"the heart of {scan.name} is empty"
    return region


def _named(
    scan: HeartScan, region: tuple[NoduleMask, Look, float], owner: Float32Array, plaques: Sequence[Plaque]
) -> Seen | None:
    """The region with its site; None where the scan's own label is not sure."""
    lesion, look, agatston = region
    own = owner[lesion.slices][lesion.voxels].astype(int)
    counts = np.bincount(own, minlength=len(plaques) + 1)
    number = 1 + int(counts[1:].argmax()) if len(plaques) else 0
    if number and counts[number] >= 0.3 * len(own):
        return Seen(look, plaques[number - 1].site, True, number, agatston)
    nearest = min(scan.lesions, key=lambda known: np.linalg.norm(look.centre - known.at), default=None)
    if nearest is not None and np.linalg.norm(look.centre - nearest.at) <= LABEL_REACH_MM:
        return Seen(look, nearest.site, False, 0, agatston) if nearest.sure else None
    wall = np.linalg.norm(scan.heart.axis[:, :3] - look.centre, axis=1) - scan.heart.axis[:, 3]
    site = OtherCalcium.AORTA if abs(float(wall.min())) < WALL_MM else OtherCalcium.OTHER
    return Seen(look, site, False, 0, agatston)


def _placed(scan: HeartScan, rules: Rules, counts: Mapping[Site, int], rng: np.random.Generator) -> Iterator[Plaque]:
    """Plaques that lie apart from each other and in tissue."""
    taken: list[FloatArray] = []
    for site, count in counts.items():
        for _ in range(int(rng.poisson(count)) if count > 1 else count):
            for _ in range(8):
                plaque = _drawn(site, scan, rules, rng)
                apart = all(np.linalg.norm(plaque.centre - other) > APART_MM for other in taken)
                if apart and _in_tissue(scan.volume, plaque.centre):
                    taken.append(plaque.centre)
                    yield plaque
                    break


def _in_tissue(volume: Volume, centre: FloatArray) -> bool:
    k, j, i = np.rint(indices_of(volume.grid, centre[None])[0]).astype(int)
    inside = all(2 < n < size - 3 for n, size in zip((k, j, i), volume.grid.shape, strict=True))
    return inside and float(volume.hu[k, j - 2 : j + 3, i - 2 : i + 3].mean()) > -200


def _drawn(site: Site, scan: HeartScan, rules: Rules, rng: np.random.Generator) -> Plaque:
    if isinstance(site, Artery):
        return _coronary(site, scan, rules, rng)
    if site is OtherCalcium.AORTA:
        return _of_the_wall(scan.heart.axis, rng)
    if site is OtherCalcium.OTHER:
        return _elsewhere(scan, rules.atlas, rng)
    (valve,) = (v for v in rules.atlas.drawings.valves if v.site is site)
    return _of_a_valve(valve, scan, rng)


def density_hu(rng: np.random.Generator) -> float:
    """Attenuation of a plaque before it is blurred."""
    return float(np.exp(rng.uniform(np.log(230), np.log(1500))))


def _coronary(site: Artery, scan: HeartScan, rules: Rules, rng: np.random.Generator) -> Plaque:
    if rng.random() < rules.traced:
        line, jitter_mm = scan.traces[site], 1.8
    else:
        atlas = rules.atlas
        lines = [dict(atlas.courses)[site], *(p for a, p in atlas.drawings.branches if a is site)]
        line, jitter_mm = _to_patient(scan.heart, lines[int(rng.integers(len(lines)))]), 3.5
    at = int((len(line) - 3) * rng.random() ** 1.2) + 1
    along = _unit(line[at + 1] - line[at - 1])
    choices = [line[at] + rng.normal(0, jitter_mm, 3) for _ in range(4)]
    centre = max(choices, key=lambda place: _fat(scan.volume, place)) if rng.random() < 0.6 else choices[0]
    thick = rng.uniform(0.6, 1.9, 2) if rng.random() < 0.7 else rng.uniform(1.5, 3.2, 2)
    radii = np.array([np.exp(rng.uniform(np.log(0.7), np.log(9))), *thick])
    way = rng.normal(size=3) * np.array([1, 1, 0.3])
    reach = MOTION_MM[site] * rng.random() if rng.random() < 0.6 else 0.0
    return Plaque(
        site, centre, axes=_axes(along, rng), radii_mm=radii, hu=density_hu(rng), motion_mm=_unit(way) * reach
    )


def _fat(volume: Volume, centre: FloatArray) -> float:
    """How much of the surroundings is fat, lung counting against it."""
    k, j, i = np.rint(indices_of(volume.grid, centre[None])[0]).astype(int)
    part = volume.hu[max(k, 0) : k + 1, max(j - 4, 0) : j + 5, max(i - 4, 0) : i + 5]
    return float(np.mean((part > -150) & (part < -10)) - 2 * np.mean(part < -300)) if part.size else -9.0


def _of_the_wall(axis: FloatArray, rng: np.random.Generator) -> Plaque:
    at = int(rng.integers(6, len(axis) - 2))
    along = _unit(axis[at + 1, :3] - axis[at - 1, :3])
    axes = _axes(along, rng)
    outward = axes[2]
    centre = axis[at, :3] + outward * (axis[at, 3] + rng.normal(0, 0.8))
    radii = np.array([np.exp(rng.uniform(0, np.log(8))), np.exp(rng.uniform(0, np.log(6))), rng.uniform(0.6, 1.5)])
    return Plaque(OtherCalcium.AORTA, centre, axes=axes, radii_mm=radii, hu=density_hu(rng), motion_mm=np.zeros(3))


def _of_a_valve(valve: Valve, scan: HeartScan, rng: np.random.Generator) -> Plaque:
    axes = _axes(valve.normal, rng)
    is_ring = valve.site is OtherCalcium.MITRAL_VALVE
    out = rng.uniform(0.55, 0.95) if is_ring else 0.9 * np.sqrt(rng.random())
    place = valve.centre + axes[1] * valve.radius_mm * out + rng.normal(0, 2.5, 3)
    centre = _to_patient(scan.heart, place[None])[0]
    radii = np.exp(rng.uniform(np.log(0.8), np.log(6 if is_ring else 4), 3))
    motion = _unit(rng.normal(size=3)) * rng.uniform(0, 5)
    return Plaque(valve.site, centre, axes=axes[[2, 1, 0]], radii_mm=radii, hu=density_hu(rng), motion_mm=motion)


def _elsewhere(scan: HeartScan, atlas: Atlas, rng: np.random.Generator) -> Plaque:
    """A lymph node, cartilage of the chest wall, a fleck of the pericardium, or something in the muscle."""
    kind = rng.random()
    if kind < 0.35:
        centre, spread = NODES[int(rng.integers(len(NODES)))]
        place = np.array(centre) + rng.normal(size=3) * np.array(spread)
    else:
        depth = outline_depth(atlas.drawings, scan.heart.map.frame).reshape(-1)
        ranges = ((0.7, -25.0, -9.0), (0.9, -6.0, 0.0), (1.0, 14.0, 99.0))
        low, high = next((a, b) for up_to, a, b in ranges if kind <= up_to)
        wanted = (depth > low) & (depth < high)
        place = _away_from_arteries(scan, atlas, wanted, rng)
    radii = np.exp(rng.uniform(np.log(0.7), np.log(6), 3))
    at = _to_patient(scan.heart, place[None])[0]
    return Plaque(
        OtherCalcium.OTHER,
        at,
        axes=_axes(_unit(rng.normal(size=3)), rng),
        radii_mm=radii,
        hu=density_hu(rng),
        motion_mm=np.zeros(3),
    )


def _away_from_arteries(scan: HeartScan, atlas: Atlas, wanted: BoolArray, rng: np.random.Generator) -> FloatArray:
    places = scan.heart.map.frame.places()[torch.from_numpy(wanted)].double().numpy()
    lines = np.concatenate([*(c for _, c in atlas.courses), *(b for _, b in atlas.drawings.branches)])
    for _ in range(20):
        place: FloatArray = places[int(rng.integers(len(places)))]
        if np.linalg.norm(lines - place, axis=1).min() > 15:
            break
    return place


def _to_patient(heart: FittedHeart, places: FloatArray) -> FloatArray:
    moved: FloatArray = heart.map.to_patient(torch.tensor(places, dtype=torch.float32)).double().numpy()
    return moved


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length) if length > 0 else np.array([0.0, 0.0, 1.0])


def _axes(first: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A right-angled frame [3, 3] whose first row is given, turned at random about it."""
    second = _unit(np.cross(first, _unit(rng.normal(size=3))))
    return np.stack([first, second, np.cross(first, second)])


def crop(scan: HeartScan, margin_mm: float = CROP_MM) -> HeartScan:
    """The scan without what lies farther from heart and aorta, which nothing here looks at."""
    box = surroundings(scan.heart, margin_mm)
    assert box is not None
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start)
    grid = crop_grid(scan.volume.grid, (box[0].start, box[1].start, box[2].start), shape)
    heart, aorta, blood = (
        Mask(np.ascontiguousarray(mask.voxels[box]), grid)
        for mask in (scan.heart.heart, scan.heart.aorta, scan.heart.blood)
    )
    volume = Volume(np.ascontiguousarray(scan.volume.hu[box]), grid, scan.volume.frame_of_reference_uid)
    return replace(scan, volume=volume, heart=replace(scan.heart, heart=heart, aorta=aorta, blood=blood), region=None)
