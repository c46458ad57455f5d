from __future__ import annotations

import unittest
from datetime import date

from toolshed.fees import late_fee
from toolshed.models import Loan, Tool

DRILL = Tool("DRL-1", "Cordless drill", late_cents=120)


def loan_back_on(returned):
    return Loan("DRL-1", "Ada", date(2025, 4, 1), date(2025, 4, 8), returned)


class LateFees(unittest.TestCase):
    def test_a_tool_on_time_costs_nothing(self):
        self.assertEqual(late_fee(loan_back_on(date(2025, 4, 8)), DRILL, date(2025, 5, 1)), 0)

    def test_each_late_day_costs_what_the_tool_says(self):
        self.assertEqual(late_fee(loan_back_on(date(2025, 4, 11)), DRILL, date(2025, 5, 1)), 360)

    def test_a_loan_that_is_still_open_counts_to_today(self):
        self.assertEqual(late_fee(loan_back_on(None), DRILL, date(2025, 4, 10)), 240)

    def test_nobody_pays_for_more_than_ten_days(self):
        self.assertEqual(late_fee(loan_back_on(None), DRILL, date(2025, 12, 24)), 1200)
