"""Much mail at once: Postfix' own load generator sends through Postfix and LMTP, several
programs with several sessions each, and every message is there, once.

RESTANTE_LONG=1 makes it 10,000 messages instead of 400.
"""

import os
import re
import subprocess
import time
import unittest

import harness
import mtas
from clients import Pop3

PASSWORD = "tulip"
MESSAGES = 10_000 if os.environ.get("RESTANTE_LONG") else 400
SENDERS = 4
SESSIONS = 5  # of each
OCTETS = 2000
SECONDS = 600 * harness.PATIENCE


@unittest.skipIf(os.geteuid() != 0, "Postfix' master has to be root")
class LoadTest(mtas.MtaTestCase):
    def test_no_message_is_lost_and_none_is_there_twice(self):
        postfix = self.start_mta("postfix", mtas.postfix_by_lmtp, self.stack.lmtp_socket,
                                 self.lookup_sockets)
        users = ["load%d@example.org" % number for number in range(SENDERS)]
        self.stack.import_accounts(users, PASSWORD)
        each = MESSAGES // SENDERS
        begin = time.monotonic()
        for sender in [self.send(postfix, user, each) for user in users]:
            self.assertEqual(sender.wait(SECONDS), 0)
        taken = time.monotonic()
        for user in users:
            harness.eventually(lambda: self.count(user) >= each,
                               SECONDS, "%d messages for %s" % (each, user))
        harness.eventually(lambda: not postfix.queue(), 60 * harness.PATIENCE, "an empty queue")
        end = time.monotonic()
        print("%d messages: Postfix had them after %.1f s, the store after %.1f s (%.0f/s)" % (
            MESSAGES, taken - begin, end - begin, MESSAGES / (end - begin)))
        bodies = set()
        for user in users:
            bodies |= self.check(user, each)
        self.assertEqual(len(bodies), 1)

    def send(self, postfix, user, count):
        sender = subprocess.Popen(
            [os.path.join(postfix.root, "usr/sbin/smtp-source"), "-s", str(SESSIONS),
             "-m", str(count), "-l", str(OCTETS), "-M", "client.test",
             "-f", "sender@example.net", "-t", user, "inet:127.0.0.1:%d" % postfix.port],
            env=dict(os.environ, LD_LIBRARY_PATH=os.path.join(postfix.root, "usr/lib/postfix")),
            stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        self.addCleanup(stop, sender)
        return sender

    def count(self, user):
        with Pop3(self.stack.pop3) as pop3:
            return pop3.log_in(user, PASSWORD).stat()[0]

    def check(self, user, count):
        """smtp-source gives each message an id, and the same body to all, which this
        answers."""
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            found = pop3.retr_all(pop3.stat()[0])
            pop3.quit()
        ids = {re.search(rb"(?im)^Message-Id: (\S+)", message)[1] for message in found}
        self.assertEqual((len(found), len(ids)), (count, count), user)
        return {message[message.index(b"\r\n\r\n"):] for message in found}


def stop(program):
    program.kill()
    program.wait()


if __name__ == "__main__":
    harness.main()
