"""The tables of docs/ that are drawn from the code. `python -m tests.documented_tables` writes them anew.

Each lies between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. tests/unit/test_docs.py fails when one is stale.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import tomllib
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import get_args, get_type_hints

from highdicom.sr import Measurement
from pydantic.fields import FieldInfo

from cad.case.patient import NUMBERS
from cad.domain import (
    AirwayFinding,
    CystFinding,
    ExamObservations,
    MalignancyRisk,
    NoduleObservation,
    NoduleRisks,
    PatientFactors,
)
from cad.policy import WordingPolicy
from cad.report.statements.followup import state_followup
from cad.report.statements.nodules import state_nodule
from cad.service.settings import PREFIX, Settings
from dicom_io.read.volume import DECODERS, NATIVE_SYNTAXES
from dicom_io.write.sr.followup import change_measurements
from dicom_io.write.sr.nodules import volumetric_measurements
from models.nodules.cards import OUTLINE_NAME, RATING_NAME
from models.running.cards import CARDS
from orthanc.dimse import SENT_SYNTAXES
from orthanc.listener import CT_CLASSES, RECEIVED_SYNTAXES
from tests.made.followups import a_followup, a_grown
from tests.made.series import a_series
from tests.made.subjects import a_full_nodule, drawn_nodule, loaded
from tests.places import ROOT

PATIENT_RECORDS = (PatientFactors, ExamObservations, NoduleObservation, AirwayFinding, CystFinding)


def documented_tables() -> dict[str, str]:
    """Every table by name, as Markdown."""
    return {
        "settings": _table(("variable", "default", "meaning"), _settings()),
        **dict(_policy_tables()),
        **{f"patient-{kind.__name__}": _table(("name", "value"), _json_fields(kind)) for kind in PATIENT_RECORDS},
        **_network_tables(),
        "sr-measurements": _table(("measurement", "code", "unit", "method"), _sr_measurements()),
        "sr-changes": _table(("measurement", "code", "unit"), (row[:3] for row in _sr_changes())),
        "received-classes": _table(("SOP class", "UID"), ((uid.name, f"`{uid}`") for uid in CT_CLASSES)),
        "received-syntaxes": _table(("transfer syntax", "UID", "files", "C-STORE"), _received_syntaxes()),
        "sent-syntaxes": _table(("transfer syntax", "UID"), ((uid.name, f"`{uid}`") for uid in SENT_SYNTAXES)),
    }


def _network_tables() -> dict[str, str]:
    """What the cards of the networks that look at one nodule say was measured."""
    outline, rating = (tomllib.loads((CARDS / f"{name}.toml").read_text()) for name in (OUTLINE_NAME, RATING_NAME))
    overlap, readers = outline["measured"]["dice"], outline["measured"]["reader_dice"]
    suspicion, nested = rating["measured"]["malignancy"], rating["nested"]
    rows = [
        (
            "nodules with at least 3 readers, patients",
            f"{outline['measured']['nodules']}, {outline['measured']['patients']}",
        ),
        ("overlap with the consensus (Dice), mean", _with_interval(overlap["mean"], overlap["ci95"])),
        ("the same, median", f"{overlap['median']:.3f}"),
        ("overlap of each reader with the others' consensus, mean", _with_interval(readers["mean"], readers["ci95"])),
        ("nodules that readers call suspicious or not, suspicious", f"{suspicion['n']}, {suspicion['suspicious']}"),
        ("AUC of suspicion", _with_interval(suspicion["auc"], suspicion["ci95"])),
        ("ECE, Brier score of suspicion", f"{suspicion['ece']:.3f}, {suspicion['brier']:.3f}"),
        ("AUC by the logarithm of the volume alone", f"{nested['volume']:.3f}"),
        ("AUC by volume and network", f"{nested['volume_and_network']:.3f}"),
        ("gain of the network over volume", _with_interval(nested["gain_over_volume"], nested["gain_ci95"])),
        ("AUC by volume and the readers' own attributes", f"{nested['volume_and_readers_attributes']:.3f}"),
    ]
    ratings = [(name, f"{value:.2f}") for name, value in rating["measured"]["attributes"].items()]
    return {
        "nodule-networks": _table(("figure", "value"), rows),
        "nodule-ratings": _table(("mean rating", "rank correlation with the readers'"), ratings),
    }


def _with_interval(value: float, interval: list[float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def with_tables(text: str, tables: dict[str, str]) -> str:
    """A document with each of its tables replaced by the one of that name. Raises KeyError for an unknown name."""
    pattern = re.compile(r"<!-- begin: (\S+) -->\n.*?<!-- end: \1 -->", re.DOTALL)
    return pattern.sub(lambda m: f"<!-- begin: {m[1]} -->\n{tables[m[1]]}\n<!-- end: {m[1]} -->", text)


def documents() -> tuple[Path, ...]:
    """Every document of the project."""
    return (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _received_syntaxes() -> Iterator[tuple[str, str, str, str]]:
    from_files = (*NATIVE_SYNTAXES, *DECODERS)
    for uid in dict.fromkeys((*from_files, *RECEIVED_SYNTAXES)):
        yield uid.name, f"`{uid}`", "yes" if uid in from_files else "", "yes" if uid in RECEIVED_SYNTAXES else ""


def _sr_measurements() -> Iterator[tuple[str, str, str, str]]:
    """The measurements of a nodule of which everything is known, as the report of one holds them."""
    risk = MalignancyRisk("", "", (0.1, 0.1), (), ())
    source = loaded(a_series())
    nodule = a_full_nodule(drawn_nodule(source.volume.grid))
    said = state_nodule(nodule, NoduleRisks(nodule.tracking_uid, risk, risk, risk, risk), WordingPolicy())
    return _measurements(volumetric_measurements(said))


def _sr_changes() -> Iterator[tuple[str, str, str, str]]:
    """The same of a nodule that three examinations show and that grew."""
    nodule = drawn_nodule(loaded(a_series()).volume.grid)
    followup = dataclasses.replace(a_followup((nodule, nodule)), changes=(a_grown(nodule, 0),))
    (change,) = state_followup(followup, (nodule,), WordingPolicy()).changes
    return _measurements(change_measurements(change))


def _measurements(groups: Iterable[Measurement]) -> Iterator[tuple[str, str, str, str]]:
    for group in groups:
        (item,) = group
        value = item.MeasuredValueSequence[0]
        modifiers = [part.ConceptCodeSequence[0].CodeMeaning for part in item.get("ContentSequence", ())]
        name = item.ConceptNameCodeSequence[0]
        code = f"{name.CodeValue}, {name.CodingSchemeDesignator}"
        yield name.CodeMeaning, code, value.MeasurementUnitsCodeSequence[0].CodeValue, ", ".join(modifiers)


def _settings() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        yield f"`{PREFIX}{name.upper()}`", _default(name, field), field.description or ""


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_folder":
        return "`~/.local/share/lungcad`"
    value = field.get_default()
    return "" if value in (None, ()) else f"`{value}`"


def _json_fields(kind: type[object]) -> Iterator[tuple[str, str]]:
    """The fields of a record of the patient file, each with what it may hold."""
    for name, hint in get_type_hints(kind).items():
        yield f"`{name}`", _json_values(name, next((part for part in get_args(hint) if part is not NoneType), hint))


def _json_values(name: str, kind: type[object]) -> str:
    if issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if kind is float:
        return f"number, 0 to {NUMBERS[name]:g}"
    return {bool: "`true`, `false`", str: "text"}.get(kind, "list of objects, see below")


def _policy_tables() -> Iterator[tuple[str, str]]:
    """One table per policy record: its fields, each with the sentence that follows it. Codes are no policy."""
    modules = [ast.parse(path.read_text()) for path in sorted((ROOT / "cad" / "policy").rglob("*.py"))]
    for record in (node for module in modules for node in module.body):
        if isinstance(record, ast.ClassDef) and _holds_numbers(record):
            yield f"policy-{record.name}", _table(("value", "now", "why, and source"), _fields(record))


def _holds_numbers(record: ast.ClassDef) -> bool:
    """Whether a class is a record of values, and neither an enum of codes nor a row of a guideline."""
    is_enum = any(isinstance(base, ast.Attribute) and base.attr.endswith("Enum") for base in record.bases)
    return not is_enum and record.name not in ("Policy", "Row")


def _fields(record: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """A record's rows. A sentence also speaks for the fields directly above its own that have none."""
    undescribed: list[tuple[str, str]] = []
    for node in record.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            undescribed.append((f"`{node.target.id}`", f"`{ast.unparse(node.value)}`"))
        elif sentence := _sentence(node):
            yield from ((name, value, sentence) for name, value in undescribed)
            undescribed = []
    yield from ((name, value, "") for name, value in undescribed)


def _sentence(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def main() -> None:
    """Write the tables of every document anew."""
    tables = documented_tables()
    for document in documents():
        document.write_text(with_tables(document.read_text(), tables))


if __name__ == "__main__":
    main()
