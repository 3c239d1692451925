"""Real MTAs, configured as the READMEs say, bring real and hard mail to the store: what is
there is what they handed over, octet by octet, each message once.

MTAs put fields on top, and mend what they take for broken (long lines, NULs, missing
fields), so a relay, or an agent that keeps what it is given, sees what left them. What they
had no reason to change has to have its body as it was sent, too.
"""

import collections
import concurrent.futures
import os
import re
import socket
import unittest

import harness
import messages
import mtas
from clients import Pop3
from wiretap import LmtpSession, Tap

PASSWORD = "tulip"
SENDER = "sender@example.net"

# With more of them MTAs suspect a loop: Exim from 30 on.
MOST_RECEIVED = 25
# With more of them Exim leaves messages to its queue runner, and OpenSMTPD hangs up.
MOST_A_CONNECTION = 10
# RFC 5321, section 4.5.3.1.6, without the CRLF. Exim's transport for LMTP bounces longer ones.
LONGEST_LINE = 998

HEADER = re.compile(rb"(?:[!-9;-~]+:[^\0\r\n]*\r\n(?:[ \t][^\0\r\n]*\r\n)*)+\r\n")


def corpus():
    """By detail of the recipient's address. As an honest client sends it: lines end in
    CRLF; bare CRs and NULs are still in it."""
    found = messages.stored() + messages.corpus()
    return {"c%03d" % number: messages.after_ingest(octets)
            for number, (_, octets) in enumerate(found)
            if len(re.findall(rb"(?im)^Received:", octets)) <= MOST_RECEIVED}


def longest_line(message):
    return max(map(len, message.split(b"\r\n")))


def is_regular(message):
    """No MTA has a reason to change its body."""
    return (HEADER.match(message) is not None and b"\0" not in message
            and not re.search(rb"\r(?!\n)", message) and longest_line(message) <= LONGEST_LINE)


def body_of(message):
    return message[message.index(b"\r\n\r\n") + 4:]


