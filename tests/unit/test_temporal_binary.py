"""The order in which a server is looked for; scripts stand in for the executables that are looked for."""

from __future__ import annotations

import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import temporalio.service

from paceline.errors import ConfigurationError, ServerUnavailable
from paceline.settings import Settings
from workers import temporal_binary
from workers.temporal_binary import CLI_MODULE, CLI_VERSION, Binary, ExternalServer, find_server

FAKE_TEMPORAL = "#!/bin/sh\necho temporal version 1.5.1\n"


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a shell's few tools and a folder of the test's own, and no way out to a download."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "echo", "cp", "mkdir", "chmod", "sleep"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    return tools


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path / "cache", temporal_address=None, temporal_binary=None)


def test_running_server_comes_first(settings: Settings, folder: Path) -> None:
    script(folder / "temporal", FAKE_TEMPORAL)
    named = settings.model_copy(update={"temporal_address": "temporal.example:7233"})
    assert find_server(named, print) == ExternalServer("temporal.example:7233")


def test_named_binary_comes_before_path(settings: Settings, folder: Path, tmp_path: Path) -> None:
    script(folder / "temporal", FAKE_TEMPORAL)
    own = script(tmp_path / "own" / "temporal", FAKE_TEMPORAL)
    found = find_server(settings.model_copy(update={"temporal_binary": own}), print)
    assert found == Binary(own, "PACELINE_TEMPORAL_BINARY")


def test_named_binary_that_does_not_run_is_refused(settings: Settings, tmp_path: Path) -> None:
    missing = settings.model_copy(update={"temporal_binary": tmp_path / "no-such-file"})
    with pytest.raises(ConfigurationError, match=r"no-such-file.*correct it or unset it"):
        find_server(missing, print)


def test_path_comes_before_the_cache(settings: Settings, folder: Path) -> None:
    on_path = script(folder / "temporal", FAKE_TEMPORAL)
    script(settings.cache / "bin" / f"temporal-{CLI_VERSION}" / "temporal", FAKE_TEMPORAL)
    found = find_server(settings, print)
    assert isinstance(found, Binary)
    assert found.path == on_path


def test_broken_binary_on_path_is_passed_over(settings: Settings, folder: Path) -> None:
    script(folder / "temporal", "#!/bin/sh\nexit 1\n")
    built = script(settings.cache / "bin" / f"temporal-{CLI_VERSION}" / "temporal", FAKE_TEMPORAL)
    said: list[str] = []
    assert find_server(settings, said.append) == Binary(built, "built earlier")
    assert any("passing over" in sentence for sentence in said)


def test_earlier_download_of_the_sdk_is_used(settings: Settings, folder: Path) -> None:
    name = f"temporal-sdk-python-{temporalio.service.__version__}"
    fetched = script(settings.cache / "bin" / name, FAKE_TEMPORAL)
    assert find_server(settings, print) == Binary(fetched, "fetched earlier")


def fake_go(folder: Path, log: Path, extra: str = "") -> None:
    """A toolchain that notes how it was called and "builds" a binary."""
    script(
        folder / "go",
        f"""#!/bin/sh
echo "$@" >> {log}
{extra}
printf '#!/bin/sh\\necho temporal version 1.5.1\\n' > "$GOBIN/temporal"
chmod 755 "$GOBIN/temporal"
""",
    )


def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the SDK's download out, where the test is about what follows it."""

    def nothing(settings: Settings, say: temporal_binary.Say) -> None:
        return None

    monkeypatch.setattr(temporal_binary, "_download", nothing)


def test_build_after_a_refused_download(settings: Settings, folder: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    fake_go(folder, calls)
    said: list[str] = []
    found = find_server(settings, said.append)
    assert isinstance(found, Binary)
    assert found == Binary(
        settings.cache / "bin" / f"temporal-{CLI_VERSION}" / "temporal", f"built from {CLI_MODULE}"
    )
    assert calls.read_text() == f"install {CLI_MODULE}\n"
    assert any("the download did not work after" in sentence for sentence in said)
    assert any(sentence.startswith("Temporal: built in ") for sentence in said)
    assert find_server(settings, print) == Binary(found.path, "built earlier")
    assert calls.read_text().count("\n") == 1


def test_two_at_once_build_once(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_download(monkeypatch)
    calls, go_on = tmp_path / "calls", tmp_path / "go-on"
    until_the_other_waits = f"n=0; while [ ! -e {go_on} ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done"
    fake_go(folder, calls, extra=until_the_other_waits)
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        if "waiting for it" in sentence:
            go_on.touch()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(find_server, (settings, settings), (say, say))
    assert isinstance(first, Binary)
    assert isinstance(second, Binary)
    assert first.path == second.path
    assert calls.read_text().count("\n") == 1
    assert go_on.exists()


def test_failed_build_leaves_nothing_and_names_every_way_out(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_download(monkeypatch)
    script(folder / "go", "#!/bin/sh\necho go: no such module >&2\nexit 1\n")
    said: list[str] = []
    with pytest.raises(ServerUnavailable) as failed:
        find_server(settings, said.append)
    assert any("go: no such module" in sentence for sentence in said)
    for way in ("PACELINE_TEMPORAL_ADDRESS", "PACELINE_TEMPORAL_BINARY", "temporal.download", "install Go"):
        assert way in failed.value.message
    assert "\n" not in failed.value.message
    assert {entry.name for entry in (settings.cache / "bin").iterdir()} == {"lock"}


def test_stalled_download_is_given_up(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_binary, "DOWNLOAD_STALL", 0.1)
    monkeypatch.setattr(sys, "executable", str(script(folder / "hangs", "#!/bin/sh\nsleep 600\n")))
    said: list[str] = []
    began = time.monotonic()
    with pytest.raises(ServerUnavailable):
        find_server(settings, said.append)
    assert any("nothing arrived" in sentence for sentence in said)
    assert time.monotonic() - began < 60


def test_long_work_says_so_again_and_again(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_binary, "PROGRESS_INTERVAL", 0.1)
    no_download(monkeypatch)
    fake_go(folder, tmp_path / "calls", extra="sleep 2")
    said: list[str] = []
    find_server(settings, said.append)
    assert sum("building for" in sentence for sentence in said) >= 2
