"""Makes `.venv` ready: locked dependencies with checked hashes, and the project itself, editable.

Standard library only. Run again, it does nothing until a lock or `pyproject.toml` changes; two at once run
one after the other. `bootstrap.py uv ARGUMENTS` runs the uv it uses.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "paceline-bootstrap"
OWN = ROOT / ".bootstrap"
"""Where uv goes when the machine has none, and the lock."""
UV_LOCK = ROOT / "scripts" / "requirements-uv.lock"
LOCKS = (ROOT / "requirements-dev.lock", ROOT / "scripts" / "requirements-build.lock")
PIP_ZIPAPP = "https://bootstrap.pypa.io/pip/pip.pyz"


class Failed(Exception):
    """What is missing and what to do, in one sentence."""


def say(sentence: str) -> None:
    sys.stderr.write(f"bootstrap: {sentence}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    try:
        if arguments[:1] == ["uv"]:
            with one_at_a_time():
                uv = find_uv()
            return subprocess.run([uv, *arguments[1:]], check=False, cwd=ROOT).returncode
        prepare()
    except Failed as failure:
        say(str(failure))
        return 1
    return 0


def prepare() -> None:
    """Brings `.venv` to what the locks say."""
    if shutil.which("git") is None:
        raise Failed("git is needed and is not on PATH; install it.")
    if is_ready():
        return
    with one_at_a_time():
        if is_ready():  # the process that was waited for did it
            return
        began = time.monotonic()
        STAMP.unlink(missing_ok=True)
        uv = find_uv()
        if not runs([str(PYTHON), "-c", ""]):
            say(f"creating .venv with Python {sys.version.split()[0]} ...")
            call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)])
        say("installing the locked dependencies ...")
        locks = [str(lock) for lock in LOCKS]
        call([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), *locks])
        editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        call([uv, "pip", "install", "--quiet", "--python", str(PYTHON), *editable])
        STAMP.write_text(fingerprint())
        say(f".venv is ready after {time.monotonic() - began:.0f} s.")


def fingerprint() -> str:
    """Everything that .venv depends on; its own place too, because its scripts name it."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (*LOCKS, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_ready() -> bool:
    return STAMP.is_file() and STAMP.read_text() == fingerprint() and runs([str(PYTHON), "-c", ""])


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Holds the checkout's lock, which the kernel frees when its holder dies."""
    OWN.mkdir(exist_ok=True)
    with (OWN / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another bootstrap is at work; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_uv() -> str:
    """A uv that runs: on PATH, installed here earlier, or installed here now with what this Python has."""
    places = [shutil.which("uv"), str(OWN / "venv" / "bin" / "uv"), str(OWN / "lib" / "bin" / "uv")]
    for place in places:
        if place is not None and runs([place, "--version"]):
            return place
    ways: list[tuple[str, Callable[[], str]]] = [
        ("a virtual environment", uv_in_venv),
        ("this Python's own pip", uv_by_own_pip),
        ("a downloaded pip", uv_by_downloaded_pip),
    ]
    for name, way in ways:
        say(f"installing uv with {name} ...")
        try:
            uv = way()
        except (OSError, Failed) as reason:
            say(f"that did not work ({reason}).")
            continue
        if runs([uv, "--version"]):
            return uv
    raise Failed(
        "uv could not be installed: install it (https://docs.astral.sh/uv), or give this Python pip and venv "
        f"(on Debian and Ubuntu: apt install python3-venv), or let this machine reach PyPI and {PIP_ZIPAPP}."
    )


def uv_in_venv() -> str:
    place = OWN / "venv"
    shutil.rmtree(place, ignore_errors=True)
    call([sys.executable, "-m", "venv", str(place)], quiet=True)
    call([str(place / "bin" / "python"), "-m", "pip", *pip_install()], quiet=True)
    return str(place / "bin" / "uv")


def uv_by_own_pip() -> str:
    call([sys.executable, "-m", "pip", *pip_install(OWN / "lib")], quiet=True)
    return str(OWN / "lib" / "bin" / "uv")


def uv_by_downloaded_pip() -> str:
    zipapp = OWN / "pip.pyz"
    with urllib.request.urlopen(PIP_ZIPAPP, timeout=60) as answer:
        zipapp.write_bytes(answer.read())
    call([sys.executable, str(zipapp), *pip_install(OWN / "lib")], quiet=True)
    return str(OWN / "lib" / "bin" / "uv")


def pip_install(target: Path | None = None) -> list[str]:
    place = [] if target is None else ["--target", str(target), "--upgrade"]
    return ["install", "--quiet", "--no-input", "--require-hashes", *place, "--requirement", str(UV_LOCK)]


def runs(command: Sequence[str]) -> bool:
    """Whether a command exists and ends well; a version manager's shim may exist and start nothing."""
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def call(command: Sequence[str], *, quiet: bool = False) -> None:
    """Runs a command with this Python only: uv neither looks for another environment nor fetches a Python."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=quiet,
        text=True,
    )
    if done.returncode != 0:
        said = (done.stderr or "").strip().splitlines() if quiet else []
        last = f": {said[-1][:200]}" if said else ""
        raise Failed(f"`{' '.join(command[:4])} ...` ended with status {done.returncode}{last}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
