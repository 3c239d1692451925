"""Plays a session of a script to one server, and reads a reply to each line: its
status, its response code, and what it says that isn't free text.
"""

import dataclasses
import re
import select
import socket
import struct
import time

TIMEOUT = 30

# Replies of several lines, where the status is +OK.
MULTI_LINE = {b"RETR", b"TOP", b"CAPA"}
MULTI_LINE_WITHOUT_ARGUMENT = {b"LIST", b"UIDL", b"AUTH", b"LANG"}


@dataclasses.dataclass
class Reply:
    # b"+OK", b"-ERR", b"+" (go on), or b"closed" (and all later ones are missing).
    status: bytes
    # Without brackets; empty if there is none.
    code: bytes = b""
    # The line without status and code.
    text: bytes = b""
    # Unstuffed; None for one line.
    body: bytes = None

    def describe(self):
        body = "" if self.body is None else "\n      %d octets: %r" % (
            len(self.body), self.body if len(self.body) < 400 else
            self.body[:200] + b" ... " + self.body[-200:])
        return "%s %s %r%s" % (self.status.decode(), self.code.decode(), self.text[:200], body)


class Connection:
    def __init__(self, address):
        self._socket = socket.create_connection(address, TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""
        self._at = 0
        # Whether the server ended the connection with a reset.
        self.was_reset = False

    def send(self, octets):
        try:
            self._socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            self.was_reset = True  # what was answered before can still be read

    def _line(self):
        """None when the connection is over."""
        while True:
            end = self._input.find(b"\n", self._at)
            if end >= 0:
                line = self._input[self._at:end + 1]
                self._at = end + 1
                return line
            self._input = self._input[self._at:]
            self._at = 0
            try:
                more = self._socket.recv(1 << 16)
            except ConnectionResetError:
                self.was_reset = True
                more = b""
            if not more:
                return None
            self._input += more

    def reply(self, line):
        first = self._line()
        if first is None:
            return Reply(b"closed")
        match = re.fullmatch(rb"(\+OK|-ERR|\+)(?: |(?=\r))(?:\[([^\]]*)\] ?)?(.*)\r\n", first,
                             re.DOTALL)
        if match is None:
            return Reply(b"not a reply", text=first)
        reply = Reply(match[1], match[2] or b"", match[3])
        keyword, _, argument = line.partition(b" ")
        keyword = keyword.upper()
        multi = keyword in MULTI_LINE or (
            keyword in MULTI_LINE_WITHOUT_ARGUMENT and not argument.strip(b" "))
        if reply.status == b"+OK" and multi:
            lines = []
            while True:
                line = self._line()
                if line is None:
                    reply.status = b"closed"
                    break
                if line == b".\r\n":
                    break
                lines.append(line[1:] if line.startswith(b".") else line)
            reply.body = b"".join(lines)
        return reply

    def close(self, reset):
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def play(address, session, reset_loses_replies=False):
    """One reply for each line, as far as they came.

    A server that closes while some of its input is unread sends a reset in place of what
    it has written and the kernel still holds, and how much that is depends on nothing but
    time. Dovecot writes under TCP_CORK, so it loses all replies to the segment that it
    read last. `reset_loses_replies`: such a session is played again with each line behind
    the reply to the one before, where no input is ever unread at the end. Nothing but QUIT
    changes a maildrop, and a session that was reset hasn't come to it.
    """
    # A connection that was dropped a moment ago may still hold the maildrop.
    deadline = time.monotonic() + TIMEOUT
    while True:
        replies, was_reset = _play(address, session)
        if was_reset and reset_loses_replies and not session.in_turn:
            session = dataclasses.replace(session, in_turn=True)
        elif all(r.code != b"IN-USE" for r in replies) or time.monotonic() > deadline:
            return replies
        else:
            time.sleep(0.02)


def _play(address, session):
    """The replies, and whether the server ended the connection with a reset."""
    replies = []
    connection = Connection(address)
    try:
        greeting = connection.reply(b"")
        if greeting.status != b"+OK":
            return [greeting], connection.was_reset
        if session.in_turn:
            for line in session.lines:
                _send(connection, line + b"\r\n", session.segments)
                replies.append(connection.reply(line))
                if replies[-1].status == b"closed":
                    break
        else:
            _send(connection, b"".join(line + b"\r\n" for line in session.lines), session.segments)
            for line in session.lines:
                replies.append(connection.reply(line))
                if replies[-1].status == b"closed":
                    break
        return replies, connection.was_reset
    except TimeoutError:
        return replies + [Reply(b"nothing")], connection.was_reset
    finally:
        connection.close(session.end == "reset")


def _send(connection, octets, segments):
    for size in segments:
        if not octets:
            return
        connection.send(octets[:size])
        octets = octets[size:]
        # Lets the server see this segment by itself, most of the time.
        select.select([], [], [], 0.0003)
    if octets:
        connection.send(octets)
