from __future__ import annotations

import unittest

from toolshed.catalog import Catalog
from toolshed.models import ShedError, Tool


class Shelving(unittest.TestCase):
    def setUp(self):
        self.catalog = Catalog()
        self.catalog.add(Tool("SAW-1", "Bow saw"))

    def test_a_tool_is_found_by_its_code_in_any_case(self):
        self.assertEqual(self.catalog.get("saw-1").name, "Bow saw")

    def test_a_code_is_given_once(self):
        with self.assertRaisesRegex(ShedError, "SAW-1"):
            self.catalog.add(Tool("saw-1", "Another saw"))

    def test_a_code_without_a_number_is_refused(self):
        with self.assertRaises(ShedError):
            self.catalog.add(Tool("SAW", "Bow saw"))

    def test_an_unknown_code_is_named_in_the_refusal(self):
        with self.assertRaisesRegex(ShedError, "AXE-9"):
            self.catalog.get("AXE-9")

    def test_tools_are_listed_by_code(self):
        self.catalog.add(Tool("AXE-1", "Splitting axe"))
        self.assertEqual([tool.code for tool in self.catalog.all()], ["AXE-1", "SAW-1"])
