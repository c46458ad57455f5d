"""Finds a Temporal server: one that runs, a `temporal` binary on this machine, or one fetched or built once.

`python -m workers.temporal_binary` does only that, ahead of a run, and says what it does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import temporalio.service

from paceline.errors import ConfigurationError, PacelineError, ServerUnavailable
from paceline.settings import Settings

CLI_VERSION = "v1.5.1"
"""The newest tag that `go install` takes: later ones carry replace directives."""
CLI_MODULE = f"github.com/temporalio/cli/cmd/temporal@{CLI_VERSION}"

DOWNLOAD_STALL = 20.0
"""Seconds without a new byte after which the download is given up."""
DOWNLOAD_LIMIT = 600.0
BUILD_LIMIT = 1800.0
PROGRESS_INTERVAL = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class ExternalServer:
    """A server that somebody else runs."""

    address: str


@dataclass(frozen=True)
class Binary:
    """A `temporal` executable that can run the embedded server, and where it came from."""

    path: Path
    origin: str


def find_server(settings: Settings, say: Say) -> ExternalServer | Binary:
    """Finds a server or the means to start one, fetching or building the binary if it must.

    Blocks for minutes on the first call of a machine that has to build; safe to call from several processes
    at once, of which one does the work and the others wait for it.

    Args:
        settings: names the running server, the binary and the cache.
        say: is told in whole sentences what is done and how long it took.

    Raises:
        ConfigurationError: the binary that the settings name is not one.
        ServerUnavailable: none of the four ways works here.
    """
    if settings.temporal_address:
        say(f"Temporal: the server at {settings.temporal_address} (PACELINE_TEMPORAL_ADDRESS).")
        return ExternalServer(settings.temporal_address)
    found = known_binary(settings, say)
    if found is None:
        with _one_at_a_time(settings.cache / "bin", say):
            found = _cached(settings) or _download(settings, say) or _build(settings, say)
    if found is None:
        raise ServerUnavailable(_ways_out(settings))
    say(f"Temporal: {found.path} ({found.origin}).")
    return found


def known_binary(settings: Settings, say: Say) -> Binary | None:
    """The binary that is used without fetching or building one; None where there is none yet.

    Args:
        settings: may name it.
        say: is told of one on PATH that does not run.

    Raises:
        ConfigurationError: the binary that the settings name is not one.
    """
    return _named(settings) or _on_path(say) or _cached(settings)


def _ways_out(settings: Settings) -> str:
    return (
        "no Temporal server can be had here: set PACELINE_TEMPORAL_ADDRESS to one that runs, or put a "
        "`temporal` binary (https://docs.temporal.io/cli) on PATH or name it in PACELINE_TEMPORAL_BINARY, or "
        f"let this machine reach https://temporal.download, to fetch it to {settings.cache / 'bin'}, "
        f"or install Go (https://go.dev/dl) so that {CLI_MODULE} is built there."
    )


def _named(settings: Settings) -> Binary | None:
    if settings.temporal_binary is None:
        return None
    path = settings.temporal_binary.expanduser().absolute()
    if _version(path) is None:
        raise ConfigurationError(
            f"PACELINE_TEMPORAL_BINARY names {path}, which does not run as a `temporal` binary; "
            "correct it or unset it.",
            path=str(path),
        )
    return Binary(path, "PACELINE_TEMPORAL_BINARY")


def _on_path(say: Say) -> Binary | None:
    on_path = shutil.which("temporal")
    if on_path is None:
        return None
    if _version(Path(on_path)) is None:
        say(f"Temporal: {on_path} is on PATH but does not run; passing over it.")
        return None
    return Binary(Path(on_path), "found on PATH")


def _cached(settings: Settings) -> Binary | None:
    for path, origin in ((_built_path(settings), "built earlier"), (_sdk_path(settings), "fetched earlier")):
        if path.is_file() and os.access(path, os.X_OK):
            return Binary(path, origin)
    return None


def _built_path(settings: Settings) -> Path:
    return settings.cache / "bin" / f"temporal-{CLI_VERSION}" / "temporal"


def _sdk_path(settings: Settings) -> Path:
    """Where the SDK puts its download; the name is the SDK's."""
    version = temporalio.service.__version__
    return settings.cache / "bin" / f"temporal-sdk-python-{version}"


