from __future__ import annotations

import unittest
from datetime import date

from tests.shelf import filled_catalog
from toolshed.cli import find_tools, lend_tool, list_tools, return_tool
from toolshed.loans import Desk


class CatalogueCommands(unittest.TestCase):
    def test_every_tool_is_a_line(self):
        self.assertEqual(
            list_tools(filled_catalog()),
            [
                "DRL-1   Cordless drill  [wood, metal]",
                "LAD-1   Folding ladder",
                "SAW-1   Bow saw  [wood, garden]",
            ],
        )

    def test_a_search_lists_what_it_found(self):
        self.assertEqual(find_tools(filled_catalog(), "ladder"), ["LAD-1   Folding ladder"])

    def test_a_search_that_found_nothing_says_so(self):
        self.assertEqual(find_tools(filled_catalog(), "boat"), ["Nothing in the shed matches 'boat'."])


class LendingCommands(unittest.TestCase):
    def setUp(self):
        self.desk = Desk(filled_catalog())

    def test_a_loan_says_when_the_tool_is_due(self):
        lines = lend_tool(self.desk, "saw-1", "Ada", date(2025, 4, 1))
        self.assertEqual(lines, ["Bow saw is Ada's until Tue 8 Apr."])

    def test_a_return_says_who_brought_the_tool(self):
        lend_tool(self.desk, "SAW-1", "Ada", date(2025, 4, 1))
        self.assertEqual(return_tool(self.desk, "SAW-1", date(2025, 4, 4)), ["Ada brought Bow saw back."])
