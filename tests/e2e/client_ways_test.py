"""The ways of real clients that others' tests don't go: STLS, AUTH PLAIN, Evolution's
engine; and a migration, after which no client fetches a message again.
"""

import os
import shutil
import sys
import tempfile
import zlib

import evolution
import harness
import mutt_client
import real_clients
from clients import Lmtp
from wiretap import Tap

sys.path.insert(0, os.path.join(harness.SOURCE_DIR, "tests", "differential"))
import servers  # noqa: E402

PASSWORD = servers.PASSWORD


def message(number):
    return b"Subject: %d\r\n\r\nmessage number %d\r\n.\r\n" % (number, number)


def subjects(messages):
    """The numbers of messages, whatever fields a client has put before theirs."""
    return [int(line.split()[1]) for octets in messages for line in octets.split(b"\n")
            if line.startswith(b"Subject: ")]


class Ways(harness.StackTest):
    """Each test has an account of its own, with three messages, a directory for its
    client, and one way to the server that records what goes over it."""

    def setUp(self):
        self.user = "w%d@example.org" % zlib.crc32(self.id().encode())
        self.stack.import_accounts([self.user], PASSWORD)
        self.deliver(1, 2, 3)
        self.directory = tempfile.mkdtemp(prefix="client-", dir=self.stack.dir)
        self.addCleanup(shutil.rmtree, self.directory)
        self.tap = self.enterContext(Tap(self.stack.pop3))

    def deliver(self, *numbers):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for number in numbers:
                self.assertEqual(lmtp.deliver(message(number), [self.user])[0][0], 250)

    def account(self, address=None, tls=False, **options):
        return real_clients.Account(address or self.tap.address, self.user, PASSWORD, tls,
                                    self.stack.certificate, **options)


class Stls(Ways):
    """With a server that takes no password in the clear."""

    configs = {"pop3d": {"allow_cleartext_passwords": False}}

    def check(self, client):
        fetched = client(self.account(stls=True), self.directory, 3)
        self.assertEqual(subjects(fetched), [1, 2, 3])
        self.assertIn(b"STLS", self.tap.commands())
        sent = b"".join(self.tap.commands())
        for secret in (self.user.encode(), PASSWORD.encode()):
            self.assertNotIn(secret, sent)

    def test_curl(self):
        self.check(real_clients.curl)

    def test_mpop(self):
        self.check(real_clients.mpop)

    def test_fetchmail(self):
        self.check(real_clients.fetchmail)

    def test_mutt(self):
        self.check(mutt_client.mutt)

    def test_evolution(self):
        self.check(evolution.camel)


class Plain(Ways):
    """AUTH PLAIN, with its initial response and without."""

    def check(self, client, **options):
        account = self.account(mechanism="PLAIN")
        self.assertEqual(subjects(client(account, self.directory, 3, **options)), [1, 2, 3])
        commands = self.tap.commands()
        self.assertNotIn(b"PASS " + PASSWORD.encode(), commands)
        return [line for line in commands if line.startswith(b"AUTH ")]

    def test_curl(self):
        self.assertEqual(self.check(real_clients.curl), [b"AUTH PLAIN"])

    def test_curl_with_an_initial_response(self):
        (line,) = self.check(real_clients.curl, options=["--sasl-ir"])
        self.assertGreater(len(line), len(b"AUTH PLAIN "))

    def test_evolution(self):
        self.assertEqual(self.check(evolution.camel), [b"AUTH PLAIN"])


class Evolution(Ways):
    def test_over_tls(self):
        account = self.account(self.stack.pop3s, tls=True)
        self.assertEqual(subjects(evolution.camel(account, self.directory)), [1, 2, 3])

    def test_no_message_is_fetched_twice(self):
        for expected in ([1, 2, 3], [1, 2, 3], [1, 2, 3, 4]):
            if 4 in expected:
                self.deliver(4)
            fetched = evolution.camel(self.account(), self.directory)
            self.assertEqual(subjects(fetched), expected)
            self.assertEqual(len(self.tap.retrieved()), len(expected))

    def test_it_deletes_what_it_fetched(self):
        fetched = evolution.camel(self.account(), self.directory, keep=False)
        self.assertEqual(subjects(fetched), [1, 2, 3])
        self.deliver(4)
        self.assertEqual(subjects(evolution.camel(self.account(), self.directory)), [4])


class EvolutionThatMaySayUtf8(Ways):
    configs = {"pop3d": {"hide_utf8": True}}

    def test_it_does_not_where_the_server_hides_it(self):
        fetched = evolution.camel(self.account(), self.directory, utf8=True)
        self.assertEqual(subjects(fetched), [1, 2, 3])
        self.assertIn(b"CAPA", self.tap.commands())
        self.assertFalse([line for line in self.tap.commands() if line.startswith(b"UTF8")])


class Migration(Ways):
    """A client that leaves its mail on the server polls Dovecot, and then Restante at the
    same address, with the state that it has kept."""

    def setUp(self):
        super().setUp()
        self.moved = "m" + self.user
        self.stack.import_accounts([self.moved], PASSWORD)
        self.dovecot = servers.Dovecot([self.moved])
        self.addCleanup(self.dovecot.stop)
        for number in range(1, 5):
            self.dovecot.deliver(number, message(number), [self.moved])
        self.tap.lead_to(self.dovecot.address)

    def poll(self, client, **options):
        """How many messages the client was given."""
        before = len(self.tap.retrieved())
        account = self.account()
        account.user = self.moved
        client(account, self.directory, **options)
        return len(self.tap.retrieved()) - before

    def check(self, client, **options):
        self.assertEqual(self.poll(client, **options), 4)
        self.assertEqual(self.poll(client, **options), 0)
        out = self.stack.ctl("import", "--from", "dovecot", self.dovecot.maildir(self.moved),
                             "--to", self.moved)[1]
        self.assertEqual(out, "Imported 4 of 4 messages.\n")
        self.tap.lead_to(self.stack.pop3)
        self.assertEqual(self.poll(client, **options), 0)
        self.user = self.moved
        self.deliver(5)
        self.assertEqual(self.poll(client, **options), 1)

    def test_fetchmail(self):
        self.check(real_clients.fetchmail, fetch_all=False)

    def test_mpop(self):
        self.check(real_clients.mpop)

    def test_mutt(self):
        self.check(mutt_client.mutt)

    def test_evolution(self):
        self.check(evolution.camel)


if __name__ == "__main__":
    harness.main()
