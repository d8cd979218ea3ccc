"""What the measurement says, for two readers: the model card (TOML) and docs/detector.md with its plots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cad.qa.froc import CPM_POINTS, Estimate
from models.training.detector.evaluation import RealNodule
from models.training.detector.summary import OPERATING_POINTS, DegradationEffect, Stratum, Summary

FROC_IMAGE, RELIABILITY_IMAGE = "detector_froc.png", "detector_reliability.png"
COLOUR = "#1f5f8b"


@dataclass(frozen=True, slots=True)
class Variant:
    """One network or recipe that was compared, measured as the shipped one was."""

    name: str
    parameters: int
    steps: int
    seconds_per_scan: float
    cpm: float
    sensitivity_at_1: float


def measured_lines(found: Summary, variants: Sequence[Variant]) -> list[str]:
    """The card's table [measured] and its sub-tables, one line of TOML each."""
    lines = [
        "[measured]",
        "# Every scan was read by a network that never saw its patient; the inserted nodules have shapes of patients",
        "# that none of these networks learnt from. The shipped weights learnt from all scans and were not measured.",
        "# Intervals: 95 %, resampling patients with all their copies; they hold for scans like these few.",
        f"scans = {json.dumps(list(found.scans))}",
        f"scan_copies = {found.copies}",
        f"inserted_nodules = {found.nodules}",
        f"wishes_without_place = {len(found.dropped)}",
        f"froc_false_marks = {list(CPM_POINTS)}",
        f"froc_sensitivity = [{', '.join(_number(p.value) for p in found.froc)}]",
        f"cpm = {_number(found.cpm.value)}",
        f"cpm_ci95 = {_bounds(found.cpm)}",
        "# the same with marks on places that look like a nodule and that nobody labelled as false ones",
        f"strict_cpm = {_number(found.strict_cpm.value)}",
        f"strict_cpm_ci95 = {_bounds(found.strict_cpm)}",
        *(
            f"strict_sensitivity_at_{p:g}_fp = {_inline(e)}"
            for p, e in zip(OPERATING_POINTS, found.strict_at, strict=True)
        ),
        *(f"sensitivity_at_{p:g}_fp = {_inline(e)}" for p, e in zip(OPERATING_POINTS, found.at, strict=True)),
        f"sensitivity_at_default = {_inline(found.at_default)}",
        f"false_marks_at_default = {_inline(found.false_marks)}",
        f"false_marks_at_default_without_inserted_nodules = {_number(found.natural_false_marks)}",
        "# each scan read at the threshold chosen on the others",
        f"sensitivity_at_transferred_threshold = {_number(found.transferred.sensitivity)}",
        f"false_marks_at_transferred_threshold = {_number(found.transferred.false_marks)}",
        "# of marks of at least 0.05, each scan calibrated by the others, at this many nodules per scan",
        f"nodules_per_scan = {_number(found.nodules_per_scan)}",
        f"expected_calibration_error = {_number(found.calibration_error)}",
        f"brier = {_number(found.brier)}",
    ]
    parts = (_stratum_lines(found.strata), _effect_lines(found), _real_lines(found.real), _variants(variants))
    return lines + [line for part in (*parts, _whole_lines(found.whole)) for line in part]


def _whole_lines(found: Summary | None) -> list[str]:
    """The same of whole real nodules, as far as they were measured."""
    if found is None:
        return []
    lines = [
        "",
        "[measured.whole_nodules]",
        "# whole real nodules of other patients, with their texture and surroundings, in place of filled outlines",
        f"nodules = {found.nodules}",
        f"froc_sensitivity = [{', '.join(_number(p.value) for p in found.froc)}]",
        f"cpm = {_inline(found.cpm)}",
        f"strict_cpm = {_inline(found.strict_cpm)}",
        *(f"sensitivity_at_{p:g}_fp = {_inline(e)}" for p, e in zip(OPERATING_POINTS, found.at, strict=True)),
    ]
    for s in found.strata:
        lines += ["", "[[measured.whole_nodules.strata]]", f"group = {json.dumps(s.group)}"]
        lines += [f"name = {json.dumps(s.name)}", f"nodules = {s.nodules}", f"sensitivity_at_1_fp = {_inline(s.at_1)}"]
    return lines


