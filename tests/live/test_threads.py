"""A server of one process and many threads: none of them brings an ended session back.

Between a change and its commit another thread still reads the old session token and keeps
it in the cache that all threads share.
"""

import unittest
from concurrent.futures import ThreadPoolExecutor

from odoo_process import Odoo, needs_odoo
from support import DATABASE, LIMIT, Browser, held_back, in_parallel, make_people, run_sql

OTHERS = 3


@needs_odoo
class OneProcess(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.odoo = Odoo(DATABASE)
        cls.addClassCleanup(cls.odoo.close)
        cls.server = cls.odoo.start()

    def change_during(self, meanwhile):
        """Change a factor; do ``meanwhile`` and come with other sessions before the commit."""
        [person] = make_people(1)
        browser, *others = in_parallel(
            lambda server: Browser(server).log_in(person), [self.server] * (OTHERS + 1)
        )
        with ThreadPoolExecutor(1) as pool:
            # The person's mail is the last thing written before the commit.
            with held_back("mail_mail", "EXCLUSIVE") as wait_for:
                change = pool.submit(browser.enrol, person)
                wait_for(1)
                meanwhile()
                self.assertEqual([other.is_in() for other in others], [True] * OTHERS)
            change.result(LIMIT)
        self.assertEqual([other.is_in() for other in others], [False] * OTHERS)
        self.assertTrue(browser.is_in())

    def test_requests_during_a_change_keep_no_session_alive(self):
        self.change_during(lambda: None)

    def test_nor_while_another_server_announces_a_change(self):
        """The numbers of announcements are those of their beginning, not of their commit."""
        self.change_during(lambda: run_sql("INSERT INTO orm_signaling_default DEFAULT VALUES"))
