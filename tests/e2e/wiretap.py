"""A relay between a POP3 client and the server that keeps what went over it, so that
a test can tell what a client was given, whatever the client then made of it.
Cleartext only.
"""

import selectors
import socket
import threading

# Commands with a multi-line response; LIST and UIDL only without an argument.
ALWAYS_MULTILINE = (b"RETR", b"TOP", b"CAPA")
MULTILINE_IF_BARE = (b"LIST", b"UIDL", b"AUTH")


class Tap:
    """with Tap(server_address) as tap: the client connects to tap.address."""

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
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
                    server = socket.create_connection(self._server)
                    connections += [client, server]
                    session = _Session()
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
                    other.sendall(data)
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


def _end_of_line(data, at):
    return data.find(b"\r\n", at) + 2
