"""`lungcad validate`: a batch of series with references: FROC, agreement, report."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.case.folders import check_can_write
from cad.commands.options import (
    RUNTIMES,
    WRONG_ARGUMENTS,
    Commands,
    add_device,
    choice_of,
    detector,
    existing_file,
    part_names,
    say,
    score,
)

LEAST_SCORE = 0.05
"""The least score of a mark in a validation: FROC needs marks far below the threshold of the reports."""


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("validate", help="a batch of series with references: FROC, agreement, report")
    command.add_argument(
        "manifest", type=existing_file, metavar="MANIFEST", help="CSV or JSON list of series and truth, perhaps prior"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for report.json, report.md")
    command.add_argument(
        "--only", type=part_names, metavar="PARTS", help="nodules, calcium or both, with a comma between"
    )
    command.add_argument(
        "--min-score", type=score, default=LEAST_SCORE, metavar="S", help=f"least score of a mark ({LEAST_SCORE})"
    )
    add_device(command)
    command.add_argument("--runtime", choices=RUNTIMES, default="auto", help="what runs lungcad's networks")
    command.add_argument("--detector", type=detector, default="lungcad", metavar="WHICH", help="as for analyze")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from functools import cache

    from cad.case.case import CaseResult
    from cad.case.stopwatch import Stopwatch
    from cad.commands.reading import SeriesOrder, read_series
    from cad.commands.validation import Batch, validate
    from cad.commands.validation_references import BadReference, ManifestRow, read_manifest
    from cad.policy import Policy

    check_can_write(arguments.out)
    try:
        rows = read_manifest(arguments.manifest)
    except BadReference as problem:
        say(str(problem))
        return WRONG_ARGUMENTS
    load = cache(arguments.load)

    def analyse(row: ManifestRow) -> CaseResult:
        order = SeriesOrder(
            series=(row.series,),
            priors=() if row.prior is None else (row.prior,),
            parts=arguments.only,
            min_score=arguments.min_score,
        )
        return read_series(order, lambda: load(choice_of(arguments)), Stopwatch())

    def threshold() -> float:
        return 0.0 if arguments.only == ("calcium",) else load(choice_of(arguments)).networks.detector.default_min_score

    report = validate(Batch(rows, analyse, threshold(), Policy().calcium), arguments.out, say)
    print(f"{report['read']} of {report['series']} series read; report in {arguments.out}")
    return 0
