"""Whose files a story changes: own, shared, nobody's, or another agent's."""

from __future__ import annotations

import pytest

from paceline.domain.arbitration import ForeignEdits, Relation, arbitrate
from paceline.domain.claims import Need
from paceline.domain.plan import OwnedResources, Plan, Resources, SharedResource, Source, Story

_PLAN = Plan(
    title="Plan",
    source=Source(file="p.md", kind="test", lines=1, digest="0" * 64),
    resources=Resources(
        shared=[SharedResource(path="src/types.py")],
        owned=[
            OwnedResources(agent="Back", files=["src/db.py"], globs=["server/**"]),
            OwnedResources(agent="Front", files=["src/page.py", "src/both.py"]),
            OwnedResources(agent="Test", files=["src/both.py"], globs=["tests/"]),
        ],
    ),
)


def _story(*agents: str) -> Story:
    return Story(id="1.1", title="Story", agents=list(agents))


@pytest.mark.parametrize(
    ("agents", "resource", "relation", "owners"),
    [
        (["Back"], "file:src/db.py", "own", ["Back"]),
        (["Back"], "file:server/deep/a.py", "own", ["Back"]),
        (["Test"], "file:tests/unit/test_a.py", "own", ["Test"]),
        (["Front"], "file:tests/unit/test_a.py", "foreign", ["Test"]),
        (["Front"], "file:src/db.py", "foreign", ["Back"]),
        (["Front", "Back"], "file:src/db.py", "own", ["Back"]),
        (["Test"], "file:src/both.py", "own", ["Test"]),
        (["Back"], "file:src/both.py", "foreign", ["Front", "Test"]),
        (["Front"], "file:src/*.py", "foreign", ["Back"]),
        (["Test"], "file:tests/**/x.py", "own", ["Test"]),
        (["Test"], "file:src/types.py", "shared", []),
        (["Test"], "file:src/other.py", "unowned", []),
        ([], "file:src/db.py", "foreign", ["Back"]),
        (["Test"], "agent:run:Test", "slot", []),
    ],
)
def test_whose_it_is(agents: list[str], resource: str, relation: Relation, owners: list[str]) -> None:
    (decision,) = arbitrate(_PLAN, _story(*agents), [Need(resource=resource)])
    assert (decision.relation, decision.owners) == (relation, owners)
    assert decision.verdict == "allow"
    assert decision.reason.endswith(".")
    assert resource.removeprefix("file:") in decision.reason


@pytest.mark.parametrize("policy", ["allow", "ask", "refuse"])
def test_the_rule_decides_about_files_of_others_only(policy: ForeignEdits) -> None:
    needs = [Need(resource=f"file:{path}") for path in ("src/db.py", "src/types.py", "src/page.py", "free")]
    decisions = arbitrate(_PLAN, _story("Front"), needs, policy)
    assert [each.verdict for each in decisions] == [policy, "allow", "allow", "allow"]
    assert "belongs to Back, and `1.1` is done by Front" in decisions[0].reason
