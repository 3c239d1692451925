"""restantectl verify on a store whose service isn't running, and its repair of damage that
was done to the store's own files.
"""

import harness
from clients import Lmtp, Pop3
from corruption_test import BROKEN_LARGE, BROKEN_SMALL, PASSWORD, SMALL, USER, damage


class RepairTest(harness.unittest.TestCase):
    def setUp(self):
        self.stack = harness.Stack().start()
        self.addCleanup(self.stack.stop)
        self.stack.import_accounts([USER], PASSWORD)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for message in (SMALL, BROKEN_SMALL, BROKEN_LARGE):
                self.assertEqual(lmtp.deliver(message, [USER])[0][0], 250)
        self.data = self.stack.dir + "/data"

    def verify(self, *options):
        return harness.run_ctl(["verify", "--directory", self.data, *options])

    def test_a_store_in_use_is_not_opened_a_second_time(self):
        code, _, err = self.verify()
        self.assertEqual(code, 1)
        self.assertIn("in use by another process (pid %d)" % self.stack.storage.pid, err)

    def test_a_directory_without_a_store_stays_as_it_is(self):
        code, _, err = harness.run_ctl(["verify", "--directory", self.stack.dir + "/none"])
        self.assertEqual(code, 1)
        self.assertIn("there is no store in", err)

    def test_unreadable_messages_stay_until_they_are_given_up(self):
        # The second start brings what the log has into files.
        self.stack.restart()
        self.stack.storage.stop()
        damage(self.stack, b"Mark begonia")
        damage(self.stack, b"Mark dahlia")

        code, out, err = self.verify("--bodies", "--repair")
        self.assertEqual(code, 1)
        self.assertIn("UID 2: ", out)
        self.assertIn("UID 3: ", out)
        self.assertNotIn("fixed", out)
        self.assertIn("the store has 2 errors", err)

        code, out, _ = self.verify("--bodies", "--repair", "--expunge-unreadable", "--yes")
        self.assertEqual(code, 0, out)
        self.assertIn("fixed", out)
        self.assertEqual(self.verify("--bodies")[0], 0)
        self.stack.storage.start()
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(USER, PASSWORD)
            self.assertEqual(pop3.retr_all(pop3.stat()[0]), [SMALL])
            pop3.quit()
        self.stack.ctl("verify", "--bodies")

    def test_only_a_repair_expunges(self):
        code, _, err = self.verify("--expunge-unreadable", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("--repair", err)


if __name__ == "__main__":
    harness.main()
