"""A client whose host is gone without a word, no FIN and no RST, is found out after
keepalive.idle + interval * probes, whatever its session was doing; the next session of
that user finds the maildrop free and whole. A client that is there and merely doesn't
read is left alone.

Gone is a client whose kernel drops what comes for its connection.
"""

import ctypes
import socket
import struct

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
# In seconds; and when a client has to be found out at the latest: its own kernel may
# go on for a while to repeat the command that it has had no acknowledgement for.
IDLE, INTERVAL, PROBES = 1, 1, 2
GONE = IDLE + INTERVAL * PROBES
LATEST = 6 * GONE * harness.PATIENCE

LARGE = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 50000
SMALL = b"Subject: small\r\n\r\nbody\r\n"


class Keepalive(harness.StackTest):
    configs = {"pop3d": {"keepalive": {
        "idle": "%ds" % IDLE, "interval": "%ds" % INTERVAL, "probes": PROBES}}}

    def setUp(self):
        self.user = "%s@example.org" % self.id().rsplit("_", 1)[1]
        self.stack.import_accounts([self.user], PASSWORD)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for message in (LARGE, SMALL):
                ((code, text),) = lmtp.deliver(message, [self.user])
                self.assertEqual(code, 250, text)

    def log_in(self, receive_buffer=None):
        """A session of its own, with a deletion that mustn't be carried out."""
        pop3 = Pop3.__new__(Pop3)
        pop3.socket = socket.socket()
        self.addCleanup(pop3.socket.close)
        pop3.socket.settimeout(60 * harness.PATIENCE)
        if receive_buffer:
            pop3.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        pop3.socket.connect(self.stack.pop3)
        pop3._reader = pop3.socket.makefile("rb")
        pop3.line()
        pop3.log_in(self.user, PASSWORD)
        pop3.ok("DELE 2")
        return pop3

    def expect_found_out(self):
        def free():
            with Pop3(self.stack.pop3) as pop3:
                reply = pop3.try_log_in(self.user, PASSWORD)
                if reply.startswith(b"+OK"):
                    self.assertEqual(pop3.stat()[0], 2, "messages")
                    return True
                self.assertTrue(reply.startswith(b"-ERR [IN-USE]"), reply)
                return False
        # At once it isn't: the client may only be slow.
        self.assertFalse(free())
        took = harness.eventually(free, LATEST, "a free maildrop")[1]
        print("found out after %.1f s" % took)
        return took

    def test_a_client_that_is_gone_while_idle(self):
        drop_all(self.log_in().socket)
        self.assertGreater(self.expect_found_out(), GONE / 2)

    def test_a_client_that_is_gone_when_a_response_is_sent(self):
        pop3 = self.log_in()
        drop_all(pop3.socket)
        pop3.send(b"RETR 2\r\n")
        self.assertGreater(self.expect_found_out(), GONE / 2)

    def test_a_client_that_is_gone_inside_a_message_that_it_stopped_to_read(self):
        pop3 = self.log_in(receive_buffer=8 * 1024)
        pop3.send(b"RETR 1\r\n")
        self.assertTrue(pop3.line().startswith(b"+OK"))
        drop_all(pop3.socket)
        self.assertGreater(self.expect_found_out(), GONE / 2)

    def test_a_client_that_only_pauses_inside_a_message_reads_on(self):
        paused = self.log_in(receive_buffer=8 * 1024)
        paused.send(b"RETR 1\r\n")
        self.assertTrue(paused.line().startswith(b"+OK"))
        # Another one, that began later, is found out meanwhile: so much time has gone by.
        self.user = "other@example.org"
        self.stack.import_accounts([self.user], PASSWORD)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for _ in range(2):
                lmtp.deliver(SMALL, [self.user])
        drop_all(self.log_in().socket)
        self.expect_found_out()
        self.assertTrue(paused.multiline() == LARGE)
        self.assertEqual(paused.stat()[0], 1)


def drop_all(connection):
    """Nothing that comes for this connection is seen any more, by a filter of one
    instruction: return 0 (linux/filter.h)."""
    SO_ATTACH_FILTER = 26
    # The kernel reads a sock_fprog: the count, and a pointer to the instructions.
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                          struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


if __name__ == "__main__":
    harness.main()
