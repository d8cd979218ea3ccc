"""One scan and the marks on it → measured and described nodules: the stages that every examination goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cad.domain import (
    AxisLengths,
    Candidate,
    Composition,
    Imaging,
    LungMask,
    Marks,
    Networks,
    Nodule,
    NoduleReading,
    NoduleSize,
    Side,
    Volume,
)
from cad.policy import NodulePolicy, OpacityPolicy, Policy
from cad.science.lobes.location import find_borders, locate
from cad.science.lungs.opacities import Opacity, holding, opacities_of, outline_at, with_masses
from cad.science.nodules import characterise
from cad.science.nodules.attributes import Imaged, attributes_of, calcium_hu
from cad.science.nodules.candidates import select_candidates
from cad.science.nodules.softening import softened
from cad.science.nodules.window import widths_of


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One scan in which nodules are measured.

    `identity_seed` makes their tracking UIDs deterministic: the series UID. `contrast` says whether the patient was
    given contrast agent, None when that is not known. `opacities` are what is dense in the lungs and larger than a
    nodule. `soft` is the scan as a soft kernel would show it, on which calcium is judged; None when its own is soft.
    """

    volume: Volume
    lungs: LungMask
    identity_seed: str
    contrast: bool | None = None
    opacities: tuple[Opacity, ...] = ()
    soft: Volume | None = None


def imaging_of(scene: Scene, policy: NodulePolicy) -> Imaging:
    """How a scan was made, as far as volumes depend on it."""
    across_mm, row_mm, column_mm = widths_of(scene.volume, policy)
    lung_ml = sum(scene.lungs.volume_ml(side) for side in Side)
    return Imaging(across_mm, max(row_mm, column_mm), scene.soft is not None, lung_ml)


def soft_copy(volume: Volume, policy: Policy) -> Volume | None:
    """The scan as a soft kernel would show it; None when its own is soft."""
    soft = softened(volume, policy.kernels)
    return None if soft is volume else soft


def look_for_masses(
    volume: Volume, lungs: LungMask, networks: Networks, policy: OpacityPolicy
) -> tuple[LungMask, tuple[Opacity, ...]]:
    """The lungs with the masses that lie in them or on their border, and what is dense in them."""
    seen = () if networks.masses is None else networks.masses(volume, lungs)
    whole = holding(lungs, seen)
    return whole, opacities_of(volume, whole, policy, seen)


@dataclass(frozen=True, slots=True)
class Detected:
    """Candidates by their score, best first: those to report, and fainter ones that only a second look considers."""

    sure: tuple[Candidate, ...]
    faint: tuple[Candidate, ...] = ()


def detect(scene: Scene, networks: Networks, min_score: float, policy: Policy, *, faint: bool = False) -> Detected:
    """The candidates of a scan from `min_score` on; with `faint` also those that a second look considers.

    The sure ones are the same with and without the faint ones, as better marks suppress fainter ones and never the
    other way round.
    """
    least = min(min_score, policy.followup.again_min_score) if faint else min_score
    marks = networks.detector(scene.volume, scene.lungs, least)
    candidates = with_masses(
        select_candidates(marks, scene.lungs, policy.candidates), scene.opacities, policy.opacities
    )
    return Detected(
        sure=tuple(candidate for candidate in candidates if candidate.score >= min_score),
        faint=tuple(candidate for candidate in candidates if candidate.score < min_score),
    )


def measure(scene: Scene, candidates: tuple[Candidate, ...], networks: Networks, policy: Policy) -> tuple[Nodule, ...]:
    """The nodules at these candidates, in their order, without places and signs."""
    return _characterised(scene, marks_read(scene, candidates, networks), policy)


def measure_apart(
    scene: Scene, candidates: tuple[Candidate, ...], networks: Networks, policy: Policy
) -> tuple[Nodule, ...]:
    """One nodule at each candidate, also where two of them are the same lesion, without places and signs."""
    pairs = marks_read(scene, candidates, networks).pairs()
    return tuple(_characterised(scene, Marks((mark,), (reading,)), policy)[0] for mark, reading in pairs)


def measure_as(scene: Scene, candidate: Candidate, outline: NoduleReading | None, policy: Policy) -> Nodule:
    """The nodule at a candidate by this outline, however sure it is, or without one by the attenuation alone."""
    sure = None if outline is None else replace(outline, certainty=1.0)
    return _characterised(scene, Marks((candidate,), (sure,)), policy)[0]


def marks_read(scene: Scene, candidates: tuple[Candidate, ...], networks: Networks) -> Marks:
    """The candidates with what the networks see at each, where there are such networks."""
    outlines = [outline_at(candidate, scene.opacities) for candidate in candidates]
    if networks.reader is not None:
        read = networks.reader(scene.volume, scene.lungs, candidates)
        outlines = [
            reading if outline is None else replace(outline, ratings=reading.ratings)
            for outline, reading in zip(outlines, read, strict=True)
        ]
    return Marks(candidates, tuple(outlines) if any(outline is not None for outline in outlines) else ())


def _characterised(scene: Scene, marks: Marks, policy: Policy) -> tuple[Nodule, ...]:
    nodules = replace(policy.nodules, calcified_from_hu=calcium_hu(scene.contrast, policy.attributes))
    found = characterise(scene.volume, scene.lungs, marks, nodules, scene.identity_seed)
    if scene.soft is None or all(n.composition is not Composition.CALCIFIED for n in found):
        return found
    soft = characterise(scene.soft, scene.lungs, marks, nodules, scene.identity_seed)
    by_mark = {n.tracking_uid: n.composition for n in soft}
    return tuple(
        replace(n, composition=by_mark.get(n.tracking_uid, n.composition))
        if n.composition is Composition.CALCIFIED
        else n
        for n in found
    )


def describe(scene: Scene, nodules: tuple[Nodule, ...], policy: Policy) -> tuple[Nodule, ...]:
    """The measured nodules with their places and signs."""
    if not nodules:
        return ()
    imaged = Imaged(scene.volume, scene.contrast, widths_of(scene.volume, policy.nodules), scene.soft)
    borders = find_borders(scene.volume, scene.lungs, policy.lobes)
    located = (replace(n, location=locate(n.mask, n.side, borders, policy.lobes)) for n in nodules)
    return tuple(replace(n, attributes=attributes_of(imaged, n, n.location, policy.attributes)) for n in located)


def nodule_size(nodule: Nodule) -> NoduleSize:
    """Composition and size of a nodule as guidelines compare them."""
    solid = None if nodule.measures is None else nodule.measures.solid
    if solid is None:
        return NoduleSize(nodule.composition, axes_of(nodule), nodule.volume_mm3)
    axes = AxisLengths(solid.diameters.long_axis_mm, solid.diameters.short_axis_mm)
    return NoduleSize(nodule.composition, axes_of(nodule), nodule.volume_mm3, axes, solid.volume_mm3)


def axes_of(nodule: Nodule) -> AxisLengths:
    """The lengths of the nodule's axes."""
    return AxisLengths(nodule.diameters.long_axis_mm, nodule.diameters.short_axis_mm)
