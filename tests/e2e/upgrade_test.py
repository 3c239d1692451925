"""A store that an older release has written is opened by this one: every message is what
it was, nothing is reported by verify, and mail goes on.
"""

import glob
import json
import os
import shutil
import tarfile
import tempfile

import harness
from clients import Lmtp, Pop3
from old_store import PASSWORD, USERS, view, listing

ARCHIVES = sorted(glob.glob(os.path.join(harness.SOURCE_DIR, "tests", "data", "store-*.tar.xz")))
# Stored then, and kept for longer than this test will be.
LONG = "1000000h"
NEW = b"Subject: new\r\n\r\nBy this release.\r\n"


class UpgradeTest(harness.unittest.TestCase):
    def open(self, archive):
        directory = tempfile.mkdtemp(prefix="restante-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(directory)
        with open(os.path.join(directory, "expected.json")) as file:
            expected = json.load(file)
        stack = harness.Stack(directory, storage={
            "expunged_grace": LONG, "delivery_id_window": LONG, "change_log": {"age": LONG},
        }).start()
        self.addCleanup(stack.stop)
        return stack, expected

    def test_every_store_that_was_kept_opens(self):
        self.assertTrue(ARCHIVES, "tests/data has no store")
        for archive in ARCHIVES:
            with self.subTest(archive=os.path.basename(archive)):
                self.check(*self.open(archive))

    def check(self, stack, expected):
        stack.ctl("verify", "--bodies")
        for user in USERS:
            self.assertEqual(view(stack, user), expected["views"][user])
            # Fields may have come since; those of then are as they were.
            rows = listing(stack, user)["messages"]
            then = expected["listings"][user]["messages"]
            self.assertEqual([row["uid"] for row in rows], [row["uid"] for row in then])
            for row, old in zip(rows, then):
                for key, value in old.items():
                    self.assertEqual(row[key], value, (user, old["uid"], key))

        # What was deleted then comes back: expunged, hidden.
        for user in USERS[:2]:
            stack.ctl("messages", "undelete", user, "6")
        self.assertEqual(len(view(stack, USERS[1])), len(expected["views"][USERS[1]]) + 1)

        # Mail comes in, is deleted, and all of it is sound, also after a restart.
        with Lmtp(stack.lmtp) as lmtp:
            lmtp.lhlo()
            self.assertEqual([code for code, _ in lmtp.deliver(NEW, USERS)], [250] * len(USERS))
        with Pop3(stack.pop3) as pop3:
            pop3.log_in(USERS[0], PASSWORD)
            count = pop3.stat()[0]
            self.assertEqual(pop3.retr(count), NEW)
            pop3.ok("DELE 1")
            pop3.quit()
        stack.restart()
        self.assertEqual(len(view(stack, USERS[0])), count - 1)
        stack.ctl("verify", "--bodies")


if __name__ == "__main__":
    harness.main()