def _version(path: Path) -> str | None:
    """What the binary says of itself, or None if it does not run."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    return said if done.returncode == 0 and "temporal" in said.lower() else None


@contextmanager
def _one_at_a_time(folder: Path, say: Say) -> Generator[None]:
    """Holds the cache's lock, which the kernel frees when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Temporal: another process is fetching or building the binary; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(settings: Settings, say: Say) -> Binary | None:
    """Lets the SDK fetch its binary, in a process of its own: a refused download can abort its process."""
    target = _sdk_path(settings)
    say("Temporal: fetching the binary the SDK was tested with ...")
    began = time.monotonic()
    for partial in target.parent.glob("*.downloading"):
        partial.unlink()  # what a killed download left makes the SDK wait for a process that is no more
    command = [sys.executable, "-m", "workers.temporal_download", str(target.parent)]
    failure = _watched(command, say, "fetching", DOWNLOAD_LIMIT, grows=target.parent)
    if failure is None and _version(target) is not None:
        say(f"Temporal: fetched in {time.monotonic() - began:.0f} s.")
        return Binary(target, "fetched by the SDK")
    took = time.monotonic() - began
    say(f"Temporal: the download did not work after {took:.0f} s ({failure or 'no binary'}).")
    return None


def _build(settings: Settings, say: Say) -> Binary | None:
    """Builds the CLI with the Go toolchain into a folder beside its place, and renames it when it runs."""
    go = shutil.which("go")
    if go is None:
        say("Temporal: no Go toolchain on PATH to build the binary with.")
        return None
    target = _built_path(settings)
    say(f"Temporal: building {CLI_MODULE} with {go}; two to five minutes, once for this user ...")
    began = time.monotonic()
    for unfinished in target.parent.parent.glob("building-*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # a build that was killed; nobody else builds now
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix="building-") as scratch:
        environment = {**os.environ, "GOBIN": scratch, "GOOS": "", "GOARCH": ""}
        failure = _watched([go, "install", CLI_MODULE], say, "building", BUILD_LIMIT, environment=environment)
        built = Path(scratch) / "temporal"
        if failure is not None or _version(built) is None:
            took = time.monotonic() - began
            say(f"Temporal: the build failed after {took:.0f} s ({failure or 'no binary'}).")
            return None
        target.parent.mkdir(exist_ok=True)
        built.replace(target)
    say(f"Temporal: built in {time.monotonic() - began:.0f} s.")
    return Binary(target, f"built from {CLI_MODULE}")


def _watched(
    command: list[str],
    say: Say,
    doing: str,
    limit: float,
    *,
    grows: Path | None = None,
    environment: dict[str, str] | None = None,
) -> str | None:
    """Runs a command to its end with a sentence every `PROGRESS_INTERVAL` seconds.

    Args:
        limit: seconds after which the command is stopped.
        grows: a folder whose content must grow; stopped after `DOWNLOAD_STALL` seconds in which it did not.

    Returns:
        None when it ended well, otherwise the last line it printed or why it was stopped.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            stopped = _wait(process, say, doing, limit, grows)
        finally:
            _end_group(process)
        if stopped is not None:
            return stopped
        output.seek(0)
        lines = output.read()[-4000:].decode(errors="replace").strip().splitlines()
    if process.returncode == 0:
        return None
    return lines[-1][:300] if lines else f"exit status {process.returncode}"


def _wait(
    process: subprocess.Popen[bytes], say: Say, doing: str, limit: float, grows: Path | None
) -> str | None:
    began = grown = said = time.monotonic()
    size = -1
    while True:
        try:
            process.wait(timeout=0.5)
            return None
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        if grows is not None and (bytes_now := _size(grows)) != size:
            size, grown = bytes_now, now
        if grows is not None and now - grown > DOWNLOAD_STALL:
            return f"nothing arrived for {DOWNLOAD_STALL:.0f} s"
        if now - began > limit:
            return f"not done within {limit:.0f} s"
        if now - said >= PROGRESS_INTERVAL:
            said = now
            say(f"Temporal: {doing} for {now - began:.0f} s ...")


def _size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.iterdir() if entry.is_file())


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Stops a process that still runs, with its children: a compiler has many."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def main() -> int:
    """Makes sure that a server can be had; the exit status says whether."""

    def say(sentence: str) -> None:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()

    try:
        find_server(Settings(), say)
    except PacelineError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
