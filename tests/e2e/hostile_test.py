"""Clients that are slow, silent, gone or hostile: the front-end's memory stays within
64 KiB for each of them, and other people's sessions take at most twice as long.

Memory is the resident set of restante-pop3d: what a number of clients adds to it
after a first lot of them has been there, so that what is there once for all
(read slots, allocator, threads) isn't counted for each. Times are those of a prober
beside the attack (latency.py), compared with what they were before it and with those
of another server at the same time, since the machine may have other things to do.
"""

import gc
import itertools
import os
import socket
import time

import harness
from attacks import Attack, Pace, allow_open_files, drop_all, reset, tcp_memory
from clients import Lmtp, Pop3
from latency import Prober

PASSWORD = "tulip"
PROBED = "probe@example.org"
# How many there are; under sanitizers it is only looked for what they find.
SHARE = 8 if harness.SANITIZER else 1
VICTIMS = 450 // SHARE
CONNECTIONS = 10000 // SHARE
# What each side of them has open besides.
OTHER_FILES = 1000
KIB = 1024
MIB = 1024 * KIB

# What a session may cost, and a connection that never said a word.
SESSION_OCTETS = 64 * KIB
SILENT_OCTETS = 8 * KIB
SILENT_TLS_OCTETS = 48 * KIB

# Twice as long; and a scheduling interval of a busy machine, which is no session's
# time but is in a p99 of milliseconds.
SLOWER = 2.0
SLACK_MS = 4.0
ATTEMPTS = 3

SMALL = b"Subject: small\r\n\r\n" + b"a line of it\r\n" * 100
LARGE = b"Subject: large\r\n\r\n" + (b"." + b"x" * 76 + b"\r\n" + b"y" * 77 + b"\r\n") * 26000


def user(number):
    return "victim%04d@example.org" % number


