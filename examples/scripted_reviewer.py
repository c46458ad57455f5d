#!/usr/bin/env python3
"""The scripted reviewer: answers the example's questions over the HTTP API, where nobody sits at a terminal.

It does what a person would do with `curl`: reads the open questions, looks at what each is about, and answers
under its own name, so that nobody takes its answers for a person's. It approves merges that Paceline has
verified, and rejects everything that takes judgement. It runs until it is ended, or its parent has ended.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

ACTOR = "scripted-reviewer"
POLL_SECONDS = 0.5
REQUEST_SECONDS = 30


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    """One request to the API; a POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    # The address comes from whoever started this script, and it is a web address or nothing works.
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as reply:  # noqa: S310 - the same address
        return json.load(reply)


def decide(question: dict[str, Any]) -> tuple[str, str]:
    """The decision on one question, and the reason that goes with it."""
    if question["kind"] == "approve_merge":
        return (
            "approve",
            "The checks passed on the merged result, and the change is the one that was planned.",
        )
    return "reject", "A script cannot decide this; ask a person."


def shown(question: dict[str, Any]) -> list[str]:
    """What a reviewer reads: the question, and the facts beside it."""
    facts = [f"{name}: {value}" for name, value in question.get("context", {}).items() if value]
    return [line for text in (question["text"], *facts) for line in str(text).splitlines()]


def review(api: str, question: dict[str, Any]) -> None:
    """Read one question, answer it, and say both."""
    print(f"{ACTOR} reads {question['id']} about {question.get('story') or question['project']}:", flush=True)
    for line in shown(question):
        print(f"  | {line}", flush=True)
    decision, text = decide(question)
    path = f"{api}/api/v1/questions/{urllib.parse.quote(question['id'], safe='')}/answer"
    try:
        call(path, {"decision": decision, "text": text, "actor": ACTOR})
    except urllib.error.HTTPError as refusal:
        problem = refusal.read().decode(errors="replace")
        print(f"{ACTOR} was refused for {question['id']}: {problem}", flush=True)
    else:
        print(f"{ACTOR} answers {question['id']}: {decision}. {text}", flush=True)


def open_questions(api: str, project: str | None) -> list[dict[str, Any]]:
    """The open questions, of one project or of all; none while the API is not there."""
    query = f"?{urllib.parse.urlencode({'project': project})}" if project else ""
    try:
        return call(f"{api}/api/v1/questions{query}")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return []


def main() -> None:
    """Answer questions as they come, each once."""
    parser = argparse.ArgumentParser(description="Answers open questions over the API, as a script.")
    parser.add_argument("--api", required=True, help="such as http://127.0.0.1:8420")
    parser.add_argument("--project", help="only this project's questions")
    chosen = parser.parse_args()
    api, answered, parent = chosen.api.rstrip("/"), set[str](), os.getppid()
    while os.getppid() == parent:
        for question in open_questions(api, chosen.project):
            if question["id"] not in answered:
                answered.add(question["id"])
                review(api, question)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
