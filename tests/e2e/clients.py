"""Small clients for tests, close to the wire: what they send and get is exactly
what the test says. Real clients are in real_clients.py.
"""

import socket
import ssl

from harness import PATIENCE, eventually

TIMEOUT = 30 * PATIENCE


class Closed(Exception):
    """The server has closed the connection."""


class Dialogue:
    """A connection that is spoken over in lines."""

    def __init__(self, address, tls=False, timeout=TIMEOUT):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.start_tls()
        self._reader = self.socket.makefile("rb")

    def start_tls(self, certificate=None):
        """`certificate`: files of the client's own, and of its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(*certificate)
        self.socket = context.wrap_socket(self.socket)
        self._reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line without its CRLF."""
        try:
            line = self._reader.readline()
        except ConnectionResetError:
            line = b""
        if not line.endswith(b"\n"):
            raise Closed(line)
        assert line.endswith(b"\r\n"), line
        return line[:-2]

    def rest(self):
        """Everything until the server closes."""
        try:
            return self._reader.read()
        except ConnectionResetError:
            return b""

    def close(self):
        self._reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pop3(Dialogue):
    def __init__(self, address, tls=False, timeout=TIMEOUT):
        super().__init__(address, tls, timeout)
        self.greeting = self.line()

    def command(self, text):
        self.send(text.encode() if isinstance(text, str) else text)
        self.send(b"\r\n")
        return self.line()

    def ok(self, text):
        reply = self.command(text)
        assert reply.startswith(b"+OK"), "%r was answered %r" % (text, reply)
        return reply

    def multiline(self):
        """The lines up to the dot, unstuffed, as one message."""
        lines = []
        while True:
            line = self.line()
            if line == b".":
                return b"".join(line + b"\r\n" for line in lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def try_log_in(self, user, password):
        """The reply to the user name when it is refused, else that to the password."""
        reply = self.command("USER " + user)
        return self.command("PASS " + password) if reply.startswith(b"+OK") else reply

    def log_in(self, user, password):
        """A session of the same user that was dropped a moment ago may still hold the
        maildrop: its end is on the way."""
        replies = []

        def answered():
            replies.append(self.try_log_in(user, password))
            return not replies[-1].startswith(b"-ERR [IN-USE]")
        eventually(answered, PATIENCE, "the maildrop is free")
        assert replies[-1].startswith(b"+OK"), replies[-1]
        return self

    def stat(self):
        count, octets = self.ok("STAT").split()[1:3]
        return int(count), int(octets)

    def listing(self, command):
        """LIST or UIDL: the second words, in order; the numbers are checked."""
        self.ok(command)
        rows = [line.split(b" ", 1) for line in self.multiline().splitlines()]
        return rows

    def sizes(self):
        return [int(octets) for _, octets in self.listing("LIST")]

    def uidls(self):
        return [uidl.decode() for _, uidl in self.listing("UIDL")]

    def retr(self, number):
        self.ok("RETR %d" % number)
        return self.multiline()

    def retr_all(self, count):
        """Messages 1 to count, pipelined in runs."""
        messages = []
        for first in range(1, count + 1, 100):
            numbers = range(first, min(first + 100, count + 1))
            self.send(b"".join(b"RETR %d\r\n" % n for n in numbers))
            for number in numbers:
                reply = self.line()
                assert reply.startswith(b"+OK"), (number, reply)
                messages.append(self.multiline())
        return messages

    def quit(self):
        self.ok("QUIT")
        self.close()


class Lmtp(Dialogue):
    def __init__(self, address, timeout=TIMEOUT, tls=False, header=b""):
        """`header`: sent before the greeting, as a load balancer does."""
        super().__init__(address, tls, timeout)
        self.send(header)
        self.greeting = self.reply()
        self.extensions = []

    def reply(self):
        """All lines of a reply as (code, text)."""
        texts = []
        while True:
            line = self.line()
            texts.append(line[4:].decode(errors="replace"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(texts)

    def command(self, text):
        self.send(text.encode() if isinstance(text, str) else text)
        self.send(b"\r\n")
        return self.reply()

    def lhlo(self):
        code, text = self.command("LHLO client.example.org")
        assert code == 250, (code, text)
        self.extensions = text.split("\n")[1:]
        return self

    def envelope(self, recipients, sender="ada.ferri@example.org", parameters=""):
        """MAIL and RCPTs; the replies to the recipients."""
        code, text = self.command("MAIL FROM:<%s>%s" % (sender, parameters))
        assert code == 250, (code, text)
        return [self.command("RCPT TO:<%s>" % recipient) for recipient in recipients]

    def data(self, message, accepted=1):
        """DATA; one reply per accepted recipient."""
        code, text = self.command("DATA")
        if code != 354:
            return [(code, text)]
        self.send(stuffed(message))
        return [self.reply() for _ in range(accepted)]

    def bdat(self, message, accepted=1, chunk=None):
        """BDAT in chunks of `chunk` octets; one reply per accepted recipient."""
        chunk = chunk or max(len(message), 1)
        at = 0
        while len(message) - at > chunk:
            self.send(b"BDAT %d\r\n" % chunk + message[at:at + chunk])
            code, text = self.reply()
            assert code == 250, (code, text)
            at += chunk
        self.send(b"BDAT %d LAST\r\n" % (len(message) - at) + message[at:])
        return [self.reply() for _ in range(accepted)]

    def deliver(self, message, recipients, bdat=False, chunk=None):
        """A whole transaction; the replies at its end."""
        replies = self.envelope(recipients)
        accepted = sum(1 for code, _ in replies if code == 250)
        assert accepted == len(recipients), replies
        return self.bdat(message, accepted, chunk) if bdat else self.data(message, accepted)


def stuffed(message):
    """A message as DATA sends it, final dot included. Lines end in CRLF and in
    nothing else. DATA can't send a message that doesn't end in CRLF: a final bare LF
    becomes CRLF, and anything else gets a CRLF; what ingest does to it anyway."""
    if message.endswith(b"\n") and not message.endswith(b"\r\n"):
        message = message[:-1] + b"\r\n"
    elif message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"
