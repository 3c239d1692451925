"""Hostile clients of restante-lmtpd: a thousand that stop inside their message, lines and
headers without end, RCPT a hundred thousand times, NULs. Its memory is bounded, each gets
the 4xx or 5xx that fits, and others are served meanwhile.

Memory of connections is the proportional set (PSS) of restante-lmtpd, as what a number of
them adds to it after a quarter as many have been there; that of single floods is the peak of
its resident set above what it was before.
"""

import statistics
import threading
import time

import harness
from attacks import allow_open_files
from clients import Closed, Lmtp, Pop3
from memory import begin_peak, nothing_unread, peak, pss

PASSWORD = "tulip"
USER = "hostile@example.org"
KIB = 1024
MIB = 1024 * KIB
MESSAGE = b"Subject: tulips\r\n\r\nThe parcel has arrived.\r\n"

# Under sanitizers it is only looked for what they find.
SHARE = 8 if harness.SANITIZER else 1
STALLED = 1000 // SHARE
RCPTS = 100_000 // SHARE
UNKNOWN = 20_000 // SHARE
RECIPIENTS = 1000  # of a transaction, as by default
# Of what never ends, as much as this is sent.
ENDLESS_OCTETS = 20 * MIB

# What a flood may cost beyond what restante-lmtpd has anyway.
FLOOD_OCTETS = 4 * MIB
# What restante-storage may hold of a message that is under way.
STORED_OCTETS = 320 * KIB
# What a delivery beside the stalled ones may take: a disk that is busy, and no more.
SECONDS = 5 * harness.PATIENCE


