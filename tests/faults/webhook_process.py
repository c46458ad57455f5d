"""Delivers to webhooks until it is killed: `DATABASE_URL HOME`. This machine may be reached."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from paceline.settings import Settings
from paceline.store.database import Database
from tests.outside import sender


async def main(url: str, home: Path) -> None:
    """Send for ever."""
    settings = Settings(home=home, webhook_networks="127.0.0.0/8", webhook_timeout=60.0)
    async with sender(Database(url), settings):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
