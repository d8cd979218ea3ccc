"""The report in English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cad.domain import (
    Assessment,
    CalcificationPattern,
    Caution,
    Composition,
    Delineation,
    Lobe,
    Nodule,
    NotAssessedReason,
    Side,
)
from cad.report.statements.nodules import Border, Nearness, NoduleStatement, Place, Sign
from cad.report.statements.provenance import Provenance
from cad.report.words.en import guidelines
from cad.report.words.guidelines import because_of, by_nodule, in_short, speak, stand_ins_of
from cad.report.words.language import Cells, Labels, Technique
from cad.report.words.numbers import DASH, axes_mm, density, percent, percent_range, size_cell, volume_mm3, whole

LABELS = Labels(
    title="Lung nodules on chest CT",
    origin="lungcad, automatic reading",
    patient="Patient",
    patient_id="ID",
    born="Born",
    sex="Sex",
    sexes=("male", "female", "other"),
    study="Study",
    accession="Accession",
    series="Series",
    images="Images",
    not_given="not given",
    nodule="Nodule",
    place="Place",
    composition="Type",
    size="Size, mm",
    volume="Volume, mm³",
    signs="Signs",
    suspicion="Suspicion*",
    brock="Brock*",
    note="Note",
    footer="lungcad: research software, not a medical device",
    limits=(
        "Automatic result of research software that is not a medical device. It must be verified by a physician "
        "against the images. Nodules can be missed, and marks can be wrong. Nodules under 3 mm are not reported. Sizes "
        "are those of the long and short axis, where they are longest among the axial slices of about the largest "
        "area; HU are the median of the core; the interval of a volume holds 95 % of what scans of other slices, "
        "pixels or kernels would give. Lobes, signs and probabilities are estimates of models; what they could not "
        "tell is left out."
    ),
    score_note=(
        "*Suspicion is the probability that radiologists call the nodule suspicious of cancer. The network learnt it "
        "from readers' ratings and never saw a proven diagnosis: it is not the probability of cancer. Brock is the "
        "probability of cancer by a published model (McWilliams 2013)."
    ),
)

COMPOSITION: Mapping[Composition, str] = {
    Composition.SOLID: "solid",
    Composition.PART_SOLID: "part-solid",
    Composition.GROUND_GLASS: "ground-glass",
    Composition.CALCIFIED: "calcified",
    Composition.FAT: "fat-containing",
}

SIDE: Mapping[Side, str] = {Side.RIGHT: "right lung", Side.LEFT: "left lung"}

LOBE: Mapping[Lobe, str] = {
    Lobe.RUL: "right upper lobe",
    Lobe.RML: "right middle lobe",
    Lobe.RLL: "right lower lobe",
    Lobe.LUL: "left upper lobe",
    Lobe.LINGULA: "lingula of the left upper lobe",
    Lobe.LLL: "left lower lobe",
}

SIGN: Mapping[Sign, str] = {
    Sign.SPICULATED: "spiculated",
    Sign.LOBULATED: "lobulated",
    Sign.ILL_DEFINED: "ill-defined",
    Sign.CAVITY: "cavitated",
    Sign.CALCIFICATION: "with calcification",
    Sign.FAT: "with fat",
    Sign.PERIFISSURAL: "of typical perifissural shape",
}

PATTERN: Mapping[CalcificationPattern, str] = {
    CalcificationPattern.DIFFUSE: "with diffuse calcification",
    CalcificationPattern.CENTRAL: "with central calcification",
    CalcificationPattern.LAMINATED: "with laminated calcification",
    CalcificationPattern.POPCORN: "with popcorn calcification",
    CalcificationPattern.ECCENTRIC: "with eccentric calcification",
    CalcificationPattern.PUNCTATE: "with punctate calcification",
}

BORDER: Mapping[Border, str] = {Border.PLEURA: "the pleura", Border.FISSURE: "a fissure"}

DELINEATION: Mapping[Delineation, str] = {
    Delineation.CLIPPED: "most of its border could not be told from its surroundings",
    Delineation.BALL: "no border was found, and the size is that of the detector's mark",
}
"""Ways to delineate that a reader should know of."""

INPUT: Mapping[str, str] = {
    "age_years": "age",
    "sex": "sex",
    "family_history_lung_cancer": "family history of lung cancer",
    "emphysema": "emphysema",
    "upper_lobe": "upper lobe",
    "spiculated": "spiculation",
}
"""Inputs of the Brock model."""

NOT_COMPARED: Mapping[NotAssessedReason, str] = {
    NotAssessedReason.NO_PRIOR: "no earlier chest CT was available",
    NotAssessedReason.NO_SUITABLE_PRIOR: "none of the earlier examinations can be compared",
    NotAssessedReason.NOT_REQUESTED: "not asked for",
    NotAssessedReason.NOT_IN_THIS_VERSION: "not in this version",
    NotAssessedReason.NOT_AVAILABLE: "the registration of the examinations did not run",
}
"""Reasons for which a comparison can be missing."""


def label(nodule: Nodule) -> str:
    """The name of a nodule, which is that of the report's measurement groups."""
    return nodule.label


def nodule_sentence(said: NoduleStatement) -> str:
    """One nodule as a radiologist writes it."""
    nodule = said.nodule
    kind = f"{COMPOSITION[nodule.composition]} nodule of {axes_mm(nodule.diameters)} mm"
    parts = [f"{kind} ({_volume(said)}) {_in(said.place)}", *_signs(said), *(_near(one) for one in said.near)]
    described = ", ".join(parts)
    return f"{nodule.label}: {'; '.join([described, *_judgements(said)])}."


