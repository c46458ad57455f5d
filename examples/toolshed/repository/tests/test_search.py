from __future__ import annotations

import unittest

from tests.shelf import filled_catalog
from toolshed.search import matching


class Searching(unittest.TestCase):
    def codes(self, words):
        return [tool.code for tool in matching(filled_catalog(), words)]

    def test_words_match_names_and_tags_in_any_case(self):
        self.assertEqual(self.codes("LADDER"), ["LAD-1"])
        self.assertEqual(self.codes("wood"), ["DRL-1", "SAW-1"])

    def test_every_word_has_to_match(self):
        self.assertEqual(self.codes("wood garden"), ["SAW-1"])
        self.assertEqual(self.codes("wood ladder"), [])

    def test_a_match_in_the_name_comes_before_one_in_a_tag(self):
        catalog = filled_catalog()
        tool = catalog.get("LAD-1")
        catalog.add(type(tool)("ZAP-1", "Wood burner"))
        self.assertEqual(matching(catalog, "wood")[0].code, "ZAP-1")

    def test_no_words_find_nothing(self):
        self.assertEqual(self.codes("  "), [])
