"""`paceline run` at a terminal: a live table, and questions asked right there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.integration.api.command_line import PATIENCE, CommandLine

pytestmark = pytest.mark.temporal


class Terminal:
    """The other end of a command's terminal."""

    def __init__(self, paceline: CommandLine, *arguments: str) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.process = subprocess.Popen(
            paceline.command(*arguments),
            env={**paceline.variables, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.screen = ""

    def read_until(self, text: str) -> None:
        """Read until a text came that was not read before."""
        seen, deadline = len(self.screen), time.monotonic() + PATIENCE
        while text not in self.screen[seen:]:
            assert time.monotonic() < deadline, self.screen
            assert self._read(), f"the command ended before {text!r}: {self.screen}"

    def read_to_the_end(self) -> int:
        """Read everything that is left; returns the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self._end, text.encode())

    def _read(self) -> bool:
        ready, _, _ = select.select([self._end], [], [], PATIENCE)
        try:
            chunk = os.read(self._end, 65_536) if ready else b""
        except OSError:  # Linux: nobody has the other end any more
            chunk = b""
        self.screen += chunk.decode(errors="replace")
        return bool(chunk)

    def close(self) -> None:
        """Let go, also of a command that still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_questions_are_asked_and_answered_at_the_terminal(paceline: CommandLine, plan: str) -> None:
    terminal = Terminal(paceline, "run", plan, "--agent", "human")
    try:
        terminal.read_until("later: ")
        assert "Dig the beds" in terminal.screen
        terminal.type("perhaps\n")
        terminal.read_until("later: ")
        terminal.type("amend the north bed first\n")
        terminal.read_until("later: ")
        assert "Sow the beans" in terminal.screen
        terminal.type("approve\n")
        status = terminal.read_to_the_end()
    finally:
        terminal.close()
    assert status == 0, terminal.screen
    assert "Type approve, amend with a text" in terminal.screen
    assert "2 of 2 stories" in terminal.screen
    assert "Bundle: " in terminal.screen


def test_ctrl_c_leaves_the_run_to_be_continued(paceline: CommandLine, plan: str) -> None:
    terminal = Terminal(paceline, "run", plan, "--agent", "human")
    try:
        terminal.read_until("later: ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.read_to_the_end() == 130, terminal.screen
    finally:
        terminal.close()
    assert "goes on with it" in terminal.screen
    assert "Traceback" not in terminal.screen
    again = Terminal(paceline, "run", plan, "--agent", "human")
    try:
        again.read_until("attached to")
        again.read_until("later: ")
        again.type("reject\n")
        status = again.read_to_the_end()
    finally:
        again.close()
    assert status == 1, again.screen