class Hostile(harness.StackTest):
    configs = {"pop3d": {"max_connections": 20000}}

    @classmethod
    def setUpClass(cls):
        allow_open_files(CONNECTIONS + OTHER_FILES)
        super().setUpClass()
        # Each test has its own: a client that is gone keeps its maildrop for a while.
        cls.next_victim = itertools.count()
        victims = [user(i) for i in range(4 * VICTIMS)]
        cls.stack.import_accounts([PROBED] + victims, PASSWORD)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            cls.deliver(lmtp, SMALL, [PROBED])
            for first in range(0, len(victims), 100):
                for _ in range(2):
                    cls.deliver(lmtp, LARGE, victims[first:first + 100])
        other = harness.Stack().start()
        cls.addClassCleanup(other.stop)
        other.import_accounts([PROBED], PASSWORD)
        with Lmtp(other.lmtp) as lmtp:
            cls.deliver(lmtp.lhlo(), SMALL, [PROBED])
        cls.prober = Prober((cls.stack.pop3, other.pop3), PROBED, PASSWORD)
        cls.addClassCleanup(cls.prober.stop)
        cls.prober.measure(2)
        cls.before = cls.prober.measure()
        print("nobody else: %s" % (describe(cls.before)))

    @staticmethod
    def deliver(lmtp, message, recipients):
        for code, text in lmtp.deliver(message, recipients):
            assert code == 250, text

    def setUp(self):
        # What another test's clients have freed would hide what this one's take.
        self.stack.pop3d.stop()
        self.stack.pop3d.start()
        self.prober.measure(1)
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
        """Once it no longer grows."""
        def rests():
            before = self.rss()
            time.sleep(0.5)  # the time in which growth is looked for
            return self.rss() <= before + 256 * KIB
        harness.eventually(rests, 30 * harness.PATIENCE, "memory that no longer grows")
        return self.rss()

    def expect_octets_each(self, what, first, second, count, limit):
        each = (second - first) / count
        print("%s: %.1f KiB for each of %d more (%.1f MiB in all; allowed: %d KiB)" % (
            what, each / KIB, count, second / MIB, limit / KIB))
        if not harness.SANITIZER:  # whose own memory is no measure
            self.assertLessEqual(each, limit, what)

    def expect_others_served(self, what, *attack):
        """What the attack does to the server it does for as long as others are measured, in
        each attempt: connections that stand, or the steps of an Attack."""
        for _ in range(ATTEMPTS):
            with Attack(*attack) as running:
                during = self.prober.measure()
            done = ", steps done: %d" % running.done() if attack else ""
            print("%s: %s%s" % (what, describe(during), done))
            usual = max(self.before[0][1], during[1][1])
            if during[0][1] <= SLOWER * usual + SLACK_MS or harness.SANITIZER:
                return
        self.fail("%s, others' sessions take too long: nobody else: %s" % (
            what, describe(self.before)))

    def expect_connections(self, count):
        """So many are open, at the server's side too, and each has got its greeting."""
        self.assertEqual(len(self.open), count)
        for connection in self.open:
            self.assertTrue(connection.recv(100).startswith(b"+OK"))
        self.assertGreaterEqual(len(os.listdir("/proc/%d/fd" % self.stack.pop3d.pid)), count)

    # Clients ----------------------------------------------------------------------

    def connect(self, receive_buffer=None):
        connection = socket.socket()
        self.open.append(connection)
        connection.settimeout(60 * harness.PATIENCE)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(self.stack.pop3)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def log_in(self):
        """A client that takes little at once, logged in, all replies read."""
        connection = self.connect(receive_buffer=8 * KIB)
        connection.sendall(b"USER %s\r\nPASS %s\r\n" % (
            user(next(self.next_victim)).encode(), PASSWORD.encode()))
        replies = b""
        while replies.count(b"\n") < 3:
            replies += connection.recv(4096)
        self.assertEqual(replies.count(b"+OK"), 3, replies)
        return connection

    def lots(self, count, begin):
        """Lets half of the clients begin and then the others; the memory after each
        lot, and how many the second has."""
        first = count // 2
        for _ in range(first):
            begin()
        after_first = self.resting_rss()
        for _ in range(first, count):
            begin()
        return after_first, self.resting_rss(), count - first

    # Tests ------------------------------------------------------------------------

    def test_connections_that_say_nothing(self):
        first, second, count = self.lots(CONNECTIONS, self.connect)
        self.expect_octets_each("silent connections", first, second, count, SILENT_OCTETS)
        self.expect_others_served("with %d silent connections" % CONNECTIONS)
        self.expect_connections(CONNECTIONS)

    def test_a_storm_of_connections(self):
        """As many, 2,000 a second, then all are reset as fast, and again."""
        def storm():
            pace = Pace(40)
            connections = []
            for _ in range(CONNECTIONS // 50):
                pace.wait()
                connections += [socket.create_connection(self.stack.pop3, 60 * harness.PATIENCE)
                                for _ in range(50)]
            for number, connection in enumerate(connections):
                if number % 50 == 0:
                    pace.wait()
                reset(connection)
        storm()
        before = self.resting_rss()
        self.expect_others_served("in a storm of %d connections" % CONNECTIONS, storm)
        if not harness.SANITIZER:
            self.assertLessEqual(self.resting_rss() - before, CONNECTIONS * SILENT_OCTETS)

    def test_connections_that_say_nothing_over_tls(self):
        def begin():
            self.open.append(Pop3(self.stack.pop3s, tls=True))
        first, second, count = self.lots(600 // SHARE, begin)
        self.expect_octets_each("silent TLS connections", first, second, count,
                                SILENT_TLS_OCTETS)
        self.expect_others_served("with %d silent TLS connections" % (600 // SHARE))

    def test_clients_that_ask_for_much_and_read_nothing(self):
        def begin():
            self.log_in().sendall(b"UIDL\r\nTOP 1 1000\r\n" + b"RETR 1\r\nRETR 2\r\n" * 100)
        first, second, count = self.lots(VICTIMS, begin)
        self.expect_octets_each("clients that don't read", first, second, count, SESSION_OCTETS)
        self.expect_others_served("with %d clients that don't read" % VICTIMS)
        print("TCP memory of the machine: %.1f MiB" % (tcp_memory() / MIB))
        # They were only late: whoever reads on gets everything.
        for connection in self.open[::max(1, VICTIMS // 3)]:
            self.read_rest(connection)

    def read_rest(self, connection):
        pop3 = Pop3.__new__(Pop3)
        pop3.socket, pop3._reader = connection, connection.makefile("rb")
        self.assertTrue(pop3.line().startswith(b"+OK"))
        self.assertEqual(pop3.multiline().count(b"\r\n"), 2)
        self.assertTrue(pop3.line().startswith(b"+OK"))
        self.assertEqual(pop3.multiline().count(b"\r\n"), 1002)
        for _ in range(3):
            self.assertTrue(pop3.line().startswith(b"+OK %d " % len(LARGE)))
            self.assertTrue(pop3.multiline() == LARGE)

    def test_clients_that_pause_between_messages(self):
        def begin():
            connection = self.log_in()
            connection.sendall(b"TOP 1 10\r\nTOP 2 10\r\nUIDL\r\n")
            replies = b""
            while replies.count(b"\r\n.\r\n") < 3:
                replies += connection.recv(65536)
        first, second, count = self.lots(VICTIMS, begin)
        self.expect_octets_each("clients that pause", first, second, count, SESSION_OCTETS)
        self.expect_others_served("with %d clients that pause" % VICTIMS)

    def test_clients_of_one_octet_at_a_time(self):
        """Commands octet by octet, and messages read octet by octet, 20 a second."""
        talkers = [self.connect() for _ in range(100 // SHARE)]
        readers = [self.log_in() for _ in range(100 // SHARE)]
        for reader in readers:
            reader.sendall(b"RETR 1\r\n")
            self.assertEqual(reader.recv(1), b"+")
        before = self.resting_rss()
        dialogue = itertools.cycle(b"CAPA\r\nUSER nobody\r\nNOOP\r\n")

        pace = Pace(20)

        def one_octet():
            pace.wait()
            octet = bytes([next(dialogue)])
            for talker in talkers:
                talker.send(octet)
            for reader in readers:
                self.assertEqual(len(reader.recv(1)), 1)
        self.expect_others_served(
            "with %d clients of one octet at a time" % (200 // SHARE), one_octet)
        if not harness.SANITIZER:
            self.assertLessEqual(self.rss() - before, (200 // SHARE) * SESSION_OCTETS)

    def test_clients_that_are_gone_without_a_word(self):
        """The host of the client has vanished: nothing is acknowledged any more."""
        def begin():
            connection = self.log_in()
            drop_all(connection)
            connection.sendall(b"RETR 1\r\nRETR 2\r\n")
        first, second, count = self.lots(400 // SHARE, begin)
        self.expect_octets_each("half-open sessions", first, second, count, SESSION_OCTETS)
        self.expect_others_served("with %d half-open sessions" % (400 // SHARE))

    def test_lines_of_100_mb(self):
        """Five at a time, which come as a network of a gigabit a second brings them."""
        line = b"x" * MIB
        most = 0

        def send_line(beginning, connection):
            nonlocal most
            pace = Pace(25)
            connection.sendall(beginning)
            for _ in range(100):
                pace.wait()
                connection.sendall(line)
                most = max(most, self.rss())
            connection.sendall(b"\r\nCAPA\r\nQUIT\r\n")
            replies = connection.makefile("rb").read().split(b"\r\n")
            if replies[0].startswith(b"+OK Restante"):
                del replies[0]
            self.assertTrue(replies[0].startswith(b"-ERR "), replies)
            self.assertTrue(replies[1].startswith(b"+OK"), "CAPA after the line")
            self.assertTrue(replies[-2].startswith(b"+OK"), "QUIT")
            self.open.remove(connection)
            connection.close()

        # Before login and after; AUTH, which may be long; a user name; one with NULs.
        beginnings = [b"", b"AUTH PLAIN ", b"USER ", b"\0\0\0"]
        attack = [lambda b=b: send_line(b, self.connect()) for b in beginnings]
        attack += [lambda: send_line(b"RETR ", self.log_in())]
        with Attack(*attack):
            pass  # once
        before = self.resting_rss()
        most = before
        self.expect_others_served("with %d lines of 100 MB at a time" % len(attack), *attack)
        print("lines of 100 MB: %.1f KiB more" % ((most - before) / KIB))
        if not harness.SANITIZER:
            self.assertLessEqual(most - before, len(attack) * 3 * SESSION_OCTETS)

    def test_long_sasl_responses_that_never_end(self):
        def begin():
            connection = self.connect()
            connection.sendall(b"AUTH PLAIN " + b"A" * 65570)
        first, second, count = self.lots(600 // SHARE, begin)
        self.expect_octets_each("unfinished SASL responses", first, second, count,
                                SESSION_OCTETS)
        self.expect_others_served("with %d unfinished SASL responses" % (600 // SHARE))


def describe(figures):
    return "median %.1f ms, p99 %.1f ms (elsewhere %.1f, %.1f)" % (figures[0] + figures[1])


if __name__ == "__main__":
    harness.main()
