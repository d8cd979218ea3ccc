"""`lungcad analyze`: one CT series to SR, SEG, findings.json and a report."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from cad.case.folders import check_can_write
from cad.commands.options import (
    RUNTIMES,
    Commands,
    add_device,
    choice_of,
    detector,
    existing,
    existing_file,
    part_names,
    say,
    score,
)
from cad.errors import Refusal
from cad.report.words.choices import Language, LesionNames, ReportForm

if TYPE_CHECKING:
    from cad.case.case import CaseResult
    from cad.report.statements import Statements
    from cad.report.statements.followup import FollowupStatement


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("analyze", help="one CT series to SR, SEG, findings.json and a report")
    command.add_argument(
        "series", type=existing, nargs="+", metavar="SERIES", help="folder, zip archive or files, in any order"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    command.add_argument(
        "--prior", type=existing, nargs="+", action="extend", metavar="SERIES", help="earlier examinations, one each"
    )
    command.add_argument("--patient", type=existing_file, metavar="FILE.json", help="risk factors of the patient")
    command.add_argument(
        "--only", type=part_names, metavar="PARTS", help="nodules, calcium or both, with a comma between"
    )
    command.add_argument("--min-score", type=score, metavar="S", help="least score of a mark, 0..1")
    add_device(command)
    command.add_argument(
        "--runtime", choices=RUNTIMES, default="auto", help="what runs lungcad's networks (auto: torch)"
    )
    command.add_argument(
        "--detector", type=detector, default="lungcad", metavar="WHICH", help="lungcad or monai-bundle:FOLDER"
    )
    command.add_argument(
        "--language", choices=tuple(Language), default="both", help="of the report: English, Chinese or both (default)"
    )
    command.add_argument(
        "--lesion-names",
        choices=tuple(LesionNames),
        default="ohif",
        help="in the SR: ohif (default), or plain names",
    )
    command.add_argument("--images", action="store_true", help="also write overlay/*.png")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cad.case.files import Order, write_refusal, write_results
    from cad.case.stopwatch import Stopwatch
    from cad.commands.reading import SeriesOrder, read_series

    check_can_write(arguments.out)
    stopwatch = Stopwatch(say)
    order = SeriesOrder(
        series=tuple(arguments.series),
        priors=tuple(arguments.prior or ()),
        patient=arguments.patient,
        parts=arguments.only,
        min_score=arguments.min_score,
        form=ReportForm(Language(arguments.language), LesionNames(arguments.lesion_names)),
    )
    try:
        result = read_series(order, lambda: arguments.load(choice_of(arguments)), stopwatch)
    except Refusal as refusal:
        write_refusal(refusal, arguments.out)
        raise
    write_results(result, Order(arguments.out, arguments.images), stopwatch)
    print(f"{summary(result)}; {stopwatch.seconds()['total']:.1f} s; results in {arguments.out}")
    return 0


def summary(result: CaseResult) -> str:
    """What was found, in one line."""
    statements, slices = result.statements, result.loaded.series.slices
    if statements.nodules is None:
        found = "nodules not assessed"
    else:
        sizes = [one.nodule.diameters.mean_mm for one in statements.nodules]
        count = f"{len(sizes)} nodule{'' if len(sizes) == 1 else 's'}"
        found = f"{count}, the largest {max(sizes):.1f} mm" if sizes else "no nodule"
        found += "" if statements.followup is None else _changes(statements.followup)
    return "; ".join([f"{found} in {slices} slices", *_calcium(statements)])


def _calcium(statements: Statements) -> list[str]:
    """What is said of coronary calcium; nothing when it was not asked for."""
    from cad.report.statements import Subject

    if statements.calcium is not None:
        score = statements.calcium.score
        categories = ", ".join(f"{one.scheme}: {one.value}" for one in score.categories)
        return [f"coronary calcium {score.agatston:.1f} Agatston, non-gated estimate ({categories})"]
    if not statements.mentions_calcium:
        return []
    return [f"coronary calcium not assessed ({statements.missing[Subject.CALCIUM].reason})"]


def _changes(followup: FollowupStatement) -> str:
    """How many nodules have which status."""
    counts = Counter(one.record.status.value for one in followup.changes)
    order = ("growing", "stable", "shrinking", "new", "resolved")
    named = ", ".join(f"{counts[status]} {status}" for status in order if counts[status])
    return f" ({named or 'nothing to compare'} since {followup.record.latest.scan.acquired.isoformat()})"
