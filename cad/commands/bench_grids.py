"""`lungcad bench-grids`: how far the measures of real scans depend on grid, kernel and noise."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.case.folders import check_file
from cad.commands.options import Commands, add_device, existing, say


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser(
        "bench-grids", help="the same scans on other grids, by other kernels, with more noise"
    )
    command.add_argument("series", type=existing, nargs="+", metavar="SERIES", help="folders of one chest CT each")
    command.add_argument("--only", action="append", metavar="COPY", help="this copy alone, by its name; repeatable")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write every reading there")
    add_device(command, "the networks run")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if arguments.json is not None:
        check_file(arguments.json)
    from cad.commands.grids_bench import as_json, grids_bench, table

    found = grids_bench(tuple(arguments.series), arguments.only, arguments.device, say)
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0
