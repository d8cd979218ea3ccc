"""Statements → the document `findings.json` (schema `lungcad.findings/1`, docs/findings.schema.json).

What was not assessed is null, and `not_assessed` names it with a reason: nothing is ever filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from cad.domain import (
    Caution,
    ClinicalContext,
    CtSeries,
    ExamObservations,
    Guideline,
    LungMask,
    NotAssessedReason,
    Side,
)
from cad.errors import Refusal
from cad.report.json.calcium import calcium_document, missing_calcium_document
from cad.report.json.followup import followup_document
from cad.report.json.guidelines import exam_document
from cad.report.json.nodules import Document as Document, Missing, missing_parts, model_document, nodule_documents
from cad.report.statements import Statements, Subject
from cad.report.statements.provenance import Provenance
from cad.report.words.choices import Language
from cad.report.words.languages import LANGUAGES
from cad.report.words.sentences import sentences

SCHEMA = "lungcad.findings/1"
REFUSAL_SCHEMA = "lungcad.refusal/1"

STAGES = ("read", "lungs", "masses", "detect", "characterize", "followup", "calcium", "write", "total")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was asked for and known beside the series."""

    context: ClinicalContext
    cautions: tuple[Caution, ...]
    language: Language = Language.BOTH


def findings_document(
    series: CtSeries, statements: Statements, circumstances: Circumstances, provenance: Provenance
) -> Document:
    """The whole document, with empty timings (`with_timings` fills them in)."""
    return {
        "schema": SCHEMA,
        "series": _series(series),
        "nodules": None if statements.nodules is None else nodule_documents(statements.nodules),
        "exam": exam_document(statements.guidelines),
        "followup": None if statements.followup is None else followup_document(statements.followup),
        "calcium": _calcium(statements),
        "not_assessed": _not_assessed(statements),
        "sentences": {
            words.pictures.LABELS.language[0]: sentences(statements, words)
            for words in LANGUAGES[circumstances.language]
        },
        "quality": {
            "warnings": [_caution(c) for c in (*circumstances.cautions, *statements.cautions)],
            "lung_volume_ml": _lung_volumes(statements.lungs),
        },
        "patient": circumstances.context.factors.known(),
        "observations": observations_document(circumstances.context.observations),
        "timings_s": dict.fromkeys(STAGES),
        "provenance": {
            "version": provenance.version,
            "models": [model_document(model) for model in statements.models],
            "policy_version": statements.policy_version,
            "started": provenance.started.isoformat(),
            "host_cores": provenance.host_cores,
            "job_key": provenance.job_key,
        },
    }


def plain_text(document: Document) -> str:
    """The sentences of a document as text, a paragraph for each language; empty when it has none."""
    by_language = document.get("sentences")
    if not isinstance(by_language, dict):
        return ""
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in by_language.values())


def with_timings(document: Document, seconds: Mapping[str, float]) -> Document:
    """The document with the seconds of each stage; null for a stage that did not run."""
    timings = {stage: round(seconds[stage], 3) if stage in seconds else None for stage in STAGES}
    return {**document, "timings_s": timings}


def refusal_document(refusal: Refusal) -> Document:
    """The document `refusal.json`."""
    facts = {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in refusal.facts.items()}
    return {"schema": REFUSAL_SCHEMA, "reason": refusal.reason.value, "text": refusal.text, "facts": facts}


def _series(series: CtSeries) -> Document:
    return {
        "study_uid": series.study_uid,
        "series_uid": series.series_uid,
        "slices": series.slices,
        "spacing_mm": [round(value, 5) for value in series.spacing_mm],
        "slice_thickness_mm": series.slice_thickness_mm,
        "contrast": series.contrast,
        "kernel": series.kernel,
        "kvp": series.kvp,
        "choice": series.choice,
    }


def observations_document(observations: ExamObservations) -> Document:
    """What a reader stated, without what was not stated; the form in which it is given."""
    stated = _stated(asdict(observations))
    assert isinstance(stated, dict)
    return stated


def _stated(value: object) -> object:
    """A record as JSON without unknowns and empty lists."""
    if isinstance(value, dict):
        return {name: _stated(part) for name, part in value.items() if part not in (None, ())}
    return [_stated(part) for part in value] if isinstance(value, tuple) else value


def _calcium(statements: Statements) -> Document:
    if statements.calcium is None:
        return missing_calcium_document(statements.missing[Subject.CALCIUM])
    return calcium_document(statements.calcium.score)


def _not_assessed(statements: Statements) -> list[Document]:
    """What is null at the top level and within the nodules, with its reason."""
    missing = {subject: why.reason for subject, why in statements.missing.items()}
    entries: list[Missing] = []
    if Subject.FOLLOWUP in missing:
        entries.append(("followup", missing[Subject.FOLLOWUP]))
    if Subject.NODULES in missing:
        entries.append(("nodules", missing[Subject.NODULES]))
    entries.extend(missing_parts(statements.found, statements.missing.get(Subject.GUIDELINES)))
    if Subject.GUIDELINES in missing:
        entries.extend((f"exam.{guideline.value}", missing[Subject.GUIDELINES]) for guideline in Guideline)
    if Subject.CALCIUM in missing:
        entries.append(("calcium", missing[Subject.CALCIUM]))
    if statements.lungs is None:
        entries.append(("quality.lung_volume_ml", NotAssessedReason.NOT_DETERMINED))
    return [{"what": what, "reason": reason.value} for what, reason in entries]


def _lung_volumes(lungs: LungMask | None) -> Document:
    if lungs is None:
        return dict.fromkeys(side.value for side in (Side.LEFT, Side.RIGHT))
    return {side.value: round(lungs.volume_ml(side), 1) for side in (Side.LEFT, Side.RIGHT)}


def _caution(caution: Caution) -> Document:
    return {"code": caution.code, "text": caution.text}
