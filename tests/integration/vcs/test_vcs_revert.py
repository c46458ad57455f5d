"""Commits are taken back by merges of the opposite: later work stays, and everything can come back."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paceline.errors import MergeConflict
from paceline.vcs.merge import Candidate, candidate
from paceline.vcs.repository import Repository, advance, ensure_branch
from paceline.vcs.revert import ROLLBACK_TRAILER, find_rollback, return_to, revert
from tests.integration.vcs.conftest import UserRepository, run_git

BRANCH = "paceline/p/sprint"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Line:
    """A sprint's branch, and ways to merge to it and to take back from it."""

    def __init__(self, user: UserRepository, repository: Repository) -> None:
        self.user, self.repository = user, repository

    @property
    def head(self) -> str:
        return self.user.git("rev-parse", BRANCH).strip()

    def tree(self, commit: str = BRANCH) -> str:
        return self.user.git("rev-parse", f"{commit}^{{tree}}").strip()

    async def merge(self, files: dict[str, str | None], name: str = "story") -> str:
        """A story that writes these files, or removes them, on the branch's head."""
        index = {"GIT_INDEX_FILE": str(self.user.path.parent / "story-index")}
        self._git("read-tree", self.head, **index)
        for path, text in files.items():
            if text is None:
                self._git("update-index", "--force-remove", path, **index)
            else:
                blob = self._git("hash-object", "-w", "--stdin", text=text)
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
        work = self._git("commit-tree", self._git("write-tree", **index), "-p", self.head, "-m", name)
        return await self.move(await candidate(self.repository, BRANCH, work, f"Merge {name}", {}))

    def _git(self, *args: str, text: str = "", **env: str) -> str:
        return run_git(self.user.path, *args, text=text, env=env).strip()

    async def move(self, built: Candidate) -> str:
        assert await advance(self.repository, BRANCH, built.base, built.commit)
        return built.commit

    async def revert(self, commit: str, name: str = "p/rollback/1") -> str:
        message, trailers = f"Roll back {commit[:12]}", {ROLLBACK_TRAILER: name}
        return await self.move(
            await revert(self.repository, self.head, BRANCH, commit, message, trailers, AT)
        )

    async def return_to(self, commit: str, name: str = "p/rollback/1") -> str:
        trailers = {ROLLBACK_TRAILER: name}
        return await self.move(
            await return_to(self.repository, self.head, BRANCH, commit, "Return", trailers, AT)
        )


@pytest.fixture
async def line(user: UserRepository, repository: Repository) -> Line:
    await ensure_branch(repository, BRANCH, user.base)
    return Line(user, repository)


async def test_one_of_three_goes_and_the_others_stay_byte_for_byte(user: Any, line: Line) -> None:
    before = user.fingerprint()
    (user.path / "README.md").write_text("dirty\n")
    dirty = user.fingerprint()
    merges = [await line.merge({f"{name}.txt": f"{name}\n"}) for name in "abc"]
    made = await line.revert(merges[1])
    assert set(user.files(BRANCH)) == {".gitignore", "README.md", "src/app.py", "a.txt", "c.txt"}
    assert user.git("rev-list", "--first-parent", f"{user.base}..{BRANCH}").split() == [made, *merges[::-1]]
    assert user.fingerprint() == dirty != before


async def test_the_same_rollback_is_the_same_object_and_moves_nothing(user: Any, line: Line) -> None:
    merge = await line.merge({"a.txt": "a\n"})
    made = [
        await revert(line.repository, merge, BRANCH, merge, "Roll back", {"X": "1"}, AT) for _ in range(2)
    ]
    assert made[0] == made[1]
    assert line.head == merge


async def test_a_revert_of_a_revert_is_the_same_tree(line: Line) -> None:
    merge = await line.merge({"a.txt": "a\n", "src/app.py": None})
    whole = line.tree()
    back = await line.revert(merge)
    assert line.tree() != whole
    await line.revert(back)
    assert line.tree() == whole


async def test_lines_of_one_file_are_taken_back_beside_later_ones(line: Line) -> None:
    text = [f"line {number}\n" for number in range(30)]
    await line.merge({"long.txt": "".join(text)})
    merge = await line.merge({"long.txt": "".join(["changed\n", *text[1:]])})
    await line.merge({"long.txt": "".join(["changed\n", *text[1:-1], "later\n"])})
    await line.revert(merge)
    assert line.user.show(BRANCH, "long.txt") == "".join([*text[:-1], "later\n"])


async def test_a_conflict_says_which_files_and_moves_nothing(user: Any, line: Line) -> None:
    merge = await line.merge({"src/app.py": "mine\n"})
    head = await line.merge({"src/app.py": "yours\n"})
    with pytest.raises(MergeConflict, match=r"later changes of src/app\.py are in the way") as caught:
        await line.revert(merge)
    assert caught.value.details["paths"] == ["src/app.py"]
    assert "yours" in caught.value.details["hunks"]["src/app.py"]
    assert line.head == head


