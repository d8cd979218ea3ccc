"""The lungs that were drawn, held against those that a network expects: what is kept, added and left out, and why.

The border is that of thresholds and morphology. The network, which learnt outlines with masses, effusions and open
airways put into them, decides three things only: a drawn piece where it expects no lung is left out; a lung of which
less than a stated share was drawn is drawn where it is expected; and tissue that it expects within a lung belongs to
the lung. All arrays are [k, j, i] on one grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Caution, ExpectedLungs, Float32Array, LungMask, Side, UInt8Array
from cad.geometry import dice
from cad.policy import LungPolicy
from cad.science.lungs.morphology import Spacing, distance_mm

SIDES = ((Side.RIGHT, LungMask.RIGHT), (Side.LEFT, LungMask.LEFT))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is known of a chest when the network is asked: `hu` and `air` (inside the patient), the side labels of what
    is `aerated` and of the whole `lungs`, and the main `airway`, which is no lung."""

    hu: Float32Array
    air: BoolArray
    aerated: UInt8Array
    lungs: UInt8Array
    airway: BoolArray
    spacing_mm: Spacing

    @property
    def voxel_ml(self) -> float:
        """The volume of one voxel in ml."""
        return float(np.prod(self.spacing_mm)) / 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Reconciled:
    """Side labels of what is aerated and of the whole lungs, and what a reader should know of the two opinions."""

    aerated: UInt8Array
    lungs: UInt8Array
    cautions: tuple[Caution, ...]


def labels_on(expected: ExpectedLungs, shape: tuple[int, ...]) -> UInt8Array:
    """The expected sides [k, j, i] on an array of this shape over the same volume: a probability above one half."""
    right, left = (_resampled(share, shape) for share in (expected.right, expected.left))
    labels = np.zeros(shape, dtype=np.uint8)
    labels[(right > 0.5) & (right >= left)] = LungMask.RIGHT
    labels[(left > 0.5) & (left > right)] = LungMask.LEFT
    return labels


def _resampled(share: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    """Trilinear, cell centre to cell centre."""
    for axis, n in enumerate(shape):
        cells = share.shape[axis]
        at = np.clip((np.arange(n) + 0.5) * cells / n - 0.5, 0, cells - 1)
        low = np.minimum(at.astype(int), max(0, cells - 2))
        high = np.minimum(low + 1, cells - 1)
        part = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        share = share.take(low, axis) * (1 - part) + share.take(high, axis) * part
    return share


def reconciled(drawn: Drawn, expected: UInt8Array, policy: LungPolicy) -> Reconciled:
    """The lungs after the second opinion, `expected` [k, j, i] on the grid of `drawn`.

    An opinion that expects hardly any lung, or mostly where there is no air at all, is not followed.
    """
    if not _is_credible(drawn, expected, policy):
        return Reconciled(drawn.aerated, drawn.lungs, ())
    aerated, lungs = drawn.aerated.copy(), drawn.lungs.copy()
    cautions = [*_left_out(drawn, (aerated, lungs), expected, policy)]
    for side, label in SIDES:
        cautions += _completed(drawn, (aerated, lungs), (expected, side, label), policy)
    _add_dense(drawn, lungs, expected, policy)
    overlap = dice(lungs > 0, expected > 0)
    if overlap < policy.second_opinion_agreement:
        text = f"Two ways of finding the lungs agree by {100 * overlap:.0f} % only: look at their outline."
        cautions.append(Caution("lungs-uncertain", text))
    return Reconciled(aerated, lungs, tuple(cautions))


def _is_credible(drawn: Drawn, expected: UInt8Array, policy: LungPolicy) -> bool:
    whole = expected > 0
    ml = float(np.count_nonzero(whole)) * drawn.voxel_ml
    air_ml = float(np.count_nonzero(whole & drawn.air)) * drawn.voxel_ml
    return ml >= policy.min_lungs_ml and air_ml >= policy.expected_air_fraction * ml


Labels = tuple[UInt8Array, UInt8Array]


def _left_out(drawn: Drawn, labels: Labels, expected: UInt8Array, policy: LungPolicy) -> list[Caution]:
    """Takes out the aerated pieces that the network expects almost nothing of, with what was filled in beside them."""
    aerated, lungs = labels
    pieces, count = ndimage.label(drawn.aerated > 0)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    shared = np.bincount(pieces[expected > 0], minlength=count + 1)
    odd = (shared < policy.expected_share_of_piece * sizes) & (sizes > 0)
    odd[0] = False
    if not odd.any():
        return []
    nearest = ndimage.distance_transform_edt(pieces == 0, return_distances=False, return_indices=True)
    out: BoolArray = odd[pieces[tuple(nearest)]] & (lungs > 0)
    aerated[out] = 0
    lungs[out] = 0
    ml = float(np.count_nonzero(out)) * drawn.voxel_ml
    return [
        Caution("space-unlike-lung-left-out", f"{ml:.0f} ml of air that does not lie where lungs lie was left out.")
    ]


def _completed(drawn: Drawn, labels: Labels, wanted: tuple[UInt8Array, Side, int], policy: LungPolicy) -> list[Caution]:
    """Draws a lung as it is expected where too little of it was drawn; its border is still that of the air in it."""
    aerated, lungs = labels
    expected, side, label = wanted
    whole = (expected == label) & ~drawn.airway
    expected_ml = float(np.count_nonzero(whole)) * drawn.voxel_ml
    drawn_ml = float(np.count_nonzero((lungs == label) & whole)) * drawn.voxel_ml
    if expected_ml < policy.min_lungs_ml or drawn_ml >= policy.drawn_share_of_expected * expected_ml:
        return []
    near = whole | (drawn.air & (distance_mm(whole, drawn.spacing_mm) <= policy.completion_reach_mm))
    new = near & ~drawn.airway & ((lungs == 0) | (lungs == label))
    lungs[new] = label
    aerated[new & drawn.air] = label
    parts = f"{drawn_ml:.0f} of {expected_ml:.0f} ml"
    text = f"Of the {side.value} lung {parts} were drawn by thresholds; a network drew the rest."
    return [Caution("lung-completed", text)]


def _add_dense(drawn: Drawn, lungs: UInt8Array, expected: UInt8Array, policy: LungPolicy) -> None:
    """Gives a lung the tissue that is expected within it: what is thick, and touches the lung or is enclosed by it."""
    dense = (expected > 0) & (lungs == 0) & ~drawn.air & ~drawn.airway
    core = distance_mm(~dense, drawn.spacing_mm) > policy.dense_radius_mm
    thick = dense & (distance_mm(core, drawn.spacing_mm) <= policy.dense_radius_mm)
    pieces, count = ndimage.label(thick)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * drawn.voxel_ml
    touching = np.zeros(count + 1, dtype=np.bool_)
    touching[np.unique(pieces[ndimage.binary_dilation(lungs > 0, iterations=2)])] = True
    kept = touching & (sizes >= policy.dense_piece_ml)
    kept[0] = False
    added: BoolArray = kept[pieces]
    lungs[added] = expected[added]
