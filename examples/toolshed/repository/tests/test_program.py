from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class OpenDoors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = str(Path(folder.name) / "shed.json")

    def shed(self, *words):
        command = [sys.executable, "-m", "toolshed", "--file", self.file, *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def test_a_tool_goes_out_and_comes_back(self):
        self.assertEqual(self.shed("add", "saw-1", "Bow saw", "wood").returncode, 0)
        self.assertIn("Bow saw", self.shed("find", "wood").stdout)
        self.assertIn("Ada's until", self.shed("lend", "SAW-1", "Ada", "--on", "2025-04-01").stdout)
        self.assertIn("is 2 days late", self.shed("remind", "--on", "2025-04-10").stdout)
        self.assertIn("Ada brought", self.shed("return", "SAW-1", "--on", "2025-04-10").stdout)
        self.assertIn("Late fees: 1.00", self.shed("report", "--on", "2025-04-30").stdout)

    def test_a_refusal_is_one_line_and_a_status(self):
        refused = self.shed("lend", "AXE-9", "Ada")
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(len(refused.stderr.splitlines()), 1)

    def test_the_readme_shows_how_to_lend(self):
        self.assertIn("python3 -m toolshed lend", (ROOT / "README.md").read_text())
