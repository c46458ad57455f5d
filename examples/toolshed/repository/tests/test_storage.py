from __future__ import annotations

import tempfile
import unittest
from datetime import date
from pathlib import Path

from tests.shelf import filled_catalog
from toolshed.models import Loan, ShedError
from toolshed.storage import load, save


class Keeping(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "shed.json"

    def test_what_is_saved_is_loaded(self):
        loans = [
            Loan("SAW-1", "Ada", date(2025, 4, 1), date(2025, 4, 8), date(2025, 4, 7)),
            Loan("DRL-1", "Bo", date(2025, 4, 2), date(2025, 4, 9)),
        ]
        save(self.file, filled_catalog(), loans)
        catalog, loaded = load(self.file)
        self.assertEqual(catalog.all(), filled_catalog().all())
        self.assertEqual(loaded, loans)

    def test_a_file_that_is_not_there_is_an_empty_shed(self):
        catalog, loans = load(self.file)
        self.assertEqual((catalog.all(), loans), ([], []))

    def test_a_broken_file_is_named(self):
        self.file.write_text("{")
        with self.assertRaisesRegex(ShedError, "shed.json"):
            load(self.file)
