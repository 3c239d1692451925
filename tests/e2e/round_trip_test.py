"""Every message that we have goes in over LMTP and comes out over POP3 and POP3S, by
several clients, with every octet as it was after ingest.
"""

import os
import shutil
import tempfile

import harness
import messages
import real_clients
from clients import Lmtp, Pop3
from wiretap import Tap

ALL = "all@example.org"      # every message, sent by BDAT
SHORT = "short@example.org"  # without lines that getmail refuses, sent by DATA
PASSWORD = "a password with spaces"


class RoundTrip(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mail = messages.stored() + messages.corpus() + messages.large()
        # One that is there twice, with its queue id, would be a repeated delivery.
        mail = [(name, data) for data, name in
                {data: name for name, data in reversed(mail)}.items()][::-1]
        print("%d messages" % len(mail))
        cls.names = {ALL: [], SHORT: []}
        cls.expected = {ALL: [], SHORT: []}
        cls.stack.create_account(ALL, PASSWORD)
        cls.stack.create_account(SHORT, PASSWORD)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for number, (name, data) in enumerate(mail):
                # Chunks of odd sizes, so that their borders fall anywhere.
                cls.deliver(lmtp, ALL, name, data, bdat=True, chunk=1000 + 7919 * (number % 13))
                longest = max(len(line) for line in data.split(b"\n"))
                if longest < real_clients.getmail.longest_line:
                    cls.deliver(lmtp, SHORT, name, data, bdat=False)

    @classmethod
    def deliver(cls, lmtp, account, name, data, **how):
        code, text = lmtp.deliver(data, [account], **how)[0]
        assert code == 250, (name, code, text)
        cls.names[account].append(name)
        cls.expected[account].append(messages.after_ingest(data))

    def compare(self, account, got, expected=None, what="RETR"):
        expected = expected or self.expected[account]
        self.assertEqual(len(got), len(expected), what)
        wrong = [
            "%s: %d octets instead of %d, the first difference at %d: %r instead of %r" % (
                name, len(g), len(e), at, g[at:at + 40], e[at:at + 40])
            for name, g, e in zip(self.names[account], got, expected)
            if e is not None and g != e
            for at in [len(os.path.commonprefix([g, e]))]]
        self.assertFalse(wrong, "%s: %d wrong:\n%s" % (what, len(wrong), "\n".join(wrong[:20])))

    def log_in(self, account, tls=False):
        return Pop3(self.stack.pop3s if tls else self.stack.pop3, tls).log_in(account, PASSWORD)

    def test_list_and_stat_tell_the_octets_that_retr_sends(self):
        for account in (ALL, SHORT):
            with self.log_in(account) as pop3:
                sizes = [len(message) for message in self.expected[account]]
                self.assertEqual(pop3.stat(), (len(sizes), sum(sizes)))
                self.assertEqual(pop3.sizes(), sizes)
                self.compare(account, pop3.retr_all(len(sizes)))

    def test_top_sends_the_header_the_blank_line_and_so_many_lines(self):
        with self.log_in(ALL) as pop3:
            for lines in (0, 1, 3):
                expected = [top_of(message, lines) for message in self.expected[ALL]]
                got = []
                for number in range(1, len(expected) + 1):
                    pop3.ok("TOP %d %d" % (number, lines))
                    got.append(pop3.multiline())
                self.compare(ALL, got, expected, "TOP n %d" % lines)

    def test_top_of_more_lines_than_there_are_is_the_whole_message(self):
        with self.log_in(SHORT) as pop3:
            got = []
            for number in range(1, len(self.expected[SHORT]) + 1):
                pop3.ok("TOP %d 4000000" % number)
                got.append(pop3.multiline())
            self.compare(SHORT, got)

    def test_uidls_and_order_outlive_a_restart_of_every_service(self):
        with self.log_in(ALL) as pop3:
            before = pop3.uidls()
            pop3.quit()
        self.assertEqual(len(set(before)), len(before))
        for uidl in before:
            self.assertRegex(uidl, r"\A[\x21-\x7e]{1,70}\Z")
        self.stack.restart()
        with self.log_in(ALL, tls=True) as pop3:
            self.assertEqual(pop3.uidls(), before)
            self.compare(ALL, pop3.retr_all(len(before)))

    def fetch(self, client, account, address, tls):
        directory = tempfile.mkdtemp(prefix="client-", dir=self.stack.dir)
        self.addCleanup(shutil.rmtree, directory)
        way = real_clients.Account(address, account, PASSWORD, tls, self.stack.certificate)
        return client(way, directory, len(self.expected[account]))

    def check_client(self, client, account):
        what = "%s of %s" % (client.__name__, account)
        with Tap(self.stack.pop3) as tap:
            clear = self.fetch(client, account, tap.address, tls=False)
        given = tap.retrieved()
        self.assertEqual([n for n, _ in given], list(range(1, len(self.expected[account]) + 1)))
        self.compare(account, [octets for _, octets in given], what=what + ", on the wire")
        stored = [client.keeps(message) for message in self.expected[account]]
        self.compare(account, clear, stored, what)
        # What the client itself rewrites it rewrites alike over TLS.
        self.compare(account, self.fetch(client, account, self.stack.pop3s, tls=True), clear,
                     what + " over TLS")

    def test_curl_gets_every_octet(self):
        self.check_client(real_clients.curl, ALL)

    def test_poplib_gets_every_octet(self):
        self.check_client(real_clients.python_poplib, ALL)

    def test_mpop_gets_every_octet(self):
        self.check_client(real_clients.mpop, ALL)

    def test_fetchmail_gets_every_octet(self):
        self.check_client(real_clients.fetchmail, SHORT)

    def test_getmail_gets_every_octet(self):
        self.check_client(real_clients.getmail, SHORT)


def top_of(message, lines):
    """RFC 1939: the header, the blank line, then so many lines of the body."""
    if message.startswith(b"\r\n"):
        header = 2
    else:
        end = message.find(b"\r\n\r\n")
        header = len(message) if end < 0 else end + 4
    at = header
    for _ in range(lines):
        if at == len(message):
            break
        at = message.index(b"\r\n", at) + 2
    return message[:at]


if __name__ == "__main__":
    harness.main()