class HostileTestCase(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.create_account(USER, PASSWORD)

    def setUp(self):
        self.maildrop()

    def lmtp(self):
        lmtp = Lmtp(self.stack.lmtp)
        self.addCleanup(lmtp.close)
        return lmtp.lhlo()

    def in_data(self):
        """A client that may send its message now."""
        lmtp = self.lmtp()
        self.assertEqual(lmtp.envelope([USER])[0][0], 250)
        self.assertEqual(lmtp.command("DATA")[0], 354)
        return lmtp

    def maildrop(self, user=USER):
        """What is there, which is deleted with that."""
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            found = pop3.retr_all(pop3.stat()[0])
            for number in range(1, len(found) + 1):
                pop3.ok("DELE %d" % number)
            pop3.quit()
        return found

    def expect_little_memory(self, what, flood):
        """Once, for what is there once for all, and then again."""
        flood()
        lmtpd = self.stack.lmtpd
        before = begin_peak(lmtpd)
        begin = time.monotonic()
        flood()
        more = peak(lmtpd) - before
        print("%s: %.1f MiB more at most, %.1f s" % (what, more / MIB, time.monotonic() - begin))
        if not harness.SANITIZER:  # whose own memory is no measure
            self.assertLessEqual(more, FLOOD_OCTETS, what)


class StalledTest(HostileTestCase):
    configs = {"lmtpd": {"threads": 2}}

    @classmethod
    def setUpClass(cls):
        allow_open_files(STALLED + 1000)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        # What another test's clients have freed would hide what this one's take.
        self.stack.lmtpd.stop()
        self.stack.lmtpd.start()
        self.lmtp().deliver(MESSAGE, [USER])

    def expect_bounded(self, what, beginning, limit):
        some = STALLED // 4
        stalled = [self.stall(beginning) for _ in range(some)]
        first = self.resting_pss()
        stalled += [self.stall(beginning) for _ in range(STALLED - some)]
        each, stored = ((second - before) / (STALLED - some)
                        for second, before in zip(self.resting_pss(), first))
        took = []
        for _ in range(30):
            began = time.monotonic()
            self.assertEqual(self.lmtp().deliver(MESSAGE, [USER])[0][0], 250)
            took.append(time.monotonic() - began)
        print("%d stalled %s: %.1f KiB for each (allowed: %d), and %.1f of restante-storage's; "
              "a delivery beside them takes %.1f ms, %.1f at most" % (
                  STALLED, what, each / KIB, limit / KIB, stored / KIB,
                  1e3 * statistics.median(took), 1e3 * max(took)))
        if not harness.SANITIZER:
            self.assertLessEqual(each, limit)
            self.assertLessEqual(stored, STORED_OCTETS)
        self.assertLess(max(took), SECONDS)
        self.maildrop()
        # They were only late: whoever goes on is served.
        late = stalled[::STALLED // 5]
        for lmtp in late:
            lmtp.send(b"the end\r\n.\r\n")
            self.assertEqual(lmtp.reply()[0], 250)
        self.assertEqual(self.maildrop(), [beginning + b"the end\r\n"] * len(late))

    def stall(self, beginning):
        lmtp = self.in_data()
        lmtp.send(beginning)
        return lmtp

    def resting_pss(self):
        """Of restante-lmtpd and restante-storage, once everything that was sent is read, and a delivery behind it is done."""
        port = self.stack.lmtp[1]
        harness.eventually(lambda: nothing_unread(port), 60 * harness.PATIENCE, "octets read")
        self.assertEqual(self.lmtp().deliver(MESSAGE, [USER])[0][0], 250)
        return pss(self.stack.lmtpd), pss(self.stack.storage)

    def test_at_the_beginning_of_a_message(self):
        self.expect_bounded("at the beginning", b"Subject: stalled\r\n\r\n", 48 * KIB)

    def test_before_a_message_is_passed_on(self):
        self.expect_bounded("within the first 128 KiB", of_octets(127 * KIB), 256 * KIB)

    def test_while_a_message_is_passed_on(self):
        self.expect_bounded("beyond the first 128 KiB", of_octets(300 * KIB), 320 * KIB)


class ImpatientTest(HostileTestCase):
    configs = {"lmtpd": {"data_timeout": "300ms"}}

    def test_who_stalls_too_long_is_told_421_and_nothing_is_delivered(self):
        stalled = []
        for number in range(20):
            stalled.append(self.in_data())
            send_what_is_taken(stalled[-1].socket, of_octets(number * 20 * KIB))
        for lmtp in stalled:
            code, text = lmtp.reply()
            self.assertEqual((code, text[:5]), (421, "4.4.2"))
            self.assertEqual(lmtp.rest(), b"")
        self.assertEqual(self.maildrop(), [])


class EndlessTest(HostileTestCase):
    configs = {"lmtpd": {"max_message_octets": MIB}}

    MESSAGES = {
        "header lines": b"X-Endless: a line of a header that never ends\r\n",
        "a header line": b"X-Endless: a header line that never ends",
        "folds of a header line": b" a fold of a header line that never ends\r\n",
        "blank lines": b"\r\n",
        "a line of the body": b"a line of a body that never ends",
        "NULs": b"\0",
        "CRs": b"\r",
        "dots": b"..\r\n",
    }

    def test_a_message_without_end_is_552_whatever_is_in_it(self):
        for what, part in self.MESSAGES.items():
            def flood():
                lmtp = self.in_data()
                if "body" in what:
                    lmtp.send(b"Subject: endless\r\n\r\n")
                send_endless(lmtp, part)
                lmtp.send(b"\r\n.\r\n")
                code, text = lmtp.reply()
                self.assertEqual((code, text[:5]), (552, "5.3.4"), what)
                # The connection is as good as before.
                self.assertEqual(lmtp.deliver(MESSAGE, [USER])[0][0], 250)
                lmtp.close()
            with self.subTest(what):
                self.expect_little_memory("a message of " + what, flood)
                self.assertEqual(self.maildrop(), [MESSAGE] * 2)

    def test_a_command_without_end_is_500(self):
        for beginning in (b"", b"MAIL FROM:<"):
            for part in (b"x", b"\0", b"\r"):
                def flood():
                    lmtp = self.lmtp()
                    lmtp.send(beginning)
                    send_endless(lmtp, part)
                    code, text = lmtp.command("")
                    self.assertEqual((code, text[:5]), (500, "5.5.2"))
                    self.assertEqual(lmtp.deliver(MESSAGE, [USER])[0][0], 250)
                    lmtp.close()
                with self.subTest((beginning, part)):
                    self.expect_little_memory("a command of %r, and %r" % (beginning, part), flood)

    def test_chunks_of_a_message_without_end_are_552(self):
        def flood():
            lmtp = self.lmtp()
            lmtp.envelope([USER])
            lmtp.send(b"BDAT %d\r\n" % ENDLESS_OCTETS)
            send_endless(lmtp, b"x")
            self.assertEqual(lmtp.reply()[0], 552)
            lmtp.close()
        self.expect_little_memory("a chunk", flood)


class LongHeaderTest(HostileTestCase):
    """Within the limit for messages; restante-storage looks into headers."""

    CACHES = 8 * MIB + 16 * MIB
    configs = {"storage": {"engine": {"block_cache_octets": 8 * MIB,
                                      "write_buffer_octets": 16 * MIB}}}
    OCTETS = 100 * MIB // SHARE

    def test_a_header_of_100_mb_is_not_held(self):
        for part in (b"X-Long: a line of a long header\r\n", b"x"):
            lmtp = self.lmtp()
            self.assertEqual(lmtp.deliver(MESSAGE, [USER])[0][0], 250)
            servers = (self.stack.lmtpd, self.stack.storage)
            before = [begin_peak(server) for server in servers]
            lmtp.envelope([USER])
            self.assertEqual(lmtp.command("DATA")[0], 354)
            lmtp.send(b"X: ")
            send_endless(lmtp, part, self.OCTETS)
            lmtp.send(b"\r\n.\r\n")
            self.assertEqual(lmtp.reply()[0], 250)
            limits = FLOOD_OCTETS, self.CACHES + 32 * MIB
            for server, idle, allowed in zip(servers, before, limits):
                more = peak(server) - idle
                print("%r: %s: %.1f MiB more at most" % (part, server.name, more / MIB))
                if not harness.SANITIZER:
                    self.assertLessEqual(more, allowed, server.name)


class FloodTest(HostileTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = ["flood%04d@example.org" % number for number in range(RECIPIENTS)]
        cls.stack.import_accounts(cls.users, PASSWORD)

    def replies_to(self, lmtp, lines):
        """Of commands sent without a wait, by how many there are of each reply; the
        transaction is open after them."""
        octets = b"".join(lines)
        sender = threading.Thread(target=send_what_is_taken, args=(lmtp.socket, octets))
        sender.start()
        replies = {}
        try:
            for _ in lines:
                code, text = lmtp.reply()
                replies[code, text[:5]] = replies.get((code, text[:5]), 0) + 1
        except Closed:
            pass
        sender.join()
        return replies

    def test_100_000_recipients_are_452_from_the_limit_on(self):
        lines = [b"RCPT TO:<%s>\r\n" % self.users[number % RECIPIENTS].encode()
                 for number in range(RCPTS)]

        def flood():
            lmtp = self.lmtp()
            lmtp.envelope([])
            self.assertEqual(self.replies_to(lmtp, lines), {
                (250, "2.1.5"): RECIPIENTS, (452, "4.5.3"): RCPTS - RECIPIENTS})
            # Those that were taken get their message.
            self.assertEqual([code for code, _ in lmtp.data(MESSAGE, RECIPIENTS)],
                             [250] * RECIPIENTS)
        self.expect_little_memory("%d RCPTs" % RCPTS, flood)
        for user in self.users[::RECIPIENTS // 7]:
            self.assertEqual(self.maildrop(user), [MESSAGE] * 2)

    def test_unknown_recipients_are_550_each(self):
        lines = [b"RCPT TO:<nobody%d@example.org>\r\n" % number for number in range(UNKNOWN)]

        def flood():
            lmtp = self.lmtp()
            lmtp.envelope([])
            self.assertEqual(self.replies_to(lmtp, lines), {(550, "5.1.1"): UNKNOWN})
            self.assertEqual(lmtp.command("DATA")[0], 503)
            lmtp.command("RSET")
            self.assertEqual(lmtp.deliver(MESSAGE, [USER])[0][0], 250)
        self.expect_little_memory("%d unknown recipients" % UNKNOWN, flood)

    def test_recipients_that_are_none_end_the_connection(self):
        def flood():
            lmtp = self.lmtp()
            lmtp.envelope([])
            replies = self.replies_to(lmtp, [b"RCPT TO:<@@>\r\n"] * RCPTS)
            self.assertEqual(replies, {(501, "5.1.3"): 21, (421, "4.7.0"): 1})
        self.expect_little_memory("%d bad recipients" % RCPTS, flood)


class NulTest(HostileTestCase):
    def test_a_command_with_a_nul_is_500_and_changes_nothing(self):
        lmtp = self.lmtp()
        for before, command in (
                ([], b"LHLO a\0b"), ([], b"\0NOOP"), ([], b"\0"), ([], b"MAIL FROM:<a\0@example.org>"),
                ([], b"MAIL FROM:<>\0"), (["MAIL FROM:<>"], b"RCPT TO:<hostile@example.org\0>"),
                ([], b"RCPT TO:<\0>"), ([], b"DATA\0"), ([], b"BDAT 1\0"), ([], b"RSET\0"),
                ([], b"QUIT\0")):
            for line in before:
                self.assertEqual(lmtp.command(line)[0], 250)
            code, text = lmtp.command(command)
            self.assertEqual((code, text[:5]), (500, "5.5.2"), command)
        # The MAIL above still stands.
        self.assertEqual(lmtp.command("RCPT TO:<%s>" % USER)[0], 250)
        self.assertEqual(lmtp.data(MESSAGE)[0][0], 250)
        self.assertEqual(self.maildrop(), [MESSAGE])

    def test_nothing_but_nuls_ends_the_connection(self):
        lmtp = self.lmtp()
        send_what_is_taken(lmtp.socket, b"\0\r\n" * 1000)
        replies = [lmtp.reply() for _ in range(22)]
        self.assertEqual([code for code, _ in replies], [500] * 21 + [421])
        self.assertEqual(lmtp.rest(), b"")

    def test_nuls_in_a_message_are_octets_like_others(self):
        message = b"Subject: \0\r\n\0: \0\r\n\r\n\0\r\n\0.\r\n.\0\r\n\0"
        lmtp = self.lmtp()
        for bdat in (False, True):
            self.assertEqual(lmtp.deliver(message, [USER], bdat=bdat)[0][0], 250)
        self.assertEqual(self.maildrop(), [message + b"\r\n"] * 2)


def of_octets(count):
    """The beginning of a message, lines that end in CRLF."""
    line = b"x" * 78 + b"\r\n"
    return b"Subject: stalled\r\n\r\n" + line * (count // len(line))


def send_endless(lmtp, part, octets=ENDLESS_OCTETS):
    piece = part * (MIB // len(part))
    sent = 0
    while sent < octets:
        some = piece[:octets - sent]
        lmtp.send(some)
        sent += len(some)


def send_what_is_taken(connection, octets):
    try:
        connection.sendall(octets)
    except (BrokenPipeError, ConnectionResetError):
        pass


if __name__ == "__main__":
    harness.main()
