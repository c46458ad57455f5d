from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paceline.agents.outputs import STREAMS, Failure, read_outcome, read_result
from paceline.agents.supervised import Reason, RunExit
from paceline.domain.work import WorkOutcome, WorkResult
from paceline.errors import AgentError, AgentTimeout, ConfigurationError

INIT = {"type": "system", "subtype": "init", "session_id": "s"}


def claude(**facts: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, "result": "Did it."} | facts


def codex_said(text: str) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": text}}


CODEX_DONE = {
    "type": "turn.completed",
    "usage": {"input_tokens": 100, "cached_input_tokens": 90, "output_tokens": 5},
}
CODEX_RETRY = {"type": "error", "message": "Reconnecting... 1/5"}


def opencode(kind: str, **part: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1, "sessionID": "s", "part": part}


def step(tokens: int, cost: float) -> dict[str, Any]:
    counts = {"input": tokens, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 2}}
    return opencode("step_finish", tokens=counts, cost=cost)


@pytest.fixture
def read(tmp_path: Path):
    def read(
        output: str, lines: list[Any], code: int = 0, stderr: str = "", reason: Reason = "exited"
    ) -> Any:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        (tmp_path / "out").write_text(text + "\n")
        (tmp_path / "err").write_text(stderr)
        ended = RunExit(reason, code, 1.0)
        return read_outcome(output, ended, tmp_path / "out", tmp_path / "err", tmp_path / "result")

    return read


