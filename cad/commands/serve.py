"""`lungcad serve`: the service beside Orthanc."""

from __future__ import annotations

import argparse

from cad.commands.options import WRONG_ARGUMENTS, Commands, existing_file, say


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("serve", help="the service beside Orthanc")
    command.add_argument("--config", type=existing_file, metavar="FILE", help="settings as TOML")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cad.commands.wiring import serve
    from cad.service.analysis import installed_analysis
    from cad.service.settings import SettingsError, load_settings

    try:
        settings = load_settings(arguments.config)
    except SettingsError as problem:
        say(str(problem))
        return WRONG_ARGUMENTS
    return serve(settings, installed_analysis, arguments.config)
