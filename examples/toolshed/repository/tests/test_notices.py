from __future__ import annotations

import unittest
from datetime import date

from tests.shelf import filled_catalog
from toolshed.loans import Desk
from toolshed.notices import reminders


class Reminders(unittest.TestCase):
    def setUp(self):
        self.desk = Desk(filled_catalog())
        self.desk.lend("LAD-1", "Cy", date(2025, 4, 1), date(2025, 4, 12))
        self.desk.lend("SAW-1", "Ada", date(2025, 4, 1), date(2025, 4, 8))
        self.desk.lend("DRL-1", "Bo", date(2025, 4, 1), date(2025, 4, 4))

    def test_neighbours_are_told_the_day_before_and_when_it_is_late(self):
        self.assertEqual(
            reminders(self.desk, date(2025, 4, 7)),
            ["Bo: Cordless drill is 3 days late, 3.60 so far.", "Ada: Bow saw is due tomorrow."],
        )

    def test_nothing_due_is_no_reminder(self):
        self.assertEqual(reminders(self.desk, date(2025, 4, 2)), [])
