from __future__ import annotations

import unittest
from datetime import date

from tests.shelf import filled_catalog
from toolshed.loans import Desk
from toolshed.models import ShedError

TUESDAY, NEXT_TUESDAY = date(2025, 4, 1), date(2025, 4, 8)


class Lending(unittest.TestCase):
    def setUp(self):
        self.desk = Desk(filled_catalog())

    def test_a_loan_names_its_holder(self):
        self.assertIsNone(self.desk.holder("SAW-1"))
        loan = self.desk.lend("saw-1", "Ada", TUESDAY, NEXT_TUESDAY)
        self.assertEqual(loan.code, "SAW-1")
        self.assertEqual(self.desk.holder("SAW-1"), loan)

    def test_a_tool_that_is_out_is_refused_with_its_holder(self):
        self.desk.lend("SAW-1", "Ada", TUESDAY, NEXT_TUESDAY)
        with self.assertRaisesRegex(ShedError, "Ada"):
            self.desk.lend("SAW-1", "Bo", TUESDAY, NEXT_TUESDAY)

    def test_an_unknown_tool_is_refused(self):
        with self.assertRaises(ShedError):
            self.desk.lend("AXE-9", "Ada", TUESDAY, NEXT_TUESDAY)

    def test_a_tool_that_came_back_can_be_lent_again(self):
        self.desk.lend("SAW-1", "Ada", TUESDAY, NEXT_TUESDAY)
        self.assertEqual(self.desk.take_back("SAW-1", NEXT_TUESDAY).returned, NEXT_TUESDAY)
        self.desk.lend("SAW-1", "Bo", NEXT_TUESDAY, date(2025, 4, 15))
        self.assertEqual([loan.member for loan in self.desk.loans], ["Ada", "Bo"])

    def test_a_tool_that_is_not_out_cannot_come_back(self):
        with self.assertRaises(ShedError):
            self.desk.take_back("SAW-1", TUESDAY)
