"""One earlier scan → its lungs, its nodules, and where they lie in the current scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cad.domain import (
    Candidate,
    Caution,
    ComparedExam,
    Delineation,
    FloatArray,
    LungTransform,
    Networks,
    Nodule,
    PointLps,
    PriorNodule,
    PriorScan,
    PriorSource,
    Registrar,
    RegistrationQuality,
    Volume,
)
from cad.errors import Refusal
from cad.exam.nodules import Scene, describe, detect, look_for_masses, measure, nodule_size, soft_copy
from cad.geometry import indices_of
from cad.policy import FollowUpPolicy, Policy
from cad.science.lungs import segment_lungs
from cad.science.sampling import measured_grid

AFFINE = "affine"
"""`RegistrationQuality.method` of a registration without a trusted deformation."""

PADDING_HU = -1024
"""The lowest value of 12-bit CT, which also stands for pixels outside the scanner's field."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a comparison works with. `min_score` is the threshold of the marks; `clock` gives seconds."""

    networks: Networks
    policy: Policy
    min_score: float
    clock: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """An earlier examination with its nodules, and the `places` of these in the current scan.

    `faint` marks did not become nodules; None when the detector did not run on the scan. `delineations`
    says by tracking UID how the border of a nodule that was measured now was found; `again` are the tracking UIDs of
    nodules found only when they were searched for.
    """

    exam: ComparedExam
    scene: Scene
    nodules: tuple[PriorNodule, ...]
    places: tuple[PointLps, ...]
    faint: tuple[Candidate, ...] | None = None
    delineations: Mapping[str, Delineation] = field(default_factory=dict)
    again: frozenset[str] = field(default_factory=frozenset)


def examine(scan: PriorScan, current: Scene, tools: Tools) -> Examined | Caution:
    """The earlier examination measured and registered, or why it cannot be compared."""
    registrar = tools.networks.registrar
    if registrar is None:
        return Caution("registration-not-available", "Earlier examinations were not compared: nothing registers scans.")
    volume = measured_grid(scan.volume, tools.policy.sampling).volume
    try:
        lungs = segment_lungs(volume, tools.policy.lungs, tools.networks.lungs).lungs
    except Refusal as refusal:
        return Caution("prior-unsuitable", f"The examination of {scan.acquired} was not compared: {refusal.text}.")
    lungs, opacities = look_for_masses(volume, lungs, tools.networks, tools.policy.opacities)
    soft = soft_copy(volume, tools.policy)
    scene = Scene(volume, lungs, scan.series.series_uid, scan.series.contrast, opacities=opacities, soft=soft)
    transform, seconds = _registered(current, scene, registrar, tools)
    doubt = _doubt(transform.quality, tools.policy.followup)
    if doubt is not None:
        text = f"The examination of {scan.acquired} was not compared: {doubt}."
        return Caution("prior-not-registered", text)
    if scan.nodules is not None:
        exam = ComparedExam(scan, PriorSource.REPORT, transform, seconds)
        return Examined(exam, scene, scan.nodules, places_in_current(transform, [n.centre for n in scan.nodules]))
    return _analysed(ComparedExam(scan, PriorSource.ANALYSED, transform, seconds), scene, tools)


def prior_nodule(nodule: Nodule) -> PriorNodule:
    """A nodule measured on an earlier scan as comparison knows it."""
    return PriorNodule(
        tracking_uid=nodule.tracking_uid,
        label=nodule.label,
        centre=nodule.centre,
        size=nodule_size(nodule),
        volume_mm3=nodule.volume_mm3,
        mass_mg=nodule.mass_mg,
        side=nodule.side,
        lobe=None if nodule.location is None else nodule.location.lobe,
        volume_interval_mm3=None if nodule.measures is None else nodule.measures.volume_interval_mm3,
    )


def places_in_current(transform: LungTransform, positions: Sequence[PointLps]) -> tuple[PointLps, ...]:
    """Where positions of the earlier scan lie in the current one."""
    return _mapped(transform.to_fixed, positions)


def places_in_prior(transform: LungTransform, positions: Sequence[PointLps]) -> tuple[PointLps, ...]:
    """Where positions of the current scan lie in the earlier one."""
    return _mapped(transform.to_moving, positions)


def is_in_view(volume: Volume, place: PointLps, radius_mm: float) -> bool:
    """Whether the images show the whole ball about a place: within the grid, and not all of it padding."""
    steps = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)]) * radius_mm
    indices = np.rint(indices_of(volume.grid, place.as_array() + steps)).astype(int)
    if (indices < 0).any() or (indices >= volume.grid.shape).any():
        return False
    return bool((volume.hu[tuple(indices.T)] > PADDING_HU).any())


def _mapped(map_: Callable[[FloatArray], FloatArray], positions: Sequence[PointLps]) -> tuple[PointLps, ...]:
    if not positions:
        return ()
    moved = map_(np.stack([position.as_array() for position in positions]))
    return tuple(PointLps(float(x), float(y), float(z)) for x, y, z in moved)


def _registered(current: Scene, prior: Scene, registrar: Registrar, tools: Tools) -> tuple[LungTransform, float | None]:
    """The map from the current scan to the earlier one, and its seconds where there is a clock."""
    started = None if tools.clock is None else tools.clock()
    transform = registrar(current.volume, current.lungs, prior.volume, prior.lungs)
    seconds = None if tools.clock is None or started is None else tools.clock() - started
    return transform, seconds


def _doubt(quality: RegistrationQuality, policy: FollowUpPolicy) -> str | None:
    """Why places cannot be carried from one scan to the other; None when they can."""
    if quality.seen_fraction < policy.least_seen:
        return f"it shows only {quality.seen_fraction:.0%} of the lungs in view"
    if quality.overlap < policy.least_overlap:
        return f"only {quality.overlap:.0%} of the lungs fall on its lungs"
    if quality.similarity < policy.least_similarity:
        return f"its lungs are not like those of the current one (correlation {quality.similarity:.2f})"
    residual_mm = None if quality.method == AFFINE else quality.residual_mm
    if residual_mm is not None and residual_mm > policy.most_residual_mm:
        return f"its vessels are not those of the current one (they remain {residual_mm:.1f} mm apart)"
    return None


def _analysed(exam: ComparedExam, scene: Scene, tools: Tools) -> Examined:
    """An earlier scan analysed as if by itself, so that its tracking UIDs are the same as then."""
    found = detect(scene, tools.networks, tools.min_score, tools.policy, faint=True)
    nodules = describe(scene, measure(scene, found.sure, tools.networks, tools.policy), tools.policy)
    places = places_in_current(exam.transform, [nodule.centre for nodule in nodules])
    delineations = {nodule.tracking_uid: nodule.delineation for nodule in nodules}
    return Examined(
        exam,
        scene,
        nodules=tuple(prior_nodule(n) for n in nodules),
        places=places,
        faint=found.faint,
        delineations=delineations,
    )
