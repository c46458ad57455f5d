"""Both sides of a conflict, and the part of earlier work that applies."""

from __future__ import annotations

from typing import Any

from paceline.vcs.conflicts import carry_over, find_conflict
from paceline.vcs.repository import Repository

PLAIN = ("-c", "core.hooksPath=/dev/null")
"""The user's hooks refuse everything, to show that Paceline runs none."""


def two_sides(user: Any, ours: dict[str, str], theirs: dict[str, str]) -> tuple[str, str]:
    """The branch's head and the work, both on the same commit."""
    head = user.commit(ours, "the branch went on")
    user.git(*PLAIN, "checkout", "-q", "--detach", user.base)
    return head, user.commit(theirs, "the work")


async def test_a_conflict_names_paths_both_sides_and_who_changed_them(
    user: Any, repository: Repository
) -> None:
    head, work = two_sides(
        user,
        {"odd [name].txt": "branch\n", "other.txt": "x\n"},
        {"odd [name].txt": "work\n", "new.txt": "n\n"},
    )
    found = await find_conflict(repository, head, work)
    assert found is not None
    assert (found.base, found.head, found.paths) == (user.base, head, ["odd [name].txt"])
    assert "+branch" in found.branch_changed
    assert "other.txt" not in found.branch_changed
    assert "+work" in found.work_changed
    assert "branch" in found.hunks["odd [name].txt"]
    assert "work" in found.hunks["odd [name].txt"]
    assert [each.subject for each in found.merged] == ["the branch went on"]


async def test_work_that_applies_has_no_conflict(user: Any, repository: Repository) -> None:
    head, work = two_sides(user, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    assert await find_conflict(repository, head, work) is None


async def test_what_applies_is_carried_over_and_what_does_not_is_as_on_the_branch(
    user: Any, repository: Repository
) -> None:
    head, work = two_sides(user, {"a.txt": "branch\n"}, {"a.txt": "work\n", "sub/b.txt": "b\n"})
    commit = await carry_over(repository, head, work)
    assert commit is not None
    assert user.show(commit, "a.txt") == "branch\n"
    assert user.show(commit, "sub/b.txt") == "b\n"
    assert user.git("rev-parse", f"{commit}^").strip() == head
    assert await carry_over(repository, head, work) == commit


async def test_a_file_that_the_branch_deleted_stays_deleted(user: Any, repository: Repository) -> None:
    base = user.commit({"a.txt": "one\n", "b.txt": "b\n"})
    user.git("rm", "-q", "a.txt")
    user.git(*PLAIN, "commit", "-q", "-m", "gone")
    head = user.git("rev-parse", "HEAD").strip()
    user.git(*PLAIN, "checkout", "-q", "--detach", base)
    work = user.commit({"a.txt": "two\n", "c.txt": "c\n"})
    commit = await carry_over(repository, head, work)
    assert commit is not None
    assert set(user.files(commit)) - set(user.files(head)) == {"c.txt"}


async def test_a_folder_against_a_file_is_not_carried_over(user: Any, repository: Repository) -> None:
    head, work = two_sides(user, {"thing": "a file\n"}, {"thing/inner.txt": "a folder\n"})
    assert await find_conflict(repository, head, work) is not None
    commit = await carry_over(repository, head, work)
    assert commit is None or user.show(commit, "thing") == "a file\n"


async def test_nothing_is_carried_over_where_all_of_it_is_in_conflict(
    user: Any, repository: Repository
) -> None:
    head, work = two_sides(user, {"a.txt": "branch\n"}, {"a.txt": "work\n"})
    assert await carry_over(repository, head, work) is None
