"""Fetches the SDK's own Temporal binary to the folder named on the command line.

The SDK has no call that only fetches, so a server in memory is started from the binary and stopped again,
which proves the binary as well.
"""

from __future__ import annotations

import asyncio
import os
import sys

from temporalio.testing import WorkflowEnvironment


async def _fetch(folder: str) -> None:
    async with await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType] - an untyped key
        download_dest_dir=folder
    ):
        pass


def main() -> None:
    try:
        asyncio.run(_fetch(sys.argv[1]))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)  # the SDK's threads abort an interpreter that shuts down after a refused download
    os._exit(0)


if __name__ == "__main__":
    main()
