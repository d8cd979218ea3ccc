"""Agreement with several readers: overlap of outlines, and how well a score ranks and predicts what they say.

Masks are given as votes: how many of the readers marked each voxel. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu, spearmanr

from cad.domain import BoolArray, FloatArray

RESAMPLES = 1000


def reader_dice(votes: npt.NDArray[np.integer], readers: int) -> float:
    """Overlap of each reader with the consensus of the others, pooled, from the votes [k, j, i] for one nodule.

    The consensus is what at least half of the others marked. Who marked what need not be known: a voxel with v votes is
    in the masks of v readers, each of whom sees v - 1 of the others there, and outside those of the rest, who see v.
    The sums over the readers of the masks, of the consensuses and of what they share follow; twice the last over the
    first two is the overlap, each reader weighted by size. NaN for fewer than two readers.
    """
    if readers < 2:
        return float("nan")
    v = votes.astype(np.int64)
    needed = (readers - 1) / 2
    seen_by_markers, seen_by_others = (v - 1 >= needed) & (v > 1), (v >= needed) & (v > 0)
    shared = int((v * seen_by_markers).sum())
    consensus = shared + int(((readers - v) * seen_by_others).sum())
    return 2 * shared / (int(v.sum()) + consensus)


def ranking_auc(scores: FloatArray, positive: BoolArray) -> float:
    """Area under the ROC curve: the probability that a positive case scores above a negative one (Mann-Whitney).

    Scores and truth are [n]. NaN when either kind is absent.
    """
    if positive.all() or not positive.any():
        return float("nan")
    statistic = mannwhitneyu(scores[positive], scores[~positive]).statistic
    return float(statistic) / (int(positive.sum()) * int((~positive).sum()))


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rank correlation of two series [n]; NaN when either is constant."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(spearmanr(a, b).statistic)


def resampled(
    clusters: Sequence[str], measure: Callable[[npt.NDArray[np.intp]], float], seed: int
) -> tuple[float, float]:
    """The interval that holds 95 % of `measure(indices)` over resamples of whole clusters.

    `indices` are of the cases of the drawn clusters, as often as these were drawn. Resamples without a figure (NaN)
    are left out; without any, the interval is NaN.
    """
    names = sorted(set(clusters))
    members = [np.flatnonzero(np.array(clusters) == name) for name in names]
    rng = np.random.default_rng(seed)
    values = np.array(
        [
            measure(np.concatenate([members[n] for n in rng.integers(len(names), size=len(names))]))
            for _ in range(RESAMPLES)
        ]
    )
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
