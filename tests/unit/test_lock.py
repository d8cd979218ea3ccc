"""The lock of the image says what the pins say, each with hashes."""

from __future__ import annotations

import re
import tomllib

from tests.places import ROOT

LOCK = (ROOT / "docker" / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
LOCKED = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_version_is_the_pinned_one() -> None:
    pins = {plain(name): version for name, version in PINS.items()}
    assert LOCKED
    assert {name: version for name, version in LOCKED.items() if pins.get(plain(name), version) != version} == {}


def test_every_dependency_of_the_service_is_locked_but_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {plain(re.split(r"[\[<>=!~ ]", item)[0]) for item in project["dependencies"]}
    assert names - {plain(name) for name in LOCKED} == {"torch"}


def test_every_entry_has_a_hash() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
