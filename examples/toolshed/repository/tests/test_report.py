from __future__ import annotations

import unittest
from datetime import date

from tests.shelf import filled_catalog
from toolshed.loans import Desk
from toolshed.report import month_report


class MonthlyReport(unittest.TestCase):
    def setUp(self):
        self.desk = Desk(filled_catalog())
        self.desk.lend("SAW-1", "Ada", date(2025, 4, 1), date(2025, 4, 8))
        self.desk.take_back("SAW-1", date(2025, 4, 10))
        self.desk.lend("SAW-1", "Bo", date(2025, 4, 11), date(2025, 4, 18))
        self.desk.lend("DRL-1", "Ada", date(2025, 5, 2), date(2025, 5, 9))

    def test_a_month_counts_its_loans_tools_and_fees(self):
        self.assertEqual(
            month_report(self.desk, 2025, 4, today=date(2025, 4, 15)),
            ["April 2025: 2 loans, 1 still out", "Bow saw: 2", "Late fees: 1.00"],
        )

    def test_a_quiet_month_is_one_line(self):
        self.assertEqual(month_report(self.desk, 2025, 3, today=date(2025, 4, 15)), ["March 2025: no loans"])
