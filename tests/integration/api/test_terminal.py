"""`paceline run` at a terminal: a live table, and questions asked right there."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.integration.api.command_line import CommandLine
from tests.integration.api.terminals import Terminal

pytestmark = pytest.mark.temporal


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_questions_are_asked_and_answered_at_the_terminal(paceline: CommandLine, plan: str) -> None:
    terminal = Terminal.of(paceline, "run", plan, "--agent", "human")
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
    terminal = Terminal.of(paceline, "run", plan, "--agent", "human")
    try:
        terminal.read_until("later: ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.read_to_the_end() == 130, terminal.screen
    finally:
        terminal.close()
    assert "goes on with it" in terminal.screen
    assert "Traceback" not in terminal.screen
    again = Terminal.of(paceline, "run", plan, "--agent", "human")
    try:
        again.read_until("attached to")
        again.read_until("later: ")
        again.type("reject\n")
        status = again.read_to_the_end()
    finally:
        again.close()
    assert status == 1, again.screen
