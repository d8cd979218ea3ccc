"""`lungcad evaluate-followup`: how well nodules are followed, on pairs of known course."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cad.case.folders import check_file
from cad.commands.options import Commands, Whole, add_device, existing, say


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("evaluate-followup", help="how well nodules are followed, on pairs of known course")
    command.add_argument("--data", type=existing, required=True, metavar="DIR", help="labelled scans and crops")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the figures go")
    command.add_argument("--pairs", type=Whole(1, 20), default=1, metavar="N", help="pairs of each scan (default 1)")
    add_device(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    check_file(arguments.out)
    from cad.case.choices import NetworkChoice
    from cad.commands.followup_figures import PairsOrder, evaluate_followup, summary_line

    order = PairsOrder(arguments.data, arguments.pairs)
    document = evaluate_followup(order, arguments.load(NetworkChoice(arguments.device)), say)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(summary_line(document))
    return 0
