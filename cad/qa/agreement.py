"""How well two readings of the same cases agree: kappa, intraclass correlation, Bland-Altman, and calcium by artery."""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from cad.domain import Artery, FloatArray

NAN = float("nan")


class Weighting(enum.Enum):
    """How much a disagreement of kappa weighs, by how many categories lie between."""

    UNWEIGHTED = 0
    LINEAR = 1
    QUADRATIC = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def confusion(first: Sequence[Hashable], second: Sequence[Hashable], categories: Sequence[Hashable]) -> FloatArray:
    """Cases [category of the first reading, category of the second], in the order of `categories`.

    Raises ValueError when the readings differ in number or name another category.
    """
    place = {category: n for n, category in enumerate(categories)}
    unknown = {*first, *second} - set(place)
    if unknown:
        raise ValueError(f"{sorted(map(str, unknown))} are none of the categories")
    table = np.zeros((len(place), len(place)))
    for a, b in zip(first, second, strict=True):
        table[place[a], place[b]] += 1
    return table


def cohen_kappa(table: FloatArray, weighting: Weighting = Weighting.UNWEIGHTED) -> float:
    """Cohen's kappa of a table of cases [first reading, second reading], ordered categories.

    kappa = 1 - Σ w·observed / Σ w·expected, with disagreements w of 1, |i-j| or (i-j)² (Cohen 1960, 1968). NaN without
    cases, and where both readings name one and the same category alone.
    """
    cases = table.sum()
    if not cases:
        return NAN
    weights = _disagreements(len(table), weighting)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / cases
    chance = float((weights * expected).sum())
    return 1 - float((weights * table).sum()) / chance if chance > 0 else NAN


def _disagreements(categories: int, weighting: Weighting) -> FloatArray:
    i, j = np.indices((categories, categories))
    apart: FloatArray = np.abs(i - j).astype(np.float64)
    if weighting is Weighting.UNWEIGHTED:
        return (apart > 0).astype(np.float64)
    return apart if weighting is Weighting.LINEAR else apart**2


def intraclass_correlation(ratings: FloatArray) -> Interval:
    """ICC(2,1) of ratings [case, rater]: two-way random effects, absolute agreement, single rater.

    ICC = (MSB - MSE) / (MSB + (k-1) MSE + k (MSR - MSE) / n) of Shrout & Fleiss, Psychol Bull 1979, with the interval
    of McGraw & Wong 1996. NaN for fewer than two cases or raters, and where nothing varies.
    """
    cases, raters = ratings.shape
    if min(cases, raters) < 2:
        return Interval(NAN, NAN, NAN)
    grand = ratings.mean()
    between = raters * float(((ratings.mean(axis=1) - grand) ** 2).sum()) / (cases - 1)
    by_rater = cases * float(((ratings.mean(axis=0) - grand) ** 2).sum()) / (raters - 1)
    rest = ratings - ratings.mean(axis=1, keepdims=True) - ratings.mean(axis=0) + grand
    error = float((rest**2).sum()) / ((cases - 1) * (raters - 1))
    bottom = between + (raters - 1) * error + raters * (by_rater - error) / cases
    if bottom <= 0:
        return Interval(NAN, NAN, NAN)
    value = (between - error) / bottom
    if error <= 0:
        return Interval(value, NAN, NAN)
    return Interval(value, *_icc_interval(value, (between, by_rater, error), (cases, raters)))


def _icc_interval(icc: float, squares: tuple[float, float, float], size: tuple[int, int]) -> tuple[float, float]:
    """The 95 % interval of ICC(2,1) from the mean squares between cases, between raters and of the error."""
    (between, by_rater, error), (n, k) = squares, size
    if icc >= 1:
        return NAN, NAN
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * by_rater + b * error) ** 2 / ((a * by_rater) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    upper_f, lower_f = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    mixed = k * by_rater + (k * n - k - n) * error
    low = n * (between - upper_f * error) / (upper_f * mixed + n * between)
    high = n * (lower_f * between - error) / (mixed + n * lower_f * between)
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences (first less second) of paired measurements: their mean, the limits that hold 95 %, and how many.

    Each with its 95 % confidence interval (Bland & Altman, Lancet 1986).
    """

    bias: Interval
    lower: Interval
    upper: Interval
    pairs: int


def bland_altman(first: FloatArray, second: FloatArray) -> BlandAltman:
    """Bias and limits of agreement, bias ± 1.96 SD, of pairs of readings, [n] each.

    Standard errors: SD/√n of the bias, √(3 SD²/n) of the limits, with Student's t of n - 1. Raises ValueError for fewer
    than two pairs or readings of different length.
    """
    if first.shape != second.shape or len(first) < 2:
        raise ValueError(f"{len(first)} and {len(second)} measurements are not pairs that can be compared")
    difference = first - second
    n, bias, sd = len(difference), float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.ppf(0.975, n - 1))
    of_bias, of_limit = t * sd / math.sqrt(n), t * math.sqrt(3 * sd**2 / n)

    def interval(value: float, half: float) -> Interval:
        return Interval(value, value - half, value + half)

    return BlandAltman(
        interval(bias, of_bias), interval(bias - 1.96 * sd, of_limit), interval(bias + 1.96 * sd, of_limit), n
    )


@dataclass(frozen=True, slots=True)
class ArteryAgreement:
    """How two readings of one artery agree on calcium being there: counts of scans, and kappa of present or absent.

    `both`, `first_only`, `second_only` and `neither` count scans; `icc` and `mean_difference` are of the scores.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    kappa: float
    icc: float
    mean_difference: float


Scores = Mapping[Artery, float]


def artery_agreement(first: Sequence[Scores], second: Sequence[Scores], artery: Artery) -> ArteryAgreement:
    """Agreement of two readings of the same scans on one artery; scans where either says nothing of it are left out."""
    pairs = [(a[artery], b[artery]) for a, b in zip(first, second, strict=True) if artery in a and artery in b]
    seen = [(a > 0, b > 0) for a, b in pairs]
    table = confusion([a for a, _ in seen], [b for _, b in seen], (False, True))
    scores = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return ArteryAgreement(
        both=int(table[1, 1]),
        first_only=int(table[1, 0]),
        second_only=int(table[0, 1]),
        neither=int(table[0, 0]),
        kappa=cohen_kappa(table),
        icc=intraclass_correlation(scores).value,
        mean_difference=float((scores[:, 0] - scores[:, 1]).mean()) if pairs else NAN,
    )
