"""`lungcad simulate`: a deterministic synthetic chest CT study as DICOM, with its truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.case.folders import complete_folder
from cad.commands.options import Commands, Whole


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("simulate", help="a deterministic synthetic chest CT study as DICOM, with its truth")
    command.add_argument("out", type=Path, metavar="OUT", help="new folder for series and truth.json")
    command.add_argument("--seed", type=Whole(0, 2**32 - 1), default=0, help="which patient (default 0)")
    command.add_argument("--nodules", type=Whole(0, 20), default=3, help="how many nodules (default 3)")
    command.add_argument("--followup", type=Whole(1, 3650), metavar="DAYS", help="a second visit after DAYS")
    command.add_argument("--calcium", action="store_true", help="with calcified coronary plaques")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from models.phantom.simulation import StudyRecipe, simulate

    recipe = StudyRecipe(arguments.seed, arguments.nodules, arguments.followup, arguments.calcium)
    with complete_folder(arguments.out) as partial:
        visits = [folder.relative_to(partial) for folder in simulate(partial, recipe)]
    for visit in visits:
        print(f"{arguments.out / visit / 'series'}  (truth: {arguments.out / visit / 'truth.json'})")
    return 0
