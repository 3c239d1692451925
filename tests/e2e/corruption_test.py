"""Octets that change on the disk: a mail client is told, or its connection breaks before
the message would look complete; and the operator reads in the log which message it was.
"""

import glob
import os

import harness
from clients import Lmtp, Pop3

USER = "ada.ferri@example.org"
PASSWORD = "tulip"


def letter(marks, lines):
    """A message whose marks, each a word, stand so many lines apart."""
    text = b"Subject: %s\r\n\r\n" % b" ".join(marks)
    for mark in marks:
        text += b"The tulips are in flower, and so is the garden behind the house.\r\n" * lines
        text += b"Mark " + mark + b" stands here.\r\n"
    return text


# Large enough to stand in blob files, where nothing is compressed.
SMALL = letter([b"anemone"], 12)
BROKEN_SMALL = letter([b"begonia"], 12)
BROKEN_LARGE = letter([b"crocus", b"dahlia", b"erica"], 1500)


def damage(stack, text):
    """Changes an octet of this text in the files of a store that isn't open."""
    places = 0
    for path in glob.glob(os.path.join(stack.dir, "data", "db", "*")):
        if path.endswith((".blob", ".sst")):
            with open(path, "r+b") as file:
                at = file.read().find(text)
                if at >= 0:
                    file.seek(at + 5)
                    file.write(b"X")
                    places += 1
    assert places == 1, (text, places)


class CorruptionTest(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.import_accounts([USER], PASSWORD)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for message in (SMALL, BROKEN_SMALL, BROKEN_LARGE):
                assert lmtp.deliver(message, [USER])[0][0] == 250
        # Its second start brings what the log has into files.
        cls.stack.restart()
        cls.stack.storage.stop()
        damage(cls.stack, b"Mark begonia")
        damage(cls.stack, b"Mark dahlia")
        cls.stack.storage.start()

    def log_in(self):
        pop3 = Pop3(self.stack.pop3)
        self.addCleanup(pop3.close)
        return pop3.log_in(USER, PASSWORD)

    def test_a_message_that_fits_into_a_chunk_is_an_err(self):
        pop3 = self.log_in()
        self.assertEqual(pop3.command("RETR 2"), b"-ERR [SYS/PERM] This message can't be read.")
        self.assertEqual(pop3.command("TOP 2 1"), b"-ERR [SYS/PERM] This message can't be read.")
        self.assertEqual(pop3.retr(1), SMALL, "the session goes on")
        pop3.quit()

    def test_a_message_under_way_breaks_off(self):
        pop3 = self.log_in()
        pop3.ok("RETR 3")
        received = b""
        try:
            while data := pop3.socket.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        self.assertNotIn(b"\r\n.\r\n", received)
        self.assertNotIn(b"Mark Xahlia", received)
        self.assertLess(len(received), len(BROKEN_LARGE))

    def test_a_part_before_the_damage_is_read(self):
        pop3 = self.log_in()
        pop3.ok("TOP 3 2")
        self.assertTrue(BROKEN_LARGE.startswith(pop3.multiline()))
        pop3.quit()

    def test_the_log_and_verify_name_the_message(self):
        self.log_in().command("RETR 2")
        log = self.stack.storage.log()
        self.assertIn("CorruptMessage", log)
        self.assertRegex(log, "CorruptMessage.* mailbox=[0-9a-f]{32} uid=2 guid=[0-9a-f]{32}")
        code, out, _ = self.stack.ctl("verify", "--bodies", check=False)
        self.assertEqual(code, 1)
        self.assertIn("UID 2: ", out)
        self.assertIn("UID 3: ", out)
        self.assertNotIn("UID 1: ", out)


if __name__ == "__main__":
    harness.main()