@pytest.mark.parametrize(
    ("output", "lines", "summary", "tokens", "cost"),
    [
        (
            "claude",
            [
                INIT,
                claude(
                    total_cost_usd=0.1,
                    usage={"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 9},
                ),
            ],
            "Did it.",
            16,
            0.1,
        ),
        ("claude", ["warning: x", {"type": "new.event"}, claude(), "[1]", "{"], "Did it.", None, None),
        (
            "codex",
            [codex_said("First."), CODEX_RETRY, codex_said("Did it."), CODEX_DONE],
            "Did it.",
            105,
            None,
        ),
        ("opencode", [step(10, 0.01), opencode("text", text="Did it."), step(20, 0.02)], "Did it.", 36, 0.03),
        ("opencode", [opencode("step_start"), opencode("text", text="Did it.")], "Did it.", None, None),
        ("text", ["Applied edit to a.py", "Did it."], "Applied edit to a.py\nDid it.", None, None),
    ],
)
def test_a_stream_that_ends_well_is_done(
    read: Any, output: str, lines: list[Any], summary: str, tokens: int | None, cost: float | None
) -> None:
    assert read(output, lines) == WorkResult(
        outcome=WorkOutcome.DONE, summary=summary, tokens=tokens, cost_usd=cost
    )


@pytest.mark.parametrize(
    ("output", "lines", "code", "expected", "words"),
    [
        # Recorded: a refused connection says "success" and is an error.
        (
            "claude",
            [claude(is_error=True, result="API Error: refused")],
            1,
            "AGENT_EXIT",
            "API Error: refused",
        ),
        (
            "claude",
            [claude(is_error=True, result="", subtype="error_max_budget_usd")],
            0,
            "AGENT_EXIT",
            "error_max",
        ),
        ("claude", [claude()], 1, "AGENT_EXIT", "status 1"),
        ("claude", [INIT], 0, "AGENT_NONSENSE", "no final event of claude"),
        ("claude", [], 0, "AGENT_NONSENSE", "no final event"),
        (
            "codex",
            [{"type": "turn.failed", "error": {"message": "401 Unauthorized"}}],
            1,
            "AGENT_EXIT",
            "401",
        ),
        ("codex", [{"type": "turn.failed", "error": {"message": "limit"}}], 0, "AGENT_EXIT", "limit"),
        ("codex", [CODEX_DONE, {"type": "error", "message": "broken"}], 0, "AGENT_EXIT", "broken"),
        ("codex", [codex_said("Did it.")], 0, "AGENT_NONSENSE", "no final event of codex"),
        # Reported: status 0 with an API error.
        (
            "opencode",
            [step(1, 0), {"type": "error", "error": {"name": "APIError", "data": {"message": "no key"}}}],
            0,
            "AGENT_EXIT",
            "no key",
        ),
        ("opencode", [step(1, 0)], 1, "AGENT_EXIT", "status 1"),
        ("text", ["all good"], 2, "AGENT_EXIT", "status 2: all good"),
    ],
)
def test_a_final_event_and_the_exit_status_must_both_be_good(
    read: Any, output: str, lines: list[Any], code: int, expected: str, words: str
) -> None:
    failure = read(output, lines, code)
    assert isinstance(failure, Failure)
    assert failure.code == expected
    assert words in failure.reason


@pytest.mark.parametrize(
    ("last", "outcome", "question"),
    [
        ("PACELINE NEEDS PERSON: Which port?", WorkOutcome.NEEDS_PERSON, "Which port?"),
        ("**PACELINE BLOCKED: no network**", WorkOutcome.BLOCKED, "no network"),
        ("I did not need PACELINE NEEDS PERSON: after all", WorkOutcome.DONE, None),
    ],
)
def test_an_agents_last_line_can_ask(
    read: Any, last: str, outcome: WorkOutcome, question: str | None
) -> None:
    result = read("claude", [claude(result=f"Looked around.\n\n{last}")])
    assert (result.outcome, result.question) == (outcome, question)


def test_a_result_file_beside_a_stream_can_ask_and_the_spending_is_kept(read: Any, tmp_path: Path) -> None:
    (tmp_path / "result").write_text('{"outcome": "needs_person", "question": "Which?"}')
    result = read("claude", [claude(total_cost_usd=0.1, usage={"output_tokens": 4})])
    assert (result.outcome, result.question, result.tokens, result.cost_usd) == (
        "needs_person",
        "Which?",
        4,
        0.1,
    )
    assert read("claude", [INIT]).outcome is WorkOutcome.NEEDS_PERSON


@pytest.mark.parametrize(
    ("reason", "code", "words"),
    [
        ("timeout", AgentTimeout.code, "longer than its limit"),
        ("idle", AgentTimeout.code, "wrote nothing"),
        ("cancelled", AgentError.code, "on request"),
        ("orphaned", AgentError.code, "worker died"),
        ("start_failed", ConfigurationError.code, "does not start"),
        ("lost", AgentError.code, "supervisor was killed"),
    ],
)
def test_a_stopped_run_fails_whatever_it_wrote(read: Any, reason: Reason, code: str, words: str) -> None:
    failure = read("claude", [claude()], reason=reason)
    assert (failure.code, words in failure.reason) == (code, True)


def test_a_failure_ends_with_the_end_of_what_was_said(read: Any) -> None:
    failure = read("result", [], 1, stderr="x" * 100_000 + "the point")
    assert failure.reason.endswith("the point")
    assert len(failure.reason) < 2000


def test_numbers_that_are_none_are_not_counted(read: Any) -> None:
    usage = {"input_tokens": True, "output_tokens": "7", "cache_read_input_tokens": -5}
    assert read("claude", [claude(usage=usage, total_cost_usd=None)]).tokens is None
    assert read("claude", [claude(usage=[1], total_cost_usd=1e400)]).cost_usd is None


def test_no_result_is_none_and_an_unreadable_one_a_failure(tmp_path: Path) -> None:
    assert read_result(tmp_path / "absent") is None
    (tmp_path / "r").write_bytes(b"\xff\xfe")
    assert isinstance(read_result(tmp_path / "r"), Failure)
    (tmp_path / "r").write_text("[" * 100_000)
    assert isinstance(read_result(tmp_path / "r"), Failure)


value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "item", "part", "text", "usage", "error", "result"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(value, max_size=6),
    st.sampled_from(sorted(STREAMS)),
    st.sampled_from(["result", "text", "turn.completed"]),
)
def test_no_stream_breaks_the_reader(read: Any, lines: list[Any], output: str, kind: str) -> None:
    marks = {"type": kind, "is_error": False}
    shaped: list[Any] = [{**line, **marks} if isinstance(line, dict) else line for line in lines]
    texts = [json.dumps(line) for line in shaped]
    assert isinstance(read(output, texts), WorkResult | Failure)


@pytest.mark.parametrize(
    ("lines", "stderr", "words"),
    [
        (["I cannot do it"], "", "ended with status 3: I cannot do it"),
        (["so far so good"], "no such tool", "ended with status 3: no such tool"),
        ([], "", "ended with status 3: it said nothing"),
    ],
)
def test_an_agent_that_failed_is_quoted(read: Any, lines: list[Any], stderr: str, words: str) -> None:
    failure = read("result", lines, 3, stderr)
    assert isinstance(failure, Failure)
    assert words in failure.reason
