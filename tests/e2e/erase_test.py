"""An account that is deleted and purged leaves no octet of its mail behind: not in
RocksDB's tables, not in its blob files, not in its logs. Others' mail stays.
"""

import os

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
# One that is kept in a table beside its key, one in a blob file, one in many chunks.
SIZES = (100, 20_000, 1_000_000)


def message(marker, octets):
    """Marked in its header, all over its body, and at its end."""
    line = b"%s and something after it\r\n" % marker
    return b"Subject: %s\r\n\r\n" % marker + line * (octets // len(line) + 1)


class Erase(harness.StackTest):
    configs = {"storage": {"engine": {"write_buffer_octets": 1 << 20}}}

    def files_with(self, marker):
        found = []
        for folder, _, names in os.walk(os.path.join(self.stack.dir, "data")):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        if marker in file.read():
                            found.append(name)
                except FileNotFoundError:
                    pass  # RocksDB has just deleted it
        return sorted(found)

    def deliver(self, recipients, marker):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for octets in SIZES:
                for code, text in lmtp.deliver(message(marker, octets), recipients):
                    self.assertEqual(code, 250, text)

    def test_no_octet_is_left(self):
        gone, other = "gone@example.org", "other@example.org"
        for address in (gone, other):
            self.stack.create_account(address, PASSWORD)
        self.deliver([gone], b"mark-of-the-first")
        self.deliver([gone, other], b"mark-of-a-shared-one")
        self.deliver([other], b"mark-of-the-second")
        # Deleted before, and within its grace period.
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(gone, PASSWORD).ok("DELE 1")
            pop3.quit()
        # Some of all that is in a log still, and some in files.
        self.deliver([gone], b"mark-of-the-last")
        for marker in (b"mark-of-the-first", b"mark-of-the-last"):
            self.assertNotEqual(self.files_with(marker), [], "the test looks at the wrong place")

        self.stack.ctl("accounts", "delete", gone, "--yes", "--purge")

        for marker in (b"mark-of-the-first", b"mark-of-the-last"):
            self.assertEqual(self.files_with(marker), [], marker)
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(other, PASSWORD)
            for marker, first in ((b"mark-of-a-shared-one", 1), (b"mark-of-the-second", 4)):
                for number, octets in enumerate(SIZES, first):
                    self.assertEqual(pop3.retr(number), message(marker, octets))
            pop3.quit()
        self.stack.ctl("verify", "--bodies")


if __name__ == "__main__":
    harness.main()
