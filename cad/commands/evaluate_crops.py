"""`lungcad evaluate-crops`: how well nodules are outlined and rated, on readers' crops."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cad.case.folders import check_file
from cad.commands.options import Commands, add_device, existing_file, say


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("evaluate-crops", help="how well nodules are outlined and rated, on readers' crops")
    command.add_argument(
        "crops", type=existing_file, metavar="FILE.npz", help="nodules with outlines and ratings of several readers"
    )
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the figures go")
    add_device(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    check_file(arguments.out)
    from cad.commands.crop_figures import evaluate_crops, summary_line

    document = evaluate_crops(arguments.crops, arguments.device, say)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(summary_line(document))
    return 0
