"""When messages are deleted and when not, and who holds a maildrop: RFC 1939's
TRANSACTION and UPDATE states against the real services, with real clients.
"""

import os
import shutil
import signal
import socket
import tempfile
import time
import zlib

import harness
import mutt_client
import real_clients
from clients import Lmtp, Pop3
from harness import eventually
from wiretap import Tap

PASSWORD = "tulip"
# How long a lock may outlive a front-end that died.
LOCK_SECONDS = 6 * harness.PATIENCE


def message(number):
    return b"Subject: %d\r\n\r\nmessage number %d\r\n.\r\n" % (number, number)


class Transactions(harness.StackTest):
    """Each test has an account of its own, with five messages."""

    def setUp(self):
        self.user = "t%d@example.org" % (zlib.crc32(self.id().encode()))
        self.stack.import_accounts([self.user], PASSWORD)
        self.deliver(range(1, 6))

    def deliver(self, numbers):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for number in numbers:
                self.assertEqual(lmtp.deliver(message(number), [self.user])[0][0], 250)

    def open(self, tls=False):
        pop3 = Pop3(self.stack.pop3s if tls else self.stack.pop3, tls)
        self.addCleanup(pop3.close)
        return pop3

    def log_in(self, tls=False):
        return self.open(tls).log_in(self.user, PASSWORD)

    def numbers(self):
        """Which messages the maildrop has now. The session before this one may have
        ended without QUIT, which the server has to find out first."""
        pop3 = self.open()
        eventually(lambda: self.try_log_in(pop3), LOCK_SECONDS, "a log-in")
        count, _ = pop3.stat()
        found = [int(pop3.retr(n).split(b"\r\n")[0].split()[1]) for n in range(1, count + 1)]
        pop3.quit()
        return found

    def try_log_in(self, pop3):
        reply = pop3.try_log_in(self.user, PASSWORD)
        if not reply.startswith(b"+OK"):
            self.assertIn(b"[IN-USE]", reply)
        return reply.startswith(b"+OK")

    def test_quit_deletes_what_dele_marked_and_nothing_else(self):
        for tls in (False, True):
            pop3 = self.log_in(tls)
            pop3.ok("DELE 2")
            pop3.quit()
        self.assertEqual(self.numbers(), [1, 4, 5])

    def test_a_dropped_connection_deletes_nothing(self):
        for tls in (False, True):
            pop3 = self.open(tls)
            eventually(lambda: self.try_log_in(pop3), LOCK_SECONDS, "a log-in")
            for number in range(1, 6):
                pop3.ok("DELE %d" % number)
            pop3.socket.shutdown(socket.SHUT_RDWR)
            pop3.close()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_a_reset_connection_deletes_nothing(self):
        pop3 = self.log_in()
        pop3.ok("DELE 1")
        pop3.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        pop3.close()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_a_quit_that_arrives_with_the_end_of_the_connection_deletes(self):
        pop3 = self.log_in()
        pop3.send(b"DELE 1\r\nQUIT\r\n")
        pop3.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(pop3.line().startswith(b"+OK"))
        self.assertTrue(pop3.line().startswith(b"+OK"))
        self.assertEqual(self.numbers(), [2, 3, 4, 5])

    def test_rset_takes_all_marks_back(self):
        pop3 = self.log_in()
        pop3.ok("DELE 1")
        pop3.ok("DELE 5")
        self.assertEqual(pop3.stat()[0], 3)
        pop3.ok("RSET")
        self.assertEqual(pop3.stat()[0], 5)
        pop3.quit()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_marked_messages_keep_their_numbers_and_are_not_listed(self):
        pop3 = self.log_in()
        before = dict(pop3.listing("UIDL"))
        pop3.ok("DELE 3")
        self.assertEqual([n for n, _ in pop3.listing("LIST")], [b"1", b"2", b"4", b"5"])
        self.assertEqual(dict(pop3.listing("UIDL")),
                         {n: uidl for n, uidl in before.items() if n != b"3"})
        for command in ("RETR 3", "TOP 3 0", "LIST 3", "UIDL 3", "DELE 3"):
            self.assertTrue(pop3.command(command).startswith(b"-ERR"), command)
        self.assertEqual(pop3.retr(4), message(4))

    def test_numbers_that_are_none_are_refused_and_touch_nothing(self):
        pop3 = self.log_in()
        for number in ("0", "-1", "6", "18446744073709551616", "18446744073709551617",
                       "4294967297", "1 2", "+1", "0x1", "1.0", "", " ", "one"):
            for verb in ("RETR", "DELE"):
                reply = pop3.command("%s %s" % (verb, number))
                self.assertTrue(reply.startswith(b"-ERR"), (verb, number, reply))
        self.assertEqual(pop3.stat()[0], 5)
        pop3.quit()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_a_second_session_is_told_in_use_until_the_first_ends(self):
        first = self.log_in()
        second = self.open(tls=True)
        self.assertIn(b"[IN-USE]", second.try_log_in(self.user, PASSWORD))
        first.quit()
        # The same connection may try again: nothing but the lock was in its way.
        second.log_in(self.user, PASSWORD)
        self.assertEqual(second.stat()[0], 5)

    def test_a_poll_at_once_after_a_poll_never_meets_the_old_lock(self):
        for _ in range(100):
            pop3 = Pop3(self.stack.pop3).log_in(self.user, PASSWORD)
            pop3.quit()

    def test_mail_that_arrives_in_a_session_is_for_the_next_one(self):
        pop3 = self.log_in()
        self.deliver([6])
        self.assertEqual(pop3.stat()[0], 5)
        self.assertTrue(pop3.command("RETR 6").startswith(b"-ERR"))
        pop3.ok("DELE 1")
        pop3.quit()
        self.assertEqual(self.numbers(), [2, 3, 4, 5, 6])

    def test_uidls_are_never_given_again(self):
        seen = set()
        for _ in range(3):
            pop3 = self.log_in()
            uidls = pop3.uidls()
            self.assertFalse(seen & set(uidls))
            seen |= set(uidls)
            for number in range(1, len(uidls) + 1):
                pop3.ok("DELE %d" % number)
            pop3.quit()
            self.deliver(range(1, 4))

    def test_a_killed_front_end_deletes_nothing_and_frees_the_lock(self):
        pop3 = self.log_in()
        for number in range(1, 6):
            pop3.ok("DELE %d" % number)
        self.stack.pop3d.kill9()
        self.stack.pop3d.start()
        again = self.open()
        _, seconds = eventually(lambda: self.try_log_in(again), LOCK_SECONDS, "the lock")
        print("The lock was free %.1f s after kill -9." % seconds)
        self.assertEqual(again.stat()[0], 5)
        again.quit()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def second_front_end(self, **config):
        directory = tempfile.mkdtemp(prefix="second-", dir=self.stack.dir)
        server = harness.Server("restante-pop3d", directory, harness.merged(
            self.stack._pop3d_config("127.0.0.1:0", "127.0.0.1:0"), config))
        server.start()
        self.addCleanup(server.stop)
        return harness.split_address(server.addresses["X_RESTANTE_POP3"])

    def test_a_front_end_that_falls_silent_frees_the_lock_and_deletes_nothing(self):
        second = self.second_front_end()
        pop3 = self.log_in()
        for number in range(1, 6):
            pop3.ok("DELE %d" % number)
        # As when its machine is gone: no end of the connection is ever seen.
        os.kill(self.stack.pop3d.pid, signal.SIGSTOP)
        try:
            again = Pop3(second)
            self.addCleanup(again.close)
            _, seconds = eventually(lambda: self.try_log_in(again), LOCK_SECONDS, "the lock")
        finally:
            os.kill(self.stack.pop3d.pid, signal.SIGCONT)
        print("The lock was free %.1f s after the front-end fell silent." % seconds)
        self.assertLessEqual(seconds, LOCK_SECONDS)
        self.assertTrue(pop3.command("QUIT").startswith(b"-ERR"))
        self.assertEqual(again.stat()[0], 5)
        again.quit()
        # It has a new stream, and serves again.
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def stay(self, pop3, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pop3.ok("NOOP")

    def test_a_client_that_leaves_while_it_waits_takes_nothing_over(self):
        patient = self.second_front_end(lock_wait="1s", take_over=True)
        first = self.log_in()
        first.ok("DELE 1")
        waiter = Pop3(patient)
        waiter.ok("USER " + self.user)
        waiter.send(b"PASS %s\r\n" % PASSWORD.encode())
        waiter.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.stay(first, 0.3)  # in which its password is taken
        waiter.close()
        self.stay(first, 1.5)
        first.quit()
        self.assertEqual(self.numbers(), [2, 3, 4, 5])

    def test_a_front_end_told_to_end_deletes_nothing(self):
        self.stack.pop3d.stop()
        self.stack.pop3d.configure(harness.merged(
            self.stack._pop3d_config(self.stack.pop3_address, self.stack.pop3s_address),
            {"drain_time": "100ms"}))
        self.stack.pop3d.start()
        pop3 = self.log_in()
        pop3.ok("DELE 1")
        self.assertEqual(self.stack.pop3d.stop(), 0)
        self.assertEqual(pop3.rest(), b"-ERR [SYS/TEMP] The server is shutting down.\r\n")
        self.stack.pop3d.start()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])


