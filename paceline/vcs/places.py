"""Where a user's repository is on the disk: every checkout, the common folder and the object stores."""

from __future__ import annotations

import os
from pathlib import Path

from paceline.vcs.private import stores
from paceline.vcs.repository import Repository


def places_of(repository: Repository) -> list[Path]:
    """The folders that belong to a repository, as its own files name them; no git process is started."""
    common = repository.common_dir
    found = [repository.path, common, *stores(repository)]
    if common.name == ".git":
        found.append(common.parent)
    for link in sorted(common.glob("worktrees/*/gitdir")):
        try:
            named = Path(os.path.normpath(link.parent / os.fsdecode(link.read_bytes().strip())))
        except OSError:
            continue
        found.append(named.parent)
    return list(dict.fromkeys(found))
