"""Says whether the lock files fit `pyproject.toml` and each other; works offline. Exit status 1 if not."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)")


def main(root: Path) -> int:
    """Prints one line a problem."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    build = project["build-system"]["requires"]
    pins = {
        name: read_lock(root / name)
        for name in ("requirements.lock", "requirements-dev.lock", "scripts/requirements-build.lock")
    }
    problems = [
        *unsatisfied(runtime, pins, "requirements.lock"),
        *unsatisfied([*runtime, *project["dependency-groups"]["dev"]], pins, "requirements-dev.lock"),
        *unsatisfied(build, pins, "scripts/requirements-build.lock"),
        *differing(pins, "requirements.lock"),
        *differing(pins, "scripts/requirements-build.lock"),
    ]
    for problem in problems:
        sys.stderr.write(f"{problem}; run `make lock`.\n")
    return 1 if problems else 0


def read_lock(path: Path) -> dict[str, str]:
    """Version by canonical name; every pin must carry hashes.

    Raises:
        ValueError: a pin has none.
    """
    pins: dict[str, str] = {}
    lines = path.read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if pin := PIN.match(line):
            if "--hash=sha256:" not in following:
                raise ValueError(f"{path.name} pins {pin['name']} without a hash")
            pins[canonicalize_name(pin["name"])] = pin["version"]
    return pins


def unsatisfied(written: list[str], pins: dict[str, dict[str, str]], lock: str) -> list[str]:
    """The requirements that a lock does not satisfy."""
    found: list[str] = []
    for requirement in map(Requirement, written):
        pinned = pins[lock].get(canonicalize_name(requirement.name))
        if pinned is None:
            found.append(f"{lock} does not pin {requirement.name}, which pyproject.toml asks for")
        elif not requirement.specifier.contains(pinned, prereleases=True):
            found.append(
                f"{lock} pins {requirement.name} {pinned}, and pyproject.toml asks for {requirement}"
            )
    return found


def differing(pins: dict[str, dict[str, str]], lock: str) -> list[str]:
    """What a lock pins to another version than the lock that the tests run with."""
    tested = pins["requirements-dev.lock"]
    build_only = lock != "requirements.lock"
    return [
        f"{lock} pins {name} {version}, and requirements-dev.lock {tested.get(name, 'does not')}"
        for name, version in pins[lock].items()
        if tested.get(name, version if build_only else None) != version
    ]


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))
