"""What a session that does its worst costs restante-pop3d: at most 64 KiB, over TLS too,
with as many marks as it likes, and in the largest maildrops. Clients that are slow or
silent are in hostile_test.py.

Memory is the resident set: what a number of sessions add to it after a third as many
have been there, so that what is there once for all isn't counted for each.
"""

import gc
import itertools
import socket
import ssl
import threading
import time

import harness
from clients import Lmtp

PASSWORD = "tulip"
KIB = 1024
MIB = 1024 * KIB
SESSION_OCTETS = 64 * KIB

# Under sanitizers it is only looked for what they find.
SHARE = 8 if harness.SANITIZER else 1
SESSIONS = 800 // SHARE
# Of maildrops with so many messages there are fewer, which all have to be delivered.
MANY = 20000 // SHARE
MANY_SESSIONS = 20 if SHARE == 1 else 4

SMALL = b"Subject: small\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"." + b"x" * 76 + b"\r\n" + b"y" * 77 + b"\r\n") * 26000


class SessionMemory(harness.StackTest):
    configs = {"pop3d": {"max_connections": 20000, "threads": 2}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = ["victim%03d@example.org" % i for i in range(SESSIONS)]
        cls.many = ["many%02d@example.org" % i for i in range(MANY_SESSIONS)]
        cls.stack.import_accounts(cls.users + cls.many, PASSWORD)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for first in range(0, len(cls.users), 100):
                for message in (LARGE, LARGE):
                    check(lmtp.deliver(message, cls.users[first:first + 100]))
        begin = time.monotonic()
        threads = [threading.Thread(target=cls.deliver_many, args=(-(-MANY // 8),))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("%d messages delivered in %.1f s" % (
            MANY * MANY_SESSIONS, time.monotonic() - begin))

    @classmethod
    def deliver_many(cls, count):
        """Many transactions at once, so that the network isn't waited for."""
        transaction = b"MAIL FROM:<ada.ferri@example.org>\r\n" + b"".join(
            b"RCPT TO:<%s>\r\n" % user.encode() for user in cls.many)
        transaction += b"BDAT %d LAST\r\n" % len(SMALL) + SMALL
        replies = 1 + 2 * len(cls.many)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            while count > 0:
                some = min(count, 20)
                lmtp.send(transaction * some)
                for _ in range(replies * some):
                    code, text = lmtp.reply()
                    assert code == 250, text
                count -= some

    def setUp(self):
        # What another test's clients have freed would hide what this one's take.
        self.stack.pop3d.stop()
        self.stack.pop3d.start()
        self.open = []
        self.addCleanup(self.close_all)

    def close_all(self):
        for connection in self.open:
            connection.close()
        self.open.clear()
        gc.collect()

    # Measures ---------------------------------------------------------------------

    def rss(self):
        with open("/proc/%d/status" % self.stack.pop3d.pid) as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * KIB
        raise AssertionError("no VmRSS")

    def resting_rss(self):
        """Once it has not grown for three seconds: calls that read messages end when
        their client hasn't read for one, and others begin. A sanitizer keeps what is
        freed, and with it memory always grows."""
        if harness.SANITIZER:
            return self.rss()
        def rests():
            before = self.rss()
            for _ in range(6):
                time.sleep(0.5)  # the time in which growth is looked for
                if self.rss() > before:
                    return False
            return True
        harness.eventually(rests, 30 * harness.PATIENCE, "memory that no longer grows")
        return self.rss()

    def expect_octets_each(self, what, count, begin, limit=SESSION_OCTETS):
        """Lets a quarter of the clients begin, for what is there once for all, and then the
        others: the more they are, the less does it matter what the allocator just had."""
        some = count // 4
        for number in range(some):
            begin(number)
        first = self.resting_rss()
        for number in range(some, count):
            begin(number)
        second = self.resting_rss()
        each = (second - first) / (count - some)
        print("%s: %.1f KiB for each (%.1f MiB in all; allowed: %d KiB)" % (
            what, each / KIB, second / MIB, limit / KIB))
        if not harness.SANITIZER:  # whose own memory is no measure
            self.assertLessEqual(each, limit, what)

    # Clients ----------------------------------------------------------------------

    def connect(self, tls=False):
        connection = socket.socket()
        connection.settimeout(60 * harness.PATIENCE)
        # Takes little at once.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * KIB)
        connection.connect(self.stack.pop3s if tls else self.stack.pop3)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        self.open.append(connection)
        return connection

    def log_in(self, user, tls=False):
        connection = self.connect(tls)
        connection.sendall(b"USER %s\r\nPASS %s\r\n" % (user.encode(), PASSWORD.encode()))
        replies = read_lines(connection, 3)
        self.assertEqual(replies.count(b"+OK"), 3, replies)
        return connection

    # Tests ------------------------------------------------------------------------

    def test_sessions_over_tls_that_do_not_read(self):
        def begin(number):
            self.log_in(self.users[number], tls=True).sendall(
                b"UIDL\r\nTOP 1 1000\r\n" + b"RETR 1\r\nRETR 2\r\n" * 100)
        self.expect_octets_each("sessions over TLS that don't read", SESSIONS, begin)

    def test_sasl_responses_over_tls_that_never_end(self):
        def begin(number):
            connection = self.connect(tls=True)
            read_lines(connection, 1)
            connection.sendall(b"AUTH PLAIN " + b"A" * 65500)
        self.expect_octets_each("unfinished SASL responses over TLS", SESSIONS, begin)

    def test_every_other_message_marked_and_nothing_read(self):
        dele = list(itertools.chain.from_iterable(
            (b"DELE %d\r\n" % number for number in range(first, min(first + 400, MANY), 2))
            for first in range(1, MANY, 400)))

        def begin(number):
            connection = self.log_in(self.many[number], tls=number % 2 == 0)
            for first in range(0, len(dele), 100):
                commands = dele[first:first + 100]
                connection.sendall(b"".join(commands))
                replies = read_lines(connection, len(commands))
                self.assertEqual(replies.count(b"+OK"), len(commands), replies[-200:])
            connection.sendall(b"UIDL\r\n" * 100 + b"LIST\r\n")
        self.expect_octets_each("sessions with every other message marked", MANY_SESSIONS, begin)


def read_lines(connection, count):
    """So many lines; the server sends no more than these."""
    lines = b""
    while lines.count(b"\n") < count:
        octets = connection.recv(65536)
        assert octets, lines
        lines += octets
    return lines


def check(replies):
    for code, text in replies:
        assert code == 250, text


if __name__ == "__main__":
    harness.main()
