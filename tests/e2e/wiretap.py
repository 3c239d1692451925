"""A relay between a client and the server that keeps what went over it, so that a test
can tell what a POP3 client was given, whatever the client then made of it, and what an
MTA handed over by LMTP. Cleartext only.
"""

import os
import re
import selectors
import socket
import threading

# Commands with a multi-line response; LIST and UIDL only without an argument.
ALWAYS_MULTILINE = (b"RETR", b"TOP", b"CAPA")
MULTILINE_IF_BARE = (b"LIST", b"UIDL", b"AUTH")


class Tap:
    """with Tap(server_address) as tap: the client connects to tap.address. Addresses are
    host and port, or paths of sockets; `path` is where to listen instead of a free port.
    `record` is LmtpSession where LMTP is spoken."""

    def __init__(self, server, path=None, record=None):
        self._server = server
        self._record = record or _Session
        self._listener = _listen(path) if path else socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._sessions = []
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        self._listener.close()
        self._stopped.close()

    def lead_to(self, server):
        """Later connections go to another server, as after a migration."""
        self._server = server

    def handed_over(self):
        """All that clients of LMTP sent whole, in order: pairs of recipients and message,
        unstuffed."""
        return [one for session in self._sessions for one in session.handed_over()]

    def retrieved(self):
        """All messages that clients were given, in order: pairs of number and octets,
        unstuffed. Call it after the client has ended."""
        messages = []
        for session in self._sessions:
            messages += session.retrieved()
        return messages

    def commands(self):
        """All command lines that clients sent, in order."""
        return [line for session in self._sessions
                for line in bytes(session.sent).split(b"\r\n")[:-1]]

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._stopped, selectors.EVENT_READ)
        connections = []
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._stopped:
                    selector.close()
                    for connection in connections:
                        connection.close()
                    return
                if key.fileobj is self._listener:
                    client = self._listener.accept()[0]
                    server = _connect(self._server)
                    connections += [client, server]
                    session = self._record()
                    self._sessions.append(session)
                    selector.register(client, selectors.EVENT_READ,
                                      (server, session.sent))
                    selector.register(server, selectors.EVENT_READ,
                                      (client, session.received))
                    continue
                other, record = key.data
                try:
                    data = key.fileobj.recv(1 << 16)
                except ConnectionResetError:
                    data = b""
                if data:
                    record += data
                    try:
                        other.sendall(data)
                    except OSError:
                        pass  # it has hung up, and says so by its own end
                    continue
                selector.unregister(key.fileobj)
                try:
                    other.shutdown(socket.SHUT_WR)
                except OSError:
                    pass


class _Session:
    def __init__(self):
        self.sent = bytearray()
        self.received = bytearray()

    def retrieved(self):
        received = bytes(self.received)
        at = _end_of_line(received, 0)  # the greeting
        messages = []
        for command in bytes(self.sent).split(b"\r\n")[:-1]:
            if at >= len(received):
                break
            words = command.split()
            verb = words[0].upper() if words else b""
            ok = received.startswith(b"+OK", at)
            at = _end_of_line(received, at)
            if not ok or not (verb in ALWAYS_MULTILINE or
                              (verb in MULTILINE_IF_BARE and len(words) == 1)):
                continue
            end = at if received.startswith(b".\r\n", at) else received.find(b"\r\n.\r\n", at) + 2
            # fetchmail asks for a whole message by TOP, lest servers mark it as read.
            if verb == b"RETR" or (verb == b"TOP" and int(words[2]) >= 10**6):
                body = received[at:end]
                if body.startswith(b".."):
                    body = body[1:]
                messages.append((int(words[1]), body.replace(b"\r\n..", b"\r\n.")))
            at = end + 3
        return messages


class LmtpSession:
    """A session whose recipients and messages are all accepted."""

    def __init__(self):
        self.sent = bytearray()
        self.received = bytearray()

    def handed_over(self):
        sent = bytes(self.sent)
        at = 0
        recipients, chunks = [], b""
        found = []
        while sent.find(b"\r\n", at) >= 0:
            begin, at = at, _end_of_line(sent, at)
            line = sent[begin:at - 2]
            verb = line[:4].upper()
            if verb in (b"LHLO", b"MAIL", b"RSET"):
                recipients, chunks = [], b""
            elif verb == b"RCPT":
                recipients.append(re.search(b"<(.*)>", line)[1].decode())
            elif verb == b"DATA":
                # The CRLF before the dot is that of DATA if the message is empty.
                end = sent.find(b"\r\n.\r\n", at - 2)
                if end < 0:
                    break
                message = re.sub(rb"(\A|\r\n)\.", rb"\1", sent[at:max(at, end + 2)])
                found.append((recipients, message))
                at = end + 5
            elif verb == b"BDAT":
                octets = int(line.split()[1])
                chunks += sent[at:at + octets]
                at += octets
                if line.upper().endswith(b"LAST"):
                    found.append((recipients, chunks))
        return found


def _listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(100)
    return listener


def _connect(address):
    if not isinstance(address, str):
        return socket.create_connection(address)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


def _end_of_line(data, at):
    return data.find(b"\r\n", at) + 2