def _number(value: float) -> str:
    return f"{value:.3f}"


def _bounds(found: Estimate) -> str:
    return f"[{_number(found.low)}, {_number(found.high)}]"


def _inline(found: Estimate) -> str:
    return f"{{ value = {_number(found.value)}, ci95 = {_bounds(found)} }}"


def _stratum_lines(strata: Sequence[Stratum]) -> list[str]:
    lines = ["", "[measured.sensitivity_at_default_by_stratum]"]
    nodule_groups = [s for s in strata if s.false_marks is None]
    lines += [
        f"{json.dumps(s.name)} = {{ value = {_number(s.at_default.value)}, nodules = {s.nodules} }}"
        for s in nodule_groups
    ]
    for s in strata:
        lines += ["", "[[measured.strata]]", f"group = {json.dumps(s.group)}", f"name = {json.dumps(s.name)}"]
        lines += [f"nodules = {s.nodules}", f"sensitivity_at_1_fp = {_inline(s.at_1)}"]
        lines += [f"sensitivity_at_2_fp = {_inline(s.at_2)}"]
        if s.false_marks is not None:
            lines.append(f"false_marks_at_default = {_number(s.false_marks)}")
    return lines


def _effect_lines(found: Summary) -> list[str]:
    lines = []
    for e in found.degradations:
        lines += ["", "[[measured.degradations]]", f"name = {json.dumps(e.name)}", f"sources = {json.dumps(e.sources)}"]
        lines += [f"scans = {e.scans}", f"sensitivity_at_1_fp = {_inline(e.at_1)}"]
        lines += [f"paired_change_at_1_fp = {_inline(e.change_at_1)}"]
        lines += [f"sensitivity_at_default = {_inline(e.at_default)}"]
        lines += [f"paired_change_at_default = {_inline(e.change_at_default)}"]
        lines += [f"false_marks_at_default = {_number(e.false_marks)}"]
    return lines


def _real_lines(real: Sequence[RealNodule]) -> list[str]:
    lines = []
    for n in real:
        lines += ["", "[[measured.real_nodules]]", f"scan = {json.dumps(n.scan)}", f"diameter_mm = {n.diameter_mm:.1f}"]
        lines += [f"score = {'nan' if n.score is None else _number(n.score)}"]
        lines += [f"false_marks_above = {n.false_marks_above}", f"at_least_two_readers = {str(n.sure).lower()}"]
    return lines


def _variants(variants: Sequence[Variant]) -> list[str]:
    lines = []
    for v in variants:
        lines += ["", "[[measured.variants]]", f"name = {json.dumps(v.name)}", f"parameters = {v.parameters}"]
        lines += [f"steps = {v.steps}", f"seconds_per_scan = {v.seconds_per_scan:.2f}", f"cpm = {_number(v.cpm)}"]
        lines += [f"sensitivity_at_1_fp = {_number(v.sensitivity_at_1)}"]
    return lines


def write_document(found: Summary, variants: Sequence[Variant], docs: Path) -> Path:
    """detector.md in the folder `docs` and its two plots in `docs`/images; the path of the document."""
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    _saved(_froc_figure(found), images / FROC_IMAGE)
    _saved(_reliability_figure(found), images / RELIABILITY_IMAGE)
    document = docs / "detector.md"
    document.write_text(document_text(found, variants), encoding="utf-8")
    return document


def document_text(found: Summary, variants: Sequence[Variant]) -> str:
    """docs/detector.md, in Markdown."""
    parts = [_opening(found), _operating(found), _groups(found), *_wholes(found.whole), _protocols(found)]
    parts.append(_calibration(found))
    return "\n\n".join([*parts, _real(found), *([_compared(variants)] if variants else []), LIMITS]) + "\n"


