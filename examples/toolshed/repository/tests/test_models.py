from __future__ import annotations

import unittest

from toolshed.models import Tool


class Tools(unittest.TestCase):
    def test_a_tool_costs_fifty_cents_a_late_day_unless_it_says_otherwise(self):
        self.assertEqual(Tool("SAW-1", "Bow saw").late_cents, 50)

    def test_tools_with_the_same_data_are_equal(self):
        self.assertEqual(Tool("SAW-1", "Bow saw"), Tool("SAW-1", "Bow saw"))
