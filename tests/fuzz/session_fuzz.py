"""Random segments to a live front-end: mutated dialogues, noise, halves of TLS hellos,
huge lines, STLS in the middle of things, resets. Afterwards the server serves a
session as before, has lost no mail that nobody deleted, has logged no error, and its
memory and its descriptors are what they were. ground.py has what it is sent to.

With the programs of a sanitizer build (RESTANTE_BIN, RESTANTE_SANITIZE) its findings
fail the test. SECONDS and SEED may be given as arguments; a seed repeats what each
client sends, not how the server's threads take turns.
"""

import os
import random
import socket
import ssl
import struct
import sys
import threading
import time
import unittest

import ground  # first: it knows the way to the others
import harness
from clients import Lmtp, Pop3
from ground import BALANCER, PASSWORD, USERS, descriptors, memory

SECONDS = 120 if os.environ.get("RESTANTE_LONG") else 8
SEED = None
CLIENTS = 12
WATCHED = "watched@example.org"
MAIL = [b"Subject: %d\r\n\r\n" % n + b".dots\r\n..\r\n.\r\n" * n + b"x" * (1 << n) + b"\r\n"
        for n in range(18)]
MEMORY = 96 << 20

VALID = (
    b"USER %s\r\nPASS %s\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n",
    b"CAPA\r\nAUTH PLAIN\r\n%s\r\n*\r\nUSER %s\r\n",
    b"USER %s\r\nPASS %s\r\n" + b"".join(b"RETR %d\r\nTOP %d 1\r\n" % (n, n) for n in range(1, 19)),
    b"user %s\r\npass %s\r\nDELE 1\r\nRETR 18\r\nRSET\r\nNOOP\r\nRETR 17\r\nLIST 3\r\n",
    b"UTF8\r\nLANG\r\nLANG it\r\nUSER %s\r\nPASS %s\r\nUTF8\r\nDELE 2\r\nUIDL 2\r\nTOP 4 99999\r\n",
    b"AUTH EXTERNAL =\r\nUSER %s\r\nPASS %s\r\nDELE 3\r\nRETR 2\r\nQUIT\r\n",
    b"AUTH\r\nAUTH PLAIN =\r\n=\r\nAPOP a b\r\nSTLS\r\nUSER %s\r\nPASS %s\r\nSTAT\r\n",
)
WORDS = (b"RETR ", b"TOP ", b"DELE ", b"STLS\r\n", b"\r\n", b"\n", b"\r", b"\0", b".", b"\r\n.\r\n",
         b"18446744073709551616", b"-1", b" ", b"AUTH PLAIN ", b"QUIT\r\n", b"\xff\xfe",
         b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c", b"RSET\r\n")


class Client(threading.Thread):
    """Speaks nonsense until the time is over."""

    def __init__(self, around, number, seed, end):
        super().__init__(daemon=True)
        self._ground = around
        self._front_end = None  # which one it speaks to, and as whom: each time another
        self._user = b""
        self._chance = random.Random("%d/%d" % (seed, number))
        self._end = end
        self.connections = 0
        self.failure = None

    def run(self):
        ways = (self.dialogue, self.dialogue, self.dialogue, self.noise, self.hello, self.long_line,
                self.stls, self.over_tls, self.unread, self.proxied)
        try:
            while time.monotonic() < self._end:
                self.connections += 1
                self._front_end = self._chance.choice(self._ground.front_ends)
                self._user = self._chance.choice(USERS).encode()
                try:
                    self._chance.choice(ways)()
                except (OSError, ssl.SSLError):
                    pass  # the server may close whenever it has enough
        except Exception as failure:  # the test itself is wrong
            self.failure = failure

    # What is sent ------------------------------------------------------------------

    def valid(self):
        text = self._chance.choice(VALID)
        return text % ((self._user, PASSWORD.encode()) if text.count(b"%s") == 2 else ())

    def mutated(self, text):
        chance = self._chance
        text = bytearray(text)
        for _ in range(chance.choice((0, 1, 1, 2, 4, 10))):
            at = chance.randrange(len(text) + 1)
            way = chance.randrange(6)
            if way == 0:
                text[at:at] = chance.choice(WORDS)
            elif way == 1:
                text[at:at] = chance.randbytes(chance.choice((1, 2, 30)))
            elif way == 2:
                del text[at:at + chance.choice((1, 2, 10))]
            elif way == 3 and at < len(text):
                text[at] ^= 1 << chance.randrange(8)
            elif way == 4:
                begin = chance.randrange(len(text) + 1)
                text[at:at] = text[begin:begin + 50]
            else:
                text[at:at] = self.valid()
        return bytes(text)

    def hello_octets(self):
        """The first flight of a TLS client."""
        out = ssl.MemoryBIO()
        client = self.context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return out.read()

    def context(self):
        """Of a client that trusts anybody, and now and then shows who it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self._chance.random() < 0.3:
            context.load_cert_chain(*self._ground.certificate)
        return context

    def connect(self, address=None, receive_buffer=None, source=None):
        connection = socket.socket()
        if source:
            connection.bind((source, 0))
        connection.settimeout(5 * harness.PATIENCE)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(address or self._front_end.pop3)
        return connection

    def send(self, connection, octets):
        """In segments of any size, taking what comes back now and then."""
        chance = self._chance
        while octets:
            size = chance.choice((1, 2, 5, 40, 1000, len(octets)))
            connection.sendall(octets[:size])
            octets = octets[size:]
            if chance.random() < 0.1:
                self.take(connection, 0.001)

    def take(self, connection, seconds):
        """Reads for a while."""
        connection.settimeout(seconds)
        try:
            while connection.recv(1 << 16):
                pass
        except TimeoutError:
            pass
        finally:
            connection.settimeout(5 * harness.PATIENCE)

    def end(self, connection):
        chance = self._chance
        try:
            if chance.random() < 0.3:
                connection.shutdown(socket.SHUT_WR)
            if chance.random() < 0.5:
                self.take(connection, 0.01)
            if chance.random() < 0.3:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            connection.close()

    # Ways to speak -----------------------------------------------------------------

    def dialogue(self):
        connection = self.connect()
        try:
            self.send(connection, self.mutated(self.valid()))
        finally:
            self.end(connection)

    def noise(self):
        address = self._chance.choice((self._front_end.pop3, self._front_end.pop3s))
        connection = self.connect(address)
        try:
            self.send(connection, self._chance.randbytes(self._chance.choice((1, 100, 5000))))
        finally:
            self.end(connection)

    def hello(self):
        hello = self.hello_octets()
        if self._chance.random() < 0.5:
            hello = hello[:self._chance.randrange(len(hello))]
        else:
            hello = self.mutated(hello)
        connection = self.connect(self._chance.choice((self._front_end.pop3, self._front_end.pop3s)))
        try:
            self.send(connection, hello)
        finally:
            self.end(connection)

    def long_line(self):
        connection = self.connect()
        try:
            beginning = self._chance.choice((b"", b"AUTH PLAIN ", b"AUTH PLAIN\r\n", b"PASS "))
            fill = self._chance.choice((b"A", b"\0", b"\r", b" ", b".")) * (1 << 16)
            connection.sendall(beginning)
            for _ in range(self._chance.choice((1, 2, 30))):
                connection.sendall(fill)
            self.send(connection, self.mutated(b"\r\n" + self.valid()))
        finally:
            self.end(connection)

    def stls(self):
        """The command, and something else than a handshake behind it."""
        connection = self.connect()
        try:
            behind = self._chance.choice((b"", self.valid(), self.hello_octets(), b"\x16\x03\x01"))
            self.send(connection, self._chance.choice((b"", b"USER a\r\n", b"CAPA\r\n")) +
                      b"STLS\r\n" + self.mutated(behind))
        finally:
            self.end(connection)

    def over_tls(self):
        with self._tls() as connection:
            connection.sendall(self.mutated(self.valid()))
            self.take(connection, 0.005)

    def _tls(self):
        if self._chance.random() < 0.5:
            return self.context().wrap_socket(self.connect(self._front_end.pop3s))
        connection = self.connect()
        try:
            connection.sendall(b"STLS\r\n")
            replies = b""
            while replies.count(b"\n") < 2:
                more = connection.recv(1000)
                if not more:
                    raise ConnectionResetError
                replies += more
            return self.context().wrap_socket(connection)
        except (OSError, ssl.SSLError):
            connection.close()
            raise

    def proxied(self):
        """As a load balancer, or nearly."""
        addresses = bytes((192, 0, 2, 1, 192, 0, 2, 2)) + struct.pack(">HH", 40000, 110)
        header = self._chance.choice((
            b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 110\r\n", b"PROXY UNKNOWN\r\n",
            b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + addresses,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11" + addresses + b"\x04\0\x02ab",
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"))
        address = self._chance.choice((self._front_end.pop3, self._front_end.pop3s))
        connection = self.connect(address, source=BALANCER)
        try:
            behind = self.valid() if address == self._front_end.pop3 else self.hello_octets()
            if self._chance.random() < 0.5:
                header = self.mutated(header)
            self.send(connection, header + self.mutated(behind))
        finally:
            self.end(connection)

    def unread(self):
        """Asks for everything and takes next to nothing of it."""
        connection = self.connect(receive_buffer=4096)
        try:
            text = self.valid() + b"RETR 18\r\n" * 50
            connection.sendall(text)
            self.take(connection, self._chance.choice((0.001, 0.01)))
        finally:
            self.end(connection)


class SessionFuzz(unittest.TestCase):
    def setUp(self):
        self.ground = ground.Ground()
        self.addCleanup(self.ground.stop)
        self.ground.start([WATCHED])
        with Lmtp(self.ground.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for message in MAIL:
                for code, text in lmtp.deliver(message, USERS + [WATCHED]):
                    self.assertEqual(code, 250, text)

    def test_nonsense_does_no_harm(self):
        self.expect_all_mail()
        before = [(descriptors(server), memory(server)) for server in self.ground.front_ends]
        self.speak()
        for server, (files, octets) in zip(self.ground.front_ends, before):
            harness.eventually(lambda: descriptors(server) <= files + 2, 30 * harness.PATIENCE,
                               "as few descriptors as before")
            print("memory: %.1f MiB, then %.1f MiB" % (octets / 2**20, memory(server) / 2**20))
            if not harness.SANITIZER:
                self.assertLess(memory(server), octets + MEMORY)
        self.expect_all_mail()
        errors = [line for server in self.ground.servers() for line in server.log().splitlines()
                  if ": Error: " in line or ": Fatal: " in line]
        self.assertEqual(errors, [])
        self.expect_sound_store()

    def speak(self):
        seed = SEED if SEED is not None else random.randrange(1 << 32)
        print("seed %d" % seed)
        end = time.monotonic() + SECONDS
        clients = [Client(self.ground, number, seed, end) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(SECONDS + 60 * harness.PATIENCE)
            self.assertFalse(client.is_alive(), "a client hangs")
            self.assertIsNone(client.failure)
        print("%d connections" % sum(client.connections for client in clients))
        for server in self.ground.front_ends:
            self.assertTrue(server.running(), "a front-end has ended")

    def expect_all_mail(self):
        """Of the one whom nobody plays, at each front-end."""
        for server in self.ground.front_ends:
            pop3 = Pop3(server.pop3).log_in(WATCHED, PASSWORD)
            self.assertEqual(pop3.sizes(), [len(message) for message in MAIL])
            self.assertEqual(pop3.retr_all(len(MAIL)), MAIL)
            pop3.quit()

    def expect_sound_store(self):
        summary = self.ground.stack.ctl_json("verify", "--bodies")["summary"]
        self.assertEqual(summary["errors"], 0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SECONDS = float(sys.argv.pop(1))
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop(1))
    harness.main()