def _opening(found: Summary) -> str:
    return f"""# What the detector finds

Written by `models.training.detector.report` from the saved readings; do not edit.

{found.nodules} nodules of 4 to 30 mm in {found.copies} filled copies of {len(found.scans)} scans: \
{", ".join(found.scans)}. Every scan was read by a network that never saw its patient, and the shapes of the inserted \
nodules come from patients that none of these networks learnt from. {len(found.dropped)} nodules that were wanted \
found no place and are not counted.

A mark hits a nodule when it lies within the nodule's radius of its centre. Intervals are 95 %, from 1,000 resamples \
of the patients, all copies of a patient's scans together."""


def _operating(found: Summary) -> str:
    rows = [(f"{p:g}", _shown(e)) for p, e in zip(CPM_POINTS, found.froc, strict=True)]
    rows.append(("mean of these (CPM)", _shown(found.cpm)))
    table = _table(("false marks per scan", "sensitivity"), rows)
    points = zip(OPERATING_POINTS, found.strict_at, strict=True)
    strict = ", ".join(f"{_shown(e)} at {p:g}" for p, e in points)
    return f"""## Sensitivity and false marks

![Sensitivity against false marks per scan](images/{FROC_IMAGE})

{table}

Marks on places that look like a nodule and that nobody labelled are ignored above \
(`models/training/material/unlabelled.toml` names them and says who \
looked). When they count as false: {strict}, CPM {_shown(found.strict_cpm)}.

At the default threshold {found.threshold:.3f}: sensitivity {_shown(found.at_default)}, \
{_shown(found.false_marks)} false marks per scan; {found.natural_false_marks:.2f} in the scans without inserted \
nodules. When each scan is read at the threshold chosen on the others: sensitivity \
{found.transferred.sensitivity:.3f}, {found.transferred.false_marks:.2f} false marks per scan."""


def _groups(found: Summary) -> str:
    heads = ("group", "nodules", "at 1 false mark per scan", "at 2", "at the default", "false marks at the default")
    parts = ["## By size, composition, location and source"]
    for group in dict.fromkeys(s.group for s in found.strata):
        rows = [
            (s.name, str(s.nodules), _shown(s.at_1), _shown(s.at_2), _shown(s.at_default), _optional(s.false_marks))
            for s in found.strata
            if s.group == group
        ]
        parts.append(_table((group, *heads[1:]), rows))
    return "\n\n".join(parts)


def _wholes(found: Summary | None) -> list[str]:
    if found is None:
        return []
    rows = [(f"{p:g}", _shown(e)) for p, e in zip(OPERATING_POINTS, found.at, strict=True)]
    rows += [("CPM", _shown(found.cpm)), ("CPM, unlabelled places counted", _shown(found.strict_cpm))]
    groups = [(s.group, s.name, str(s.nodules), _shown(s.at_1), _shown(s.at_2)) for s in found.strata]
    opening = (
        "## Whole real nodules\n\n"
        f"{found.nodules} nodules of patients that no network learnt from, put into the same scans with their own "
        "texture, vessels and walls: harder than filled outlines, as real nodules are."
    )
    heads = ("group", "which", "nodules", "at 1 false mark per scan", "at 2")
    return [opening, _table(("false marks per scan", "sensitivity"), rows), _table(heads, groups)]


def _protocols(found: Summary) -> str:
    heads = ("shown with", "sources", "at 1 false mark per scan", "change", "at the default", "change", "false marks")
    table = _table(heads, [_effect_row(e) for e in found.degradations])
    return f"""## The same scans by other protocols

The same filled copies, changed by computation: slices averaged and interpolated back; an in-plane unsharp mask with \
2.5 times the noise; twice the noise. Changes are paired.

{table}"""


def _effect_row(e: DegradationEffect) -> tuple[str, ...]:
    shown = (_shown(e.at_1), _signed(e.change_at_1), _shown(e.at_default), _signed(e.change_at_default))
    return e.name, f"{e.sources} ({e.scans})", *shown, f"{e.false_marks:.2f}"


