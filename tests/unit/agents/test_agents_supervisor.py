from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paceline.agents import supervisor
from paceline.agents.supervisor import Output, descendants, start_time


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(min_value=2, max_value=120))
def test_a_stream_keeps_its_beginning_and_its_end(chunks: list[bytes], limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        output = Output(str(path), limit)
        for chunk in chunks:
            output.take(chunk)
        output.close()
        kept, whole = path.read_bytes(), b"".join(chunks)
    if len(whole) <= limit:
        assert kept == whole
    else:
        tail = limit // 2
        note = b"\n[%d bytes left out here]\n" % (len(whole) - limit)
        assert kept == whole[: limit - tail] + note + whole[len(whole) - tail :]


def test_a_process_has_one_start_time_and_a_dead_one_none() -> None:
    own = start_time(os.getpid())
    assert own is not None
    assert start_time(os.getpid()) == own
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert start_time(child.pid) not in (None, own)
    assert child.pid in descendants(os.getpid())
    child.communicate(b"\n")
    assert start_time(child.pid) is None
    assert child.pid not in descendants(os.getpid())


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(child.pid) is None
    child.wait()


def test_the_program_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(supervisor.__file__).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
