"""The scripts of the comparison page: small modules, each of which the service hands out and ships."""

from __future__ import annotations

import re

from cad.web.comparison import ASSETS, SCRIPT, WEB_FOLDER

SCRIPTS = sorted(name for name, kind in ASSETS.items() if kind == SCRIPT)
IMPORT = re.compile(r'^import \{ (.*) \} from "(.*)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.MULTILINE)


def test_every_script_in_the_folder_is_handed_out() -> None:
    assert sorted(str(path.relative_to(WEB_FOLDER)) for path in WEB_FOLDER.rglob("*.js")) == SCRIPTS


def test_every_import_is_handed_out_and_finds_what_it_names() -> None:
    imports = 0
    for script in SCRIPTS:
        for names, address in IMPORT.findall((WEB_FOLDER / script).read_text()):
            target = str(((WEB_FOLDER / script).parent / address).resolve().relative_to(WEB_FOLDER.resolve()))
            assert target in ASSETS
            assert set(names.split(", ")) <= set(EXPORT.findall((WEB_FOLDER / target).read_text()))
            imports += 1
    assert imports > len(SCRIPTS)
