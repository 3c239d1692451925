"""A message of 100 MB goes in and comes out, and no service holds it: the resident
memory of each grows by less than 32 MB. Of the storage service's, RocksDB's caches
and memtables are set aside, as they are configured here.
"""

import hashlib

import harness
from clients import Lmtp, Pop3
from memory import begin_peak, peak

USER = "big@example.org"
PASSWORD = "tulip"
OCTETS = 100 << 20
LIMIT = 32 << 20

# What the configuration below allows RocksDB to hold.
BLOCK_CACHE = 8 << 20
MEMTABLES = 16 << 20

HEADER = b"Subject: large\r\nFrom: ada.ferri@example.org\r\n\r\n"
LINES = b"".join(b".%06d of a large message, and this line has a dot in front\r\n" % i
                 for i in range(8000))


def pieces():
    """The message, unstuffed, in pieces that end in CRLF; OCTETS in all."""
    yield HEADER
    left = OCTETS - len(HEADER)
    while left > len(LINES):
        yield LINES
        left -= len(LINES)
    yield b"z" * (left - 2) + b"\r\n"


class BigMessage(harness.StackTest):
    configs = {
        "storage": {"engine": {"block_cache_octets": BLOCK_CACHE,
                               "write_buffer_octets": MEMTABLES}},
    }

    def setUp(self):
        self.stack.create_account(USER, PASSWORD)
        # The idle value is that of services that have worked, a little.
        self.deliver([b"Subject: small\r\n\r\nsmall\r\n"])
        self.fetch(1)
        self.idle = {server.name: begin_peak(server) for server in self.stack.servers()}

    def deliver(self, message_pieces):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            self.assertEqual(lmtp.envelope([USER], parameters=" SIZE=%d" % OCTETS)[0][0], 250)
            self.assertEqual(lmtp.command("DATA")[0], 354)
            for piece in message_pieces:  # each begins at the start of a line
                if piece.startswith(b"."):
                    piece = b"." + piece
                lmtp.send(piece.replace(b"\r\n.", b"\r\n.."))
            lmtp.send(b".\r\n")
            self.assertEqual(lmtp.reply()[0], 250)

    def fetch(self, number):
        """Octets and hash of a message, read line by line."""
        pop3 = Pop3(self.stack.pop3s, tls=True).log_in(USER, PASSWORD)
        size = pop3.sizes()[number - 1]
        pop3.ok("RETR %d" % number)
        digest = hashlib.sha256()
        octets = 0
        while True:
            line = pop3.line()
            if line == b".":
                break
            line = (line[1:] if line.startswith(b".") else line) + b"\r\n"
            digest.update(line)
            octets += len(line)
        pop3.quit()
        self.assertEqual(octets, size)
        return octets, digest.hexdigest()

    def test_100_mb_in_and_out_in_little_memory(self):
        self.deliver(pieces())
        expected = hashlib.sha256()
        for piece in pieces():
            expected.update(piece)
        self.assertEqual(self.fetch(2), (OCTETS, expected.hexdigest()))
        for server in self.stack.servers():
            idle = self.idle[server.name]
            growth = peak(server) - idle
            allowed = LIMIT
            if server is self.stack.storage:
                allowed += BLOCK_CACHE + MEMTABLES
            print("%s: %.1f MB idle, at most %.1f MB more (allowed: %.1f)" % (
                server.name, idle / 2**20, growth / 2**20, allowed / 2**20))
            if not harness.SANITIZER:  # whose own memory is no measure
                self.assertLess(growth, allowed, server.name)


if __name__ == "__main__":
    harness.main()
