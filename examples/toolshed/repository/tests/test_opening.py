from __future__ import annotations

import unittest
from datetime import date

from toolshed.opening import due_date, is_open

SATURDAY, SUNDAY, MONDAY = date(2025, 4, 5), date(2025, 4, 6), date(2025, 4, 7)


class OpeningDays(unittest.TestCase):
    def test_the_shed_is_closed_on_sundays_and_holidays(self):
        self.assertTrue(is_open(SATURDAY))
        self.assertFalse(is_open(SUNDAY))
        self.assertFalse(is_open(MONDAY, holidays=[MONDAY]))

    def test_a_tool_is_due_on_an_open_day(self):
        self.assertEqual(due_date(SATURDAY, 7), date(2025, 4, 12))
        self.assertEqual(due_date(SUNDAY, 7), date(2025, 4, 14))

    def test_holidays_after_a_sunday_push_the_day_further(self):
        self.assertEqual(due_date(SATURDAY, 1, holidays=[MONDAY]), date(2025, 4, 8))
