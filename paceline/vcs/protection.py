"""The sprint branch is where Paceline left it, or that is found out and undone.

Agents run as the same user, so one that looks up where the user's repository is can write in it. Whoever
merges knows the commits that Paceline may have left the branch at: the one it last recorded, and candidates
whose move was recorded nowhere because the process died in between.
"""

from __future__ import annotations

from collections.abc import Collection

from paceline.errors import BranchMoved, RepositoryError
from paceline.vcs.repository import Repository


async def verify_branch(
    repository: Repository, branch: str, expected: str, also: Collection[str] = ()
) -> str:
    """See that a branch is at a commit that Paceline set.

    Args:
        branch: without `refs/heads/`.
        expected: the last head that was recorded, or the commit the branch began at.
        also: candidates on `expected` whose evidence was recorded and whose merge was not.

    Returns:
        The branch's head: `expected` or one of `also`.

    Raises:
        BranchMoved: it is elsewhere, or gone; `details["found"]` is a commit or None.
    """
    found = await repository.resolve(f"refs/heads/{branch}")
    if found is not None and (found == expected or found in also):
        return found
    where = f"at {found[:12]}" if found else "gone"
    raise BranchMoved(
        f"The branch {branch} is {where} and not at {expected[:12]}, where Paceline left it; "
        "somebody else moved it.",
        branch=branch,
        expected=expected,
        found=found,
    )


async def restore_branch(repository: Repository, moved: BranchMoved) -> str | None:
    """Put a branch back from where it was found to where Paceline left it; a repeat does nothing.

    Returns:
        The ref under `refs/paceline/moved/` that keeps what the branch was at; None where it was gone.

    Raises:
        RepositoryError: the branch moved again meanwhile, or the expected commit is gone.
    """
    branch, expected, found = (moved.details[name] for name in ("branch", "expected", "found"))
    ref = f"refs/heads/{branch}"
    if await repository.resolve(expected) is None:
        raise RepositoryError(f"The commit {expected[:12]} of the branch {branch} is gone; restore it.")
    kept = f"refs/paceline/moved/{branch}/{found[:12]}" if found else None
    if kept is not None and await repository.resolve(kept) is None:
        await repository.set_ref(kept, found)
    if not await repository.set_ref(ref, expected, found) and await repository.resolve(ref) != expected:
        raise RepositoryError(f"The branch {branch} moved again while it was put back; try again.")
    return kept
