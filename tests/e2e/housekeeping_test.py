"""What is deleted leaves the disk: 30, 50 and 90 % of the mail, scattered or by whole
mailboxes, with no grace period and no session open. Prints what is on the disk for each
live octet. RESTANTE_LONG=1: 1 GB of mail, and the settings as they are by default.
"""

import os
import time

import harness
from clients import Lmtp, Pop3

LONG = bool(os.environ.get("RESTANTE_LONG"))
PASSWORD = "tulip"
ACCOUNTS = ["user%02d@example.org" % number for number in range(20)]
# Fewer, and what a store has for itself would count as garbage: its logs, and what is too
# little to be worth a compaction.
MESSAGES = 6400 if LONG else 250
MOST = 1.3
# Of 8 KB, none like the other.
LINE = b"The tulips are in flower again, and the parcel has arrived: %s\r\n"

SETTINGS = {"expunged_grace": "0s"}
if not LONG:
    SETTINGS.update({"reclaim_interval": "50ms", "disk": {"garbage_interval": "50ms"},
                     "engine": {"write_buffer_octets": "4MiB"}})


def letter():
    return b"Subject: a letter\r\n\r\n" + b"".join(
        LINE % os.urandom(20).hex().encode() for _ in range(80))


class HousekeepingTest(harness.unittest.TestCase):
    def setUp(self):
        self.stack = harness.Stack(storage=SETTINGS).start()
        self.addCleanup(self.stack.stop)
        self.stack.import_accounts(ACCOUNTS, PASSWORD)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for user in ACCOUNTS:
                for _ in range(MESSAGES):
                    code, text = lmtp.deliver(letter(), [user])[0]
                    self.assertEqual(code, 250, text)

    def on_disk(self):
        octets = 0
        for folder, _, files in os.walk(os.path.join(self.stack.dir, "data")):
            for name in files:
                try:
                    octets += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return octets

    def live(self):
        return sum(account["used_octets"]
                   for account in self.stack.ctl_json("accounts", "list")["accounts"])

    def expect_room(self, what):
        live = self.live()
        begin = time.monotonic()
        harness.eventually(lambda: self.on_disk() <= MOST * live, 300 if LONG else 60,
                           "%s: the disk holds no more than %.1f times what is live" % (
                               what, MOST))
        took = time.monotonic() - begin
        print("%s: %.2f times the live %.0f MB, after %.1f s" % (
            what, self.on_disk() / live, live / 1e6, took))

    def test_scattered_deletions(self):
        left = 1.0
        for percent in (30, 50, 90):
            # Of what is left, so that so much of all is gone.
            keep = (1 - percent / 100) / left
            left = 1 - percent / 100
            for user in ACCOUNTS:
                with Pop3(self.stack.pop3) as pop3:
                    pop3.log_in(user, PASSWORD)
                    count = pop3.stat()[0]
                    kept = {int(n / keep) + 1 for n in range(round(count * keep))}
                    gone = [n for n in range(1, count + 1) if n not in kept]
                    pop3.send(b"".join(b"DELE %d\r\n" % n for n in gone))
                    for _ in gone:
                        self.assertTrue(pop3.line().startswith(b"+OK"))
                    pop3.quit()
            self.expect_room("%d %% scattered" % percent)
        self.stack.ctl("verify", "--bodies")
        stats = self.stack.ctl_json("stats")["values"]
        self.assertGreater(stats["compaction_runs_total"], 0)
        self.assertGreater(stats["reclaim_bodies_total"], 0)
        self.assertGreater(stats["compaction_last_unix_seconds"], time.time() - 600)

    def test_whole_mailboxes(self):
        gone = 0
        for percent in (30, 50, 90):
            while gone < len(ACCOUNTS) * percent // 100:
                self.stack.ctl("accounts", "delete", ACCOUNTS[gone], "--yes")
                gone += 1
            self.expect_room("%d %% by whole mailboxes" % percent)
        self.stack.ctl("verify", "--bodies")


if __name__ == "__main__":
    harness.main()
