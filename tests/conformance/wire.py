"""One connection to a POP3 server, kept to the octet: what came is judged here only
as far as every reply has to be well formed (RFC 1939, section 3).
"""

import dataclasses
import re
import socket
import ssl
import struct
import warnings

# RFC 2449, section 4: with its CRLF.
FIRST_LINE_OCTETS = 512
# RFC 2449, section 8: what a text that begins with a bracket has to be.
CODE = re.compile(rb"(\+OK|-ERR) \[[A-Za-z0-9-]+(/[A-Za-z0-9-]+)*\]")
STATUS = re.compile(rb"(\+OK|-ERR)( .*)?$", re.DOTALL)
# Of tcp_info in linux/tcp.h, from 4.2 on: segments that carried octets to us.
DATA_SEGMENTS_IN = 152

# Nobody sends that much for a line.
LINE_OCTETS = 64 << 20


class Failure(Exception):
    """The server did something else than the dialogue expects."""


@dataclasses.dataclass(frozen=True)
class TlsOptions:
    version: str = None  # the 2 of TLS 1.2, to offer that and no other
    certificate: tuple = None  # files of the client's certificate and of its key
    protocols: list = None  # to offer by ALPN


class Wire:
    """`tls`: options of a handshake to begin with, or None."""

    def __init__(self, address, tls, patience):
        self.patience = patience
        self._buffer = bytearray()
        self._over = False
        # Without TLS's own word for the end.
        self._cut = False
        self.greeted = False
        try:
            self.socket = socket.create_connection(address, patience)
        except OSError as error:
            raise Failure("can't connect: %s" % error)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.start_tls(tls)

    # Out ----------------------------------------------------------------------

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError as error:
            raise Failure("the server doesn't take what is sent: %s" % error)

    def start_tls(self, options=TlsOptions()):
        if self._buffer:
            raise Failure("octets in the clear before the handshake: %r" % bytes(self._buffer))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Python lets an end without close_notify pass for one with it.
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        if options.version:
            # Whether an old one is refused is for the server to say.
            context.set_ciphers("ALL:@SECLEVEL=0")
            only = ssl.TLSVersion["TLSv1_" + options.version]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version, context.maximum_version = only, only
        if options.certificate:
            context.load_cert_chain(*options.certificate)
        if options.protocols:
            context.set_alpn_protocols(options.protocols)
        try:
            self.socket = context.wrap_socket(self.socket, suppress_ragged_eofs=False)
        except (OSError, ssl.SSLError) as error:
            self._over = True
            raise Failure("no TLS handshake: %s" % error)

    def close(self):
        """As a client that is gone: no close_notify, no QUIT."""
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def shut_down(self):
        self.socket.shutdown(socket.SHUT_WR)

    # In -----------------------------------------------------------------------

    def line(self):
        """The next line without its CRLF."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                break
            searched = len(self._buffer)
            if searched > LINE_OCTETS:
                raise Failure("a line without an end")
            if not self._receive():
                raise Failure("the server closed the connection%s" % (
                    " inside %r" % bytes(self._buffer[:80]) if self._buffer else ""))
        line = bytes(self._buffer[:end + 1])
        del self._buffer[:end + 1]
        if not line.endswith(b"\r\n"):
            raise Failure("a line ends in a bare LF: %r" % line[-80:])
        return line[:-2]

    def first_line(self):
        """The first line of a reply, which keeps what all of them have to keep."""
        line = self.line()
        if not STATUS.match(line):
            raise Failure("not a reply: %r" % line[:200])
        if len(line) + 2 > FIRST_LINE_OCTETS:
            raise Failure("the first line of a reply has %d octets" % (len(line) + 2))
        if re.search(rb"[\x00\r]", line):
            raise Failure("a NUL or a CR inside a reply: %r" % line)
        if re.match(rb"(\+OK|-ERR) \[", line) and not CODE.match(line):
            raise Failure("a bracket that begins no response code: %r" % line)
        return line

    def block(self):
        """What follows up to the line with a dot: lines as they came, stuffed."""
        lines = []
        while True:
            line = self.line()
            if line == b".":
                return lines
            lines.append(line)

    def silent(self, seconds):
        """Nothing comes for so long."""
        self._receive_within(seconds)
        if self._buffer:
            raise Failure("nothing should come, but there is %r" % bytes(self._buffer[:200]))
        if self._over:
            raise Failure("the server closed the connection")

    def ended(self):
        """The server closes, and sends nothing more. Under TLS: whether it said so."""
        if not self._buffer:
            self._receive()
        if self._buffer:
            raise Failure("the connection should end, but there is %r"
                          % bytes(self._buffer[:200]))
        return not self._cut

    def drain(self):
        """Whatever comes, to the end."""
        while self._receive():
            self._buffer.clear()
        self.socket.close()

    def left_over(self):
        """What came and nobody expected."""
        self._receive_within(0.001)
        return bytes(self._buffer[:200])

    def data_segments(self):
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return struct.unpack_from("I", info, DATA_SEGMENTS_IN)[0]

    def _receive_within(self, seconds):
        # Under TLS a readable socket may have nothing for us, so select() won't do.
        if self._buffer or self._over:
            return
        self.socket.settimeout(seconds)
        try:
            self._buffer += self._octets()
        except (TimeoutError, OSError):
            pass
        self.socket.settimeout(self.patience)

    def _octets(self):
        """What comes next; nothing at the end of the connection."""
        try:
            octets = self.socket.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
            self._cut = True
            octets = b""
        self._over = not octets
        return octets

    def _receive(self):
        """More octets into the buffer; False at the end of the connection."""
        try:
            octets = self._octets()
        except (TimeoutError, socket.timeout):
            raise Failure("nothing came for %g s%s" % (self.patience, (
                ", only %r" % bytes(self._buffer[:200])) if self._buffer else ""))
        except ssl.SSLError as error:
            raise Failure("TLS: %s" % error)
        self._buffer += octets
        return bool(octets)
