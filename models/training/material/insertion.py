"""Nodules put into a left-out scan for measurement: balanced over size, composition and location.

Arrays are [k, j, i] on the 1 mm working grid, k towards the head. The places are found here and not taken from
training, so that a kind of place that training forgets is still measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cad.domain import BoolArray, Composition, Float32Array, FloatArray, Int16Array, PointLps, UInt8Array
from cad.qa.froc import Reference
from models.training.detector.patches import Background, Lesion
from models.training.material.blend import (
    RenderedNodule,
    blend,
    centre_of_mass,
    contrast_hu,
    draw_shape,
    is_visible,
    overlap,
    render,
)
from models.training.material.shapes import NoduleShape
from models.training.material.transplants import Transplant, draw_transplant, implant

SIZES_MM: Mapping[str, tuple[float, float]] = {
    "4-6 mm": (4.0, 6.0),
    "6-10 mm": (6.0, 10.0),
    "10-20 mm": (10.0, 20.0),
    "20-30 mm": (20.0, 30.0),
}
KINDS = (
    *[Composition.SOLID] * 3,
    *[Composition.PART_SOLID] * 3,
    *[Composition.GROUND_GLASS] * 3,
    Composition.CALCIFIED,
)
"""One nodule in ten is calcified, the others are equally solid, part-solid and ground-glass."""

UNLABELLED = "unlabelled"
"""Kind of a place that looks like a nodule and that nobody labelled."""

LOCATIONS = ("parenchyma", "juxtapleural", "juxtavascular", "apical", "basal", "perihilar")
PLACES = 40_000
TRIES = 25
SOLID_TEXTURE, GROUND_GLASS_TEXTURE = 4.5, 2.0
"""Ratings from which on a nodule is solid, and up to which it is ground-glass; part-solid lies between."""
LEAST_IN_VIEW = 0.7
"""Part of a whole nodule that lies in the image, at least."""
GAP_MM = 5.0
"""Least distance between the surfaces of two nodules."""

VESSEL_HU, VESSEL_DEPTH_MM = -500, 4.0
APEX_SHARE, BASE_DEPTH_MM = 0.15, 18.0
HILUM_REACH_MM = (50.0, 45.0, 72.0)
"""Semi-axes (k, j, i) about the middle of both lungs within which lung is perihilar."""


def size_of(diameter_mm: float) -> str:
    """The name of the diameter's size; smaller and larger ones belong to the first and the last."""
    names = list(SIZES_MM)
    return next((name for name in names if diameter_mm < SIZES_MM[name][1]), names[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Voxels of the lungs [n, 3] and what surrounds each.

    `depth_mm` is the distance to the nearest voxel that is not lung, `vessel_mm` to the nearest vessel (infinite
    without vessels), `edge_mm` to the nearest edge of the array. An edge is where the image ends, not the lung.
    """

    voxels: Int16Array
    depth_mm: FloatArray
    vessel_mm: FloatArray
    edge_mm: FloatArray
    apical: BoolArray
    basal: BoolArray
    perihilar: BoolArray


def places_of(hu: Int16Array, lungs: UInt8Array, seed: int) -> Places:
    """Up to 40,000 random voxels of the lungs in `hu` [k, j, i] and their surroundings; `lungs` is 0 outside."""
    inside = lungs > 0
    flat = np.flatnonzero(inside)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(flat, min(PLACES, len(flat)), replace=False)
    voxels: Int16Array = np.stack(np.unravel_index(drawn, inside.shape), axis=1).astype(np.int16)
    border = cKDTree(np.argwhere(_shell(inside)))
    vessels = np.argwhere(inside & (hu > VESSEL_HU))
    deep = border.query(vessels)[0] > VESSEL_DEPTH_MM if len(vessels) else np.zeros(0, dtype=bool)
    lengths = np.array(inside.shape)
    return Places(
        voxels,
        border.query(voxels)[0],
        vessel_mm=cKDTree(vessels[deep]).query(voxels)[0] if deep.any() else np.full(len(voxels), np.inf),
        edge_mm=np.minimum(voxels, lengths - 1 - voxels).min(axis=1).astype(float),
        apical=_apical(voxels, inside),
        basal=_basal(voxels, inside),
        perihilar=_perihilar(voxels, inside),
    )


def _shell(inside: BoolArray) -> BoolArray:
    """Voxels outside that share a face with one inside."""
    shell = np.zeros_like(inside)
    for axis in range(3):
        moved, still = np.moveaxis(shell, axis, 0), np.moveaxis(inside, axis, 0)
        moved[1:] |= still[:-1]
        moved[:-1] |= still[1:]
    return np.asarray(shell & ~inside)


def _apical(voxels: Int16Array, inside: BoolArray) -> BoolArray:
    """In the top 15 % of the lungs' height; nowhere when the image ends below the apex."""
    heights = np.flatnonzero(inside.any(axis=(1, 2)))
    if heights[-1] == inside.shape[0] - 1:
        return np.zeros(len(voxels), dtype=bool)
    return np.asarray(voxels[:, 0] >= heights[-1] - APEX_SHARE * len(heights))


def _basal(voxels: Int16Array, inside: BoolArray) -> BoolArray:
    """Within 18 mm above the lowest lung of its column, unless the image ends there."""
    lowest = np.argmax(inside, axis=0)[voxels[:, 1], voxels[:, 2]]
    return np.asarray((lowest > 0) & (voxels[:, 0] - lowest < BASE_DEPTH_MM))


def _perihilar(voxels: Int16Array, inside: BoolArray) -> BoolArray:
    """In an ellipsoid about the middle of the lungs in view."""
    middle = [np.average(np.arange(n), weights=inside.sum(axis=_others(axis))) for axis, n in enumerate(inside.shape)]
    return np.asarray((((voxels - middle) / HILUM_REACH_MM) ** 2).sum(axis=1) < 1)


def _others(axis: int) -> tuple[int, ...]:
    return tuple(a for a in range(3) if a != axis)


def suitable(places: Places, location: str, radius_mm: float) -> BoolArray:
    """Which places [n] lie in the location for a nodule of the radius.

    Juxtapleural: the centre within a radius of the lungs' border. Juxtavascular: a vessel begins between half a
    radius and one radius from the centre, deeper than the nodule reaches. Parenchyma: touches neither, and, beyond a
    radius of 5 mm where every place has vessels, not the border. The nodule never leaves the image.
    """
    depth, vessel = places.depth_mm, places.vessel_mm
    inner = depth > 0.5 * radius_mm
    chosen = {
        "parenchyma": (depth > radius_mm + 1) & ((vessel > radius_mm) | (radius_mm > 5)),
        "juxtapleural": depth <= radius_mm,
        "juxtavascular": (depth > radius_mm) & (vessel >= 0.5 * radius_mm) & (vessel <= radius_mm),
        "apical": places.apical & inner,
        "basal": places.basal & inner,
        "perihilar": places.perihilar & inner,
    }[location]
    return np.asarray(chosen & (places.edge_mm > radius_mm))


@dataclass(frozen=True, slots=True)
class Wish:
    """What an inserted nodule should be: name of its size, composition and location."""

    size: str
    kind: Composition
    location: str


def wishes(seed: int) -> Iterator[Wish]:
    """Endless wishes; each factor alone is dealt from a shuffled deck, so that its values come equally often."""
    streams = np.random.default_rng(seed).spawn(3)
    decks = [_dealt(len(deck), rng) for deck, rng in zip((SIZES_MM, KINDS, LOCATIONS), streams, strict=True)]
    sizes = list(SIZES_MM)
    for size, kind, location in zip(*decks, strict=True):
        yield Wish(sizes[size], KINDS[kind], LOCATIONS[location])


def _dealt(cards: int, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (int(n) for n in rng.permutation(cards))


@dataclass(frozen=True, slots=True)
class Inserted:
    """A nodule that was put in, by how much its core stands out, and its kind where it is another than was wished."""

    lesion: Lesion
    contrast_hu: float
    kind: Composition | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """A scan with inserted nodules; the references of real lesions are `ignore`; wishes that found no place."""

    hu: Int16Array
    references: tuple[Reference, ...]
    dropped: tuple[Wish, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where in a background [k, j, i] a nodule of a diameter is wanted, and of what kind."""

    background: Background
    voxel: FloatArray
    diameter_mm: float
    wish: Wish


Planter = Callable[[Float32Array, Site, np.random.Generator], Inserted | None]
"""Puts a nodule into HU [k, j, i] in place; None, with the array as it was, when none fits or none can be seen."""


def fill(
    background: Background,
    places: Places,
    plant: Planter,
    wanted: Sequence[Wish],
    rng: np.random.Generator,
) -> Filled:
    """The background with the wanted nodules, which touch neither each other nor real or unsure lesions."""
    hu = background.hu.astype(np.float32)
    taken = [*background.lesions, *background.untaught]
    references = [real_reference(lesion, "real", ignore=True) for lesion in (*background.lesions, *background.unsure)]
    references += [real_reference(lesion, UNLABELLED, ignore=True) for lesion in background.unlabelled]
    dropped = []
    for wish in wanted:
        added = _inserted(hu, (background, places, taken), plant, wish, rng)
        if added is None:
            dropped.append(wish)
            continue
        taken.append(added.lesion)
        references.append(_reference(added, wish))
    return Filled(hu.round().clip(-1024, 3071).astype(np.int16), tuple(references), tuple(dropped))


def _reference(added: Inserted, wish: Wish) -> Reference:
    k, j, i = added.lesion.centre
    facts = ((added.kind or wish.kind).value, wish.location, round(added.contrast_hu, 1))
    return Reference(PointLps(i, j, k), added.lesion.diameter_mm, False, *facts)


def real_reference(lesion: Lesion, kind: str, *, ignore: bool) -> Reference:
    """The reference of a lesion that was in the scan: "real", "unsure" when too few readers saw it, or unlabelled."""
    k, j, i = lesion.centre
    return Reference(PointLps(i, j, k), lesion.diameter_mm, ignore, kind)


def _inserted(
    hu: Float32Array,
    scene: tuple[Background, Places, Sequence[Lesion]],
    plant: Planter,
    wish: Wish,
    rng: np.random.Generator,
) -> Inserted | None:
    """The nodule put into `hu`, or None, with `hu` as it was, when no try gave one that is visible."""
    background, places, taken = scene
    low, high = SIZES_MM[wish.size]
    for _ in range(TRIES):
        diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        fit = np.flatnonzero(suitable(places, wish.location, diameter / 2))
        if not len(fit):
            continue
        site = places.voxels[fit[rng.integers(len(fit))]].astype(float)
        if any(_touch(site, diameter, other) for other in taken):
            continue
        inserted = plant(hu, Site(background, site, diameter, wish), rng)
        if inserted is not None:
            return inserted
    return None


def planted_shapes(shapes: Sequence[NoduleShape]) -> Planter:
    """Puts outlines of real nodules, filled with made-up tissue."""

    def plant(hu: Float32Array, site: Site, rng: np.random.Generator) -> Inserted | None:
        low, high = SIZES_MM[site.wish.size]
        optics = site.background.optics
        nodule = render(draw_shape(shapes, site.diameter_mm, rng), site.wish.kind, site.diameter_mm, optics, rng)
        if not low <= nodule.diameter_mm < high or _is_cut(nodule):
            return None
        return _blended(hu, nodule, site.voxel, site.background, rng)

    return plant


def planted_wholes(transplants: Sequence[Transplant]) -> Planter:
    """Puts whole real nodules with their surroundings; a solid one stands in for a calcified one, which none is."""

    def plant(hu: Float32Array, site: Site, rng: np.random.Generator) -> Inserted | None:
        low, high = SIZES_MM[site.wish.size]
        alike = [one for one in transplants if kind_of(one) is whole_kind(site.wish) and low <= one.diameter_mm < high]
        one = draw_transplant(alike, site.diameter_mm, site.wish.location == "juxtapleural", rng)
        return None if one is None else _implanted(hu, one, site.voxel)

    return plant


def whole_kind(wish: Wish) -> Composition:
    """The kind of whole nodule that a wish gets."""
    return Composition.SOLID if wish.kind is Composition.CALCIFIED else wish.kind


def kind_of(one: Transplant) -> Composition:
    """By the readers' mean rating of texture, 1 ground-glass .. 5 solid."""
    if one.texture >= SOLID_TEXTURE:
        return Composition.SOLID
    return Composition.PART_SOLID if one.texture > GROUND_GLASS_TEXTURE else Composition.GROUND_GLASS


def _implanted(hu: Float32Array, one: Transplant, site: FloatArray) -> Inserted | None:
    """Implant the nodule with its centre of mass near `site`; None, with `hu` as it was, when it cannot be seen."""
    mass = centre_of_mass(one.solid)
    k, j, i = (int(v) for v in np.rint(site - mass))
    there, here = overlap(hu.shape, (k, j, i), one.solid.shape)
    solid, before = one.solid[here], hu[there].copy()
    implant(hu, one, (k, j, i))
    if solid.sum() < LEAST_IN_VIEW * one.solid.sum() or not is_visible(before, hu[there], solid):
        hu[there] = before
        return None
    centre = (float(k + mass[0]), float(j + mass[1]), float(i + mass[2]))
    return Inserted(Lesion(centre, one.diameter_mm), contrast_hu(before, hu[there], solid), kind_of(one))


def _touch(site: FloatArray, diameter_mm: float, other: Lesion) -> bool:
    return bool(np.linalg.norm(site - other.centre) < (diameter_mm + other.diameter_mm) / 2 + GAP_MM)


def _is_cut(nodule: RenderedNodule) -> bool:
    """Whether the cube that holds the nodule cuts it."""
    return any(float(np.take(nodule.opacity, end, axis=axis).max()) > 0.3 for axis in range(3) for end in (0, -1))


def _blended(
    hu: Float32Array, nodule: RenderedNodule, site: FloatArray, background: Background, rng: np.random.Generator
) -> Inserted | None:
    """Blend the nodule with its centre of mass near `site`; None, with `hu` as it was, when it cannot be seen."""
    mass = centre_of_mass(nodule.opacity)
    k, j, i = (int(v) for v in np.rint(site - mass))
    there, here = overlap(hu.shape, (k, j, i), nodule.opacity.shape)
    before = hu[there].copy()
    blend(hu, nodule, (k, j, i), background.optics, rng)
    if not is_visible(before, hu[there], nodule.opacity[here]):
        hu[there] = before
        return None
    centre = (float(k + mass[0]), float(j + mass[1]), float(i + mass[2]))
    return Inserted(Lesion(centre, nodule.diameter_mm), contrast_hu(before, hu[there], nodule.opacity[here]))
