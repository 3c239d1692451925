"""What the player makes of a server that loses replies when it closes."""

import re
import socket
import threading
import unittest

from play import play
from scripts import Session


class ClosesAtTheThirdLine:
    """Answers each line it reads, all of a segment under one cork as Dovecot does, and
    closes at the third, whatever it has been sent beside it. It reads no more than three
    lines: the rest is unread when it closes, so that a client that has sent more is reset."""

    LINES = 3

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.sessions = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.sendall(b"+OK\r\n")
                if not self._answer(connection):
                    return

    def _answer(self, connection):
        left = self.LINES
        while left:
            # Of a pipelined segment, all has arrived before some of it is read.
            segment = connection.recv(1000, socket.MSG_PEEK)
            if not segment:
                return False
            lines = re.findall(rb"[^\n]*\n", segment)[:left]
            connection.recv(sum(map(len, lines)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            for _ in lines:
                connection.sendall(b"-ERR\r\n")
            left -= len(lines)
            if left:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        self.sessions += 1
        return True

    def stop(self):
        with socket.create_connection(self.address) as connection:
            connection.shutdown(socket.SHUT_WR)
            self._thread.join()
        self._listener.close()


def statuses(replies):
    return [reply.status for reply in replies]


class PlayTest(unittest.TestCase):
    LINES = [b"XYZZY"] * 5

    def setUp(self):
        self.server = ClosesAtTheThirdLine()
        self.addCleanup(self.server.stop)

    def test_a_reset_takes_replies_away(self):
        pipelined = Session(self.LINES, [], False, "close")
        self.assertEqual(statuses(play(self.server.address, pipelined)), [b"closed"])

    def test_replies_that_a_reset_took_away_are_asked_for_in_turn(self):
        pipelined = Session(self.LINES, [], False, "close")
        replies = play(self.server.address, pipelined, reset_loses_replies=True)
        self.assertEqual(statuses(replies), [b"-ERR"] * 3 + [b"closed"])
        self.assertEqual(self.server.sessions, 2)

    def test_a_session_that_went_in_turn_is_played_once(self):
        in_turn = Session(self.LINES, [], True, "close")
        replies = play(self.server.address, in_turn, reset_loses_replies=True)
        self.assertEqual(statuses(replies), [b"-ERR"] * 3 + [b"closed"])
        self.assertEqual(self.server.sessions, 1)


if __name__ == "__main__":
    unittest.main()