def _volume(said: NoduleStatement) -> str:
    whole_nodule = f"{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)} mm³"
    if said.solid is None:
        return whole_nodule
    return f"{whole_nodule}; solid part {axes_mm(said.solid.axes)} mm, {whole(said.solid.volume_mm3)} mm³"


def _in(place: Place) -> str:
    if place.lobe is None:
        return f"in the {SIDE[place.side]}"
    return f"{'' if place.is_certain else 'probably '}in the {LOBE[place.lobe]}"


def _signs(said: NoduleStatement) -> list[str]:
    return [PATTERN[said.pattern] if sign is Sign.CALCIFICATION and said.pattern else SIGN[sign] for sign in said.signs]


def _near(near: Nearness) -> str:
    border = BORDER[near.border]
    return f"touching {border}" if near.distance_mm == 0 else f"{whole(max(near.distance_mm, 1))} mm from {border}"


def _judgements(said: NoduleStatement) -> Iterator[str]:
    if said.delineation in DELINEATION:
        yield DELINEATION[said.delineation]
    if said.suspicion is not None:
        yield f"suspicion {percent(said.suspicion)}*"
    if said.brock is not None:
        yield f"Brock {percent_range(*said.brock)}*"
    if said.is_benign_pattern:
        yield "of a benign pattern, to which malignancy models do not apply"


def cells(said: NoduleStatement) -> Cells:
    """One nodule as a row of the table."""
    place = said.place
    return Cells(
        place=SIDE[place.side] if place.lobe is None else ("" if place.is_certain else "probably ") + LOBE[place.lobe],
        composition=COMPOSITION[said.nodule.composition],
        size=size_cell(said.nodule, None if said.solid is None else said.solid.axes, ("mean", "solid")),
        volume=f"{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)}\n{density(said.nodule)}",
        signs=", ".join(_signs(said)) or DASH,
        suspicion=DASH if said.suspicion is None else percent(said.suspicion),
        brock=DASH if said.brock is None else percent_range(*said.brock),
    )


def summary(nodules: Sequence[NoduleStatement] | None, *, is_limited: bool = False) -> str:
    """What was found, in one sentence; None is that nodules were not assessed. `is_limited`: not all was searched."""
    if is_limited and nodules is not None:
        return f"{summary(nodules).removesuffix('.')}; the search was limited, see the cautions."
    if nodules is None:
        return "Nodules were not asked for and not assessed."
    if not nodules:
        return "No nodule was found."
    largest = max((one.nodule for one in nodules), key=lambda nodule: nodule.diameters.mean_mm)
    count = "One nodule was found" if len(nodules) == 1 else f"{len(nodules)} nodules were found; the largest"
    place = SIDE[largest.side]
    if largest.location is not None and largest.location.lobe is not None:
        place = LOBE[largest.location.lobe]
    size = f"{largest.diameters.mean_mm:.1f} mm, {COMPOSITION[largest.composition]}, {place}"
    return f"{count}: {size} ({largest.label})."


def guidance(assessment: Assessment | None) -> list[str]:
    """The applicable guideline's recommendation, why, and what was assumed; or why none was chosen."""
    if assessment is None:
        return []
    applicable = assessment.applicable
    because = because_of(applicable, guidelines)
    if applicable.guideline is None:
        stand_ins = " ".join(in_short(one, guidelines) for one in stand_ins_of(assessment))
        return [f"No guideline was chosen: {because}. {stand_ins}"]
    recommendation = assessment.recommendation(applicable.guideline)
    said = speak(recommendation, guidelines)
    sentences = [in_short(recommendation, guidelines), f"Because: {said.because} ({because})."]
    sentences += by_nodule(recommendation, guidelines) if len(recommendation.nodules) > 1 else ()
    return sentences + ([f"Assumed: {'; '.join(said.assuming)}."] if said.assuming else [])


def technique(series: Technique) -> str:
    """How the series was acquired, in one line."""
    dx, dy, dz = series.spacing_mm
    contrast = {True: "with contrast", False: "without contrast", None: "contrast not stated"}[series.contrast]
    voltage = "" if series.kvp is None else f", {series.kvp:.0f} kV"
    kernel = "kernel not stated" if series.kernel is None else f"kernel {series.kernel}"
    return f"{series.slices} slices, {dx:.2f} × {dy:.2f} × {dz:.2f} mm, {kernel}{voltage}, {contrast}."


def lungs(series: Technique) -> str:
    """How much of the lungs is in view."""
    if series.right_ml is None or series.left_ml is None:
        return "Lungs were not segmented."
    return f"Lungs in view: right {whole(series.right_ml)} ml, left {whole(series.left_ml)} ml."


def unknown(names: Sequence[str]) -> str:
    """Why the Brock model gives a range."""
    return f"Brock is a range where this is unknown: {', '.join(INPUT.get(name, name) for name in names)}."


def not_assessed(*, followup: NotAssessedReason | None, calcium: bool) -> str:
    """Which parts of a reading were not done, and why there is no comparison."""
    parts = ["coronary calcium"] if calcium else []
    if followup is not None:
        parts.insert(0, f"comparison with a prior examination ({NOT_COMPARED.get(followup, followup.value)})")
    return f"Not assessed: {', '.join(parts)}." if parts else ""


def caution(one: Caution) -> str:
    """What a reader of a result should know, in one sentence."""
    return one.text


def made_by(made: Provenance, models: str, policy_version: str, series_uid: str) -> str:
    """Who made a report of which series."""
    networks = models or "no network used"
    return (
        f"lungcad {made.version}, {networks}, policy {policy_version}, {made.started.isoformat()}. Series {series_uid}."
    )