class LeaveOnServer(harness.StackTest):
    """Polls of clients that leave mail on the server fetch each message once; those
    that delete leave none."""

    def setUp(self):
        self.user = "l%d@example.org" % (zlib.crc32(self.id().encode()))
        self.stack.import_accounts([self.user], PASSWORD)
        self.directory = tempfile.mkdtemp(prefix="client-", dir=self.stack.dir)
        self.addCleanup(shutil.rmtree, self.directory)
        # One address for all polls: clients remember messages by server and port.
        self.tap = self.enterContext(Tap(self.stack.pop3))
        self.delivered = 0

    def deliver(self, count):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for _ in range(count):
                self.delivered += 1
                replies = lmtp.deliver(message(self.delivered), [self.user])
                self.assertEqual(replies[0][0], 250)

    def fetched(self):
        subjects = []
        for octets in real_clients.read_numbered(self.directory):
            subjects += [int(line.split()[1]) for line in octets.split(b"\n")
                         if line.startswith(b"Subject: ")]
        return subjects

    def poll(self, client, **options):
        """How many messages the client was given."""
        before = len(self.tap.retrieved())
        way = real_clients.Account(self.tap.address, self.user, PASSWORD, False,
                                   self.stack.certificate)
        client(way, self.directory, **options)
        return len(self.tap.retrieved()) - before

    def check(self, client, **options):
        self.deliver(3)
        self.assertEqual(self.poll(client, **options), 3)
        self.assertEqual(self.poll(client, **options), 0)
        self.deliver(2)
        self.assertEqual(self.poll(client, **options), 2)
        self.stack.restart()
        self.assertEqual(self.poll(client, **options), 0)
        self.deliver(1)
        self.assertEqual(self.poll(client, **options), 1)
        self.assertEqual(self.fetched(), list(range(1, 7)))
        self.assertEqual(self.left(), 6)

    def check_deleting(self, client, **options):
        self.deliver(4)
        self.assertEqual(self.poll(client, **options), 4)
        self.deliver(1)
        self.assertEqual(self.poll(client, **options), 1)
        self.assertEqual(self.fetched(), list(range(1, 6)))
        self.assertEqual(self.left(), 0)

    def left(self):
        with Pop3(self.stack.pop3) as pop3:
            return pop3.log_in(self.user, PASSWORD).stat()[0]

    def test_fetchmail_fetches_no_message_twice(self):
        self.check(real_clients.fetchmail, fetch_all=False)

    def test_getmail_fetches_no_message_twice(self):
        self.check(real_clients.getmail, read_all=False)

    def test_mpop_fetches_no_message_twice(self):
        self.check(real_clients.mpop)

    def test_mutt_fetches_no_message_twice(self):
        self.check(mutt_client.mutt)

    def test_fetchmail_deletes_what_it_fetched(self):
        self.check_deleting(real_clients.fetchmail, keep=False)

    def test_getmail_deletes_what_it_fetched(self):
        self.check_deleting(real_clients.getmail, keep=False)

    def test_mpop_deletes_what_it_fetched(self):
        self.check_deleting(real_clients.mpop, keep=False)

    def test_mutt_deletes_what_it_was_told_to(self):
        self.deliver(4)
        self.assertEqual(self.poll(mutt_client.mutt, keep=False), 4)
        self.assertEqual(self.fetched(), [1, 2, 3, 4])
        self.assertEqual(self.left(), 0)


if __name__ == "__main__":
    harness.main()
