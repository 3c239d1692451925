"""Backups of a service that is in use: what comes back of the whole store, of an account,
and of one that is gone; and that a damaged backup says so.
"""

import glob
import os
import shutil
import tempfile
import threading

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
ADA, BELLA = "ada@example.org", "bella@example.org"


def letter(number):
    return b"Subject: letter %d\r\n\r\n" % number + b"The tulips are in flower.\r\n" * 20


class BackupTest(harness.unittest.TestCase):
    def setUp(self):
        directory = tempfile.mkdtemp(prefix="restante-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.backups = os.path.join(directory, "backups")
        self.stack = harness.Stack(
            directory, storage={"backup": {"directory": self.backups}}).start()
        self.addCleanup(self.stack.stop)
        self.stack.import_accounts([ADA, BELLA], PASSWORD)

    def deliver(self, user, number, stack=None):
        with Lmtp((stack or self.stack).lmtp) as lmtp:
            lmtp.lhlo()
            self.assertEqual(lmtp.deliver(letter(number), [user])[0][0], 250)

    def view(self, user, stack=None):
        """UIDL and octets of each message."""
        with Pop3((stack or self.stack).pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            count = pop3.stat()[0]
            view = list(zip(pop3.uidls(), pop3.retr_all(count))) if count else []
            pop3.quit()
        return view

    def delete(self, user, numbers):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            for number in numbers:
                pop3.ok("DELE %d" % number)
            pop3.quit()

    def uidvalidity(self, user, stack=None):
        mailboxes = (stack or self.stack).ctl_json("mailboxes", "status", user)["mailboxes"]
        return next(box["uidvalidity"] for box in mailboxes if box["name"] == "INBOX")

    def create(self):
        return self.stack.ctl_json("backup", "create")["backup_id"]

    def test_the_whole_store_comes_back_from_the_midst_of_deliveries(self):
        stop, acknowledged = threading.Event(), [0]

        def deliver_on():
            while not stop.is_set():
                self.deliver(ADA, acknowledged[0])
                acknowledged[0] += 1

        sender = threading.Thread(target=deliver_on)
        sender.start()
        try:
            harness.eventually(lambda: acknowledged[0] >= 20, 60, "deliveries")
            before = acknowledged[0]
            backup = self.create()
        finally:
            stop.set()
            sender.join()
        now = self.view(ADA)
        code, out, _ = self.stack.ctl("backup", "verify", "--directory", self.backups)
        self.assertIn("are sound", out)

        directory = os.path.join(self.stack.dir, "second")
        os.mkdir(directory)
        self.stack.ctl("restore", "store", "--backup", self.backups, "--id", str(backup), "--to",
                       os.path.join(directory, "data"))
        restored = harness.Stack(directory).start()
        try:
            view = self.view(ADA, restored)
            self.assertGreaterEqual(len(view), before)
            self.assertEqual(view, now[:len(view)], "the UIDLs are the old ones")
            self.assertGreater(self.uidvalidity(ADA, restored), self.uidvalidity(ADA))
            restored.ctl("verify", "--bodies")
            self.deliver(ADA, 1000, restored)
        finally:
            restored.stop()

    def test_an_account_comes_back_as_of_an_earlier_backup_and_nothing_twice(self):
        for number in range(6):
            self.deliver(ADA, number)
        self.deliver(BELLA, 0)
        then = self.view(ADA)
        first = self.create()
        self.delete(ADA, [1, 3])
        self.deliver(ADA, 6)
        kept = self.view(ADA)
        second = self.create()
        self.assertGreater(second, first)
        uidvalidity = self.uidvalidity(ADA)

        # The second backup doesn't have what was deleted before.
        box = self.stack.ctl_json("restore", "account", ADA)["mailboxes"][0]
        self.assertEqual((box["restored"], box["present"]), (0, 5))
        self.assertEqual(self.view(ADA), kept)

        report = self.stack.ctl_json("restore", "account", ADA, "--id", str(first))
        self.assertEqual(report["backup"]["backup_id"], first)
        box = report["mailboxes"][0]
        self.assertEqual((box["restored"], box["present"]), (2, 4))
        view = self.view(ADA)
        self.assertEqual(sorted(view), sorted(then + kept[-1:]), "octets and UIDLs")
        self.assertEqual(view[:5], kept, "what is there stays where it is")
        self.assertGreater(self.uidvalidity(ADA), uidvalidity)

        again = self.stack.ctl_json("restore", "account", ADA, "--id", str(first))
        self.assertEqual(again["mailboxes"][0]["restored"], 0)
        self.assertEqual(self.view(ADA), view)
        self.assertEqual(len(self.view(BELLA)), 1)
        self.stack.ctl("verify", "--bodies")

    def test_an_account_that_was_deleted_comes_back_with_its_password(self):
        for number in range(3):
            self.deliver(BELLA, number)
        then = self.view(BELLA)
        self.create()
        self.stack.ctl("accounts", "delete", BELLA, "--yes")
        report = self.stack.ctl_json("restore", "account", BELLA)
        self.assertTrue(report["account_made"])
        self.assertEqual(self.view(BELLA), then)
        self.stack.ctl("verify", "--bodies")

    def test_a_damaged_backup_is_named_and_nothing_comes_out_of_it(self):
        self.deliver(ADA, 1)
        self.create()
        path = max(glob.glob(os.path.join(self.backups, "shared_checksum", "*.blob")),
                   key=os.path.getsize)
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            file.write(b"\0!")
        code, _, err = self.stack.ctl("backup", "verify", "--directory", self.backups,
                                      check=False)
        self.assertEqual(code, 1)
        self.assertIn(os.path.basename(path), err)
        code, _, err = self.stack.ctl("restore", "store", "--backup", self.backups, "--to",
                                      os.path.join(self.stack.dir, "none"), check=False)
        self.assertEqual(code, 1)

    def test_errors_say_what_would_be_right(self):
        self.deliver(ADA, 1)
        self.create()
        cases = (
            (["restore", "account", "nobody@example.org"], "no account"),
            (["restore", "account", ADA, "--mailbox", "Work"], "no mailbox Work"),
            (["restore", "account", ADA, "--id", "9"], "there are 1"),
            (["restore", "account", ADA, "--at", "1971-01-01"], "there are 1"),
            (["restore", "store", "--backup", self.backups, "--to", self.stack.dir],
             "isn't empty"),
            (["restore", "store", "--backup", self.stack.dir, "--to", "/nowhere"],
             "there is no backup in"),
        )
        for arguments, text in cases:
            with self.subTest(arguments=arguments):
                code, _, err = self.stack.ctl(*arguments, check=False)
                self.assertEqual(code, 1, err)
                self.assertIn(text, err)
        self.assertEqual(self.stack.ctl("restore", "account", ADA, "--at", "soon",
                                        check=False)[0], 2)
        self.stack.ctl("backup", "prune", "--keep", "1")
        self.assertEqual(len(self.stack.ctl_json("backup", "list")["backups"]), 1)


if __name__ == "__main__":
    harness.main()