@unittest.skipIf(os.geteuid() != 0, "MTAs have to be root to start and to deliver")
class CorpusTest(mtas.MtaTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.corpus = corpus()
        # Of the commands and the octets of each MTA that speaks LMTP.
        cls.path = os.path.join(cls.stack.dir, "tap.sock")
        cls.tap_by_path = Tap(cls.stack.lmtp_socket, cls.path, LmtpSession)
        cls.tap_by_port = Tap(cls.stack.lmtp_socket, None, LmtpSession)
        for tap in (cls.tap_by_path, cls.tap_by_port):
            cls.enterClassContext(tap)

    def expect_the_corpus_arrives(self, mta, user, handed_over, taken=lambda message: True):
        """`handed_over` answers pairs of a recipient and octets."""
        self.stack.create_account(user, PASSWORD)
        local, domain = user.split("@")
        sent = {"%s+%s@%s" % (local, detail, domain): message
                for detail, message in self.corpus.items() if taken(message)}
        envelopes = list(sent.items())

        def send(first):
            with mta.connect() as smtp:
                for recipient, message in envelopes[first:first + MOST_A_CONNECTION]:
                    self.assertEqual(smtp.sendmail(SENDER, [recipient], message), {}, recipient)
        with concurrent.futures.ThreadPoolExecutor(4) as senders:
            list(senders.map(send, range(0, len(envelopes), MOST_A_CONNECTION)))
        harness.eventually(lambda: self.count(user) >= len(sent), 120 * harness.PATIENCE,
                           "%d messages for %s" % (len(sent), user))
        harness.eventually(lambda: not mta.queue(), 30 * harness.PATIENCE, "an empty queue")

        handed = [(recipient, octets) for recipient, octets in handed_over()
                  if recipient.startswith(local + "+")]
        self.assertEqual(sorted(recipient for recipient, _ in handed), sorted(sent))
        # Each has a Received field of its own, so no two are equal.
        owed = collections.Counter(messages.after_ingest(octets) for _, octets in handed)
        self.assertEqual(collections.Counter(self.maildrop(user)), owed)

        unchanged = 0
        for recipient, octets in handed:
            message = sent[recipient]
            if is_regular(message):
                unchanged += 1
                self.assertTrue(messages.after_ingest(octets).endswith(
                    b"\r\n\r\n" + body_of(message)), (recipient, octets[:2000]))
        self.assertGreater(unchanged, len(sent) // 2)
        print("%s: %d messages, %d of them regular" % (user, len(sent), unchanged))

    def count(self, user):
        with Pop3(self.stack.pop3) as pop3:
            return pop3.log_in(user, PASSWORD).stat()[0]

    def maildrop(self, user):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            found = pop3.retr_all(pop3.stat()[0])
            pop3.quit()
        return found

    @staticmethod
    def by_recipient(tap):
        return [(recipient, octets) for recipients, octets in tap.handed_over()
                for recipient in recipients]

    def test_postfix_by_lmtp(self):
        mta = self.start_mta("postfix", mtas.postfix_by_lmtp, self.path, self.lookup_sockets)
        self.expect_the_corpus_arrives(mta, "postfix-lmtp@example.org",
                                       lambda: self.by_recipient(self.tap_by_path))

    def test_postfix_through_the_pipe(self):
        mta = self.start_mta("postfix-pipe", mtas.postfix_by_pipe, self.stack.lmtp_socket, True)
        self.expect_the_corpus_arrives(mta, "postfix-pipe@example.org", lambda: mtas.kept(mta))

    def test_exim_by_lmtp(self):
        mta = self.start_mta("exim", mtas.exim_by_lmtp, self.tap_by_port.address[1])
        self.expect_the_corpus_arrives(mta, "exim-lmtp@example.org",
                                       lambda: self.by_recipient(self.tap_by_port),
                                       lambda message: longest_line(message) <= LONGEST_LINE)

    def test_exim_through_the_pipe(self):
        mta = self.start_mta("exim-pipe", mtas.exim_by_pipe, self.stack.lmtp_socket, True)
        self.expect_the_corpus_arrives(mta, "exim-pipe@example.org", lambda: mtas.kept(mta))

    def test_opensmtpd_by_lmtp(self):
        mta = self.start_mta("opensmtpd", mtas.opensmtpd_by_lmtp, self.path)
        self.expect_the_corpus_arrives(mta, "opensmtpd@example.org",
                                       lambda: self.by_recipient(self.tap_by_path), is_regular)


@unittest.skipIf(os.geteuid() != 0, "MTAs have to be root to start and to deliver")
class SmugglingTest(mtas.MtaTestCase):
    """A second message in the first, behind an end that is none, over the whole way."""

    ENDS = (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n")

    def expect_nothing_smuggled(self, name, mta):
        user, victim = name + "@example.org", name + "-victim@example.org"
        for address in (user, victim):
            self.stack.create_account(address, PASSWORD)
        for end in self.ENDS:
            # Whole, and cut into segments inside the false end.
            for cut in (0, 1, 2):
                self.send(mta, user, b"Subject: first\r\n\r\nfirst" + end[:cut], end[cut:]
                          + b"MAIL FROM:<a@example.net>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                          b"smuggled\r\n" % victim.encode())
        # A message behind them shows that they have been dealt with.
        with mta.connect() as smtp:
            smtp.sendmail(SENDER, [user], b"Subject: last\r\n\r\nlast\r\n")
        harness.eventually(lambda: any(b"Subject: last\r\n" in one for one in self.maildrop(user))
                           and not mta.queue(), 60 * harness.PATIENCE, "the last message")
        self.assertEqual(self.maildrop(victim), [])

    def send(self, mta, user, *segments):
        """As the MTA likes it: it may refuse such a message, and hang up."""
        with socket.create_connection(("127.0.0.1", mta.port), 30 * harness.PATIENCE) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            replies = client.makefile("rb")
            replies.readline()
            for command in (b"HELO client.test", b"MAIL FROM:<%s>" % SENDER.encode(),
                            b"RCPT TO:<%s>" % user.encode(), b"DATA"):
                client.sendall(command + b"\r\n")
                self.assertIn(replies.readline()[:1], (b"2", b"3"), command)
            try:
                for segment in segments:
                    client.sendall(segment)
                client.sendall(b"\r\n.\r\nQUIT\r\n")
                replies.read()
            except (BrokenPipeError, ConnectionResetError):
                pass

    def maildrop(self, user):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            return pop3.retr_all(pop3.stat()[0])

    def test_postfix(self):
        self.expect_nothing_smuggled("postfix", self.start_mta(
            "postfix", mtas.postfix_by_lmtp, self.stack.lmtp_socket, self.lookup_sockets))

    def test_exim(self):
        self.expect_nothing_smuggled("exim", self.start_mta(
            "exim", mtas.exim_by_lmtp, self.stack.lmtp[1]))


if __name__ == "__main__":
    harness.main()