def _calibration(found: Summary) -> str:
    rows = [
        (f"{b.low:.1f}-{b.high:.1f}", str(b.marks), f"{b.mean_score:.3f}", f"{b.nodule_share:.3f}")
        for b in found.reliability
    ]
    table = _table(("score", "marks", "mean score", "share that are nodules"), rows)
    return f"""## Is the score a probability

![Share of marks that are nodules against their score](images/{RELIABILITY_IMAGE})

{table}

Expected calibration error {found.calibration_error:.3f}, Brier score {found.brier:.3f}, of marks of at least 0.05; \
each scan's scores are calibrated on the others. This holds at {found.nodules_per_scan:.1f} nodules per scan: with \
fewer, a mark of the same score is less often a nodule."""


def _real(found: Summary) -> str:
    heads = ("scan", "diameter", "enough readers", "score", "false marks above it in its scan")
    rows = [
        (n.scan, f"{n.diameter_mm:.1f} mm", "yes" if n.sure else "no", _optional(n.score), str(n.false_marks_above))
        for n in found.real
    ]
    return "## Real nodules, one by one\n\nOf a missed one all false marks are counted.\n\n" + _table(heads, rows)


def _compared(variants: Sequence[Variant]) -> str:
    heads = ("variant", "parameters", "steps", "seconds per scan", "CPM", "sensitivity at 1 false mark per scan")
    rows = [
        (
            v.name,
            f"{v.parameters:,}",
            f"{v.steps:,}",
            f"{v.seconds_per_scan:.2f}",
            _number(v.cpm),
            _number(v.sensitivity_at_1),
        )
        for v in variants
    ]
    said = """Each learnt from one half of the scans for the same few steps and was measured on the other half. \
Seconds were taken while other trainings ran: they compare the rows and nothing else."""
    return f"## Variants compared\n\n{said}\n\n{_table(heads, rows)}"


LIMITS = """## What this does not show

- The shipped weights learnt from all scans. What is measured are networks of the same recipe that missed some of them.
- The scans are few, so the intervals are wide and hold for scans like these.
- Inserted nodules have real shapes but blended density; they lack scars, retraction and feeding vessels.
- A mark on a real nodule that nobody labelled counts as false, unless the place was found on review.
- The default threshold was chosen on these readings; the figures at the threshold of the other scans are free of that.
- Protocols are simulated. A real sharp kernel or low dose also brings streaks."""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows))


def _shown(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _optional(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _froc_figure(found: Summary) -> Figure:
    figure, axes = _figure("false marks per scan", "sensitivity")
    axes.fill_between(CPM_POINTS, [p.low for p in found.froc], [p.high for p in found.froc], color=COLOUR, alpha=0.2)
    axes.plot(CPM_POINTS, [p.value for p in found.froc], color=COLOUR, marker="o")
    axes.set_xscale("log", base=2)
    axes.set_xticks(CPM_POINTS, [f"{p:g}" for p in CPM_POINTS])
    axes.set_title(f"CPM {_shown(found.cpm)}", fontsize="medium")
    return figure


def _reliability_figure(found: Summary) -> Figure:
    figure, axes = _figure("mean score of the marks", "share that are nodules")
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    scores, shares = [b.mean_score for b in found.reliability], [b.nodule_share for b in found.reliability]
    axes.plot(scores, shares, color=COLOUR, marker="o")
    for b in found.reliability:
        axes.annotate(str(b.marks), (b.mean_score, b.nodule_share), xytext=(5, -10), textcoords="offset points")
    axes.set_xlim(0, 1)
    axes.set_title(f"expected calibration error {found.calibration_error:.3f}", fontsize="medium")
    return figure


def _figure(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.5, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y, ylim=(0, 1.02))
    axes.grid(visible=True, alpha=0.3)
    return figure, axes


def _saved(figure: Figure, file: Path) -> None:
    """As PNG without the version of the program, so that the same figures give the same file."""
    figure.savefig(file, dpi=110, metadata={"Software": None})