async def test_a_story_that_came_back_can_be_taken_back_again(line: Line) -> None:
    merge = await line.merge({"a.txt": "a\n"})
    for number in range(3):
        back = await line.revert(merge, f"p/rollback/{2 * number}")
        assert line.tree() == line.tree(line.user.base)
        await line.revert(back, f"p/rollback/{2 * number + 1}")
        assert line.tree() == line.tree(merge)


async def test_a_boundary_is_reached_byte_for_byte_backwards_and_forwards(line: Line) -> None:
    merges = [await line.merge({"same.txt": f"{name}\n", f"{name}.txt": name}) for name in "abc"]
    await line.return_to(merges[0])
    assert line.tree() == line.tree(merges[0])
    await line.return_to(merges[2])
    assert line.tree() == line.tree(merges[2])
    await line.return_to(line.user.base)
    assert line.tree() == line.tree(line.user.base)
    assert line.user.git("merge-base", "--is-ancestor", merges[2], BRANCH) == ""


async def test_a_rollback_is_found_by_its_whole_id_and_only_on_the_branch(user: Any, line: Line) -> None:
    merge = await line.merge({"a.txt": "a\n"})
    made = await line.revert(merge, "p/rollback/1")
    assert await find_rollback(line.repository, BRANCH, user.base, "p/rollback/1") == [made]
    for other in ("p/rollback/11", "p/rollback/", ".*", ""):
        assert await find_rollback(line.repository, BRANCH, user.base, other) == []
    assert await find_rollback(line.repository, BRANCH, made, "p/rollback/1") == []


async def test_a_bare_repository_works_the_same(user: Any, tmp_path: Path) -> None:
    path = tmp_path / "bare"
    user.git("clone", "-q", "--bare", ".", str(path))
    repository = await Repository.open(path)
    await ensure_branch(repository, BRANCH, user.base)
    line = Line(UserRepository(path, user.base), repository)
    merge = await line.merge({"a.txt": "a\n"})
    await line.revert(merge)
    assert line.tree() == line.tree(user.base)


# Any order of merges and rollbacks against a model of files ---

Files = dict[str, str]
STEP = st.one_of(
    st.tuples(st.just("merge"), st.dictionaries(st.sampled_from("abcd"), st.booleans(), min_size=1)),
    st.tuples(st.just("revert"), st.integers(0, 30)),
    st.tuples(st.just("return"), st.integers(0, 30)),
)


def expected(change: tuple[Files, Files], now: Files) -> Files | None:
    """The files after taking a change back, each file by itself; None for a conflict."""
    before, after = change
    result: Files = {}
    for path in {*before, *after, *now}:
        base, ours, theirs = after.get(path), now.get(path), before.get(path)
        if base not in (ours, theirs) and ours != theirs:
            return None
        chosen = theirs if ours == base else ours
        if chosen is not None:
            result[path] = chosen
    return result


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=3, max_size=10))
def test_any_order_of_merges_and_rollbacks_gives_the_files_of_a_simple_model(
    make_repository: Any, steps: list[Any]
) -> None:
    name = hashlib.sha256(repr(steps).encode()).hexdigest()[:12]
    user = make_repository(f"{name}-{id(steps)}")
    asyncio.run(_compare(user, steps))


async def _compare(user: UserRepository, steps: list[tuple[str, Any]]) -> None:
    repository = await Repository.open(user.path)
    await ensure_branch(repository, BRANCH, user.base)
    line = Line(user, repository)
    now: Files = {path: user.show(user.base, path) for path in user.files(user.base)}
    made: list[tuple[str, Files, Files]] = []
    for number, (what, value) in enumerate(steps):
        before: Files = dict(now)
        wanted: Files = dict(now)
        if what == "merge":
            for path, keep in value.items():
                # Unlike each other in every line, so that git takes none for another one renamed.
                text = f"{hashlib.sha256(f'{number}{path}'.encode()).hexdigest()}\n"
                wanted.pop(path, None)
                wanted |= {path: text} if keep else {}
            commit = await line.merge({path: wanted.get(path) for path in value if path in {*now, *wanted}})
        elif not made:
            continue
        elif what == "revert":
            target, was, became = made[int(value) % len(made)]
            after_revert = expected((was, became), now)
            if after_revert is None:
                with pytest.raises(MergeConflict):
                    await line.revert(target, f"p/rollback/{number}")
                continue
            commit = await line.revert(target, f"p/rollback/{number}")
            wanted = after_revert
        else:
            target, _, wanted = made[int(value) % len(made)]
            if target == line.head:
                continue
            commit = await line.return_to(target, f"p/rollback/{number}")
        made.append((commit, before, wanted))
        now = wanted
        assert {path: user.show(BRANCH, path) for path in user.files(BRANCH)} == now
