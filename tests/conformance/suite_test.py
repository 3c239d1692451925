"""The suite itself: its format, how it judges replies, and that the table of
requirements and the cases name each other.
"""

import concurrent.futures
import fnmatch
import os
import re
import socket
import threading
import unittest

import dialogue
import letters
import player
import servers
import store
from wire import Failure


class Scripted(servers.Server):
    """A server that sends what a test says, whatever the client does: a piece for
    each line it gets, and one at the beginning. None: it closes the connection."""

    def __init__(self, *pieces):
        super().__init__()
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoints = {"pop3": (self._listener.getsockname(), False)}
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def account(self, kind):
        return "ada", "tulip"

    def _serve(self):
        connection = self._listener.accept()[0]
        with connection, connection.makefile("rb") as reader:
            for number, piece in enumerate(self._pieces):
                if piece is None or (number and not reader.readline()):
                    return
                connection.sendall(piece)
            while reader.readline():
                pass

    def stop(self):
        self._thread.join()
        self._listener.close()


def play(steps, *pieces, messages=None):
    """Plays the steps against a server that sends the pieces."""
    text = "case it\nours: it\nopen\n" + steps
    case, = dialogue.parse(text, messages)
    server = Scripted(*pieces)
    try:
        player.play(case, server, patience=5)
    finally:
        server.stop()


class Accounts(unittest.TestCase):
    def test_hashes_are_right_when_several_threads_make_them_at_once(self):
        passwords = ["tulip", "rose"] * 200
        alone = {password: store.hash_of(password) for password in passwords[:2]}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            hashes = list(pool.map(store.hash_of, passwords))
        self.assertEqual(hashes, [alone[password] for password in passwords])


class Judging(unittest.TestCase):
    def fails(self, why, *arguments, **options):
        with self.assertRaises(Failure) as caught:
            play(*arguments, **options)
        self.assertIn(why, str(caught.exception))

    def test_a_reply_that_begins_with_the_words_is_right(self):
        play("S: +OK\n", b"+OK ready\r\n")
        play("S: +OK 2 10\n", b"+OK 2 10 more\r\n")

    def test_a_reply_with_other_words_is_wrong(self):
        self.fails("got b'+OK 2 100'", "S: +OK 2 10\n", b"+OK 2 100\r\n")
        self.fails("got b'-ERR no'", "S: +OK\n", b"-ERR no\r\n")

    def test_small_letters_a_bare_lf_and_a_long_line_are_wrong(self):
        self.fails("not a reply", "S: +OK\n", b"+ok ready\r\n")
        self.fails("bare LF", "S: +OK\n", b"+OK ready\n")
        self.fails("has 513 octets", "S: +OK\n", b"+OK " + b"x" * 507 + b"\r\n")
        play("S: +OK\n", b"+OK " + b"x" * 506 + b"\r\n")

    def test_a_bracket_that_begins_no_code_is_wrong(self):
        self.fails("response code", "S: -ERR\n", b"-ERR [what is this\r\n")
        play("S: -ERR [SYS/TEMP]\n", b"-ERR [SYS/TEMP] later\r\n")

    def test_octets_that_nobody_expects_are_wrong(self):
        self.fails("there is more", "S: +OK\n", b"+OK\r\n+OK\r\n")

    def test_an_exact_line_is_compared_whole(self):
        play("S= + \n".replace(" \n", "\\s\n"), b"+ \r\n")
        self.fails("got b'+'", "S= +\\s\n", b"+\r\n")

    def test_what_a_pattern_catches_can_be_used(self):
        play("S~ \\+OK (?P<word>\\w+)\nC: {word}\nS= +OK {word}\n", b"+OK x\r\n", b"+OK x\r\n")

    def test_a_message_is_compared_with_its_stuffing(self):
        messages = {"dot": b".\r\n"}
        play("body dot\n", b"..\r\n.\r\n", messages=messages)
        self.fails("instead of", "body dot\n", b".\r\n.\r\n", messages=messages)
        self.fails("instead of", "body dot\n", b"..\r\n\r\n.\r\n", messages=messages)

    def test_lines_of_a_block_are_compared_in_order(self):
        play("|= 1 10\n|~ 2 \\d+\n|*\n|= 9 1\n.\n", b"1 10\r\n2 20\r\n3 1\r\n9 1\r\n.\r\n")
        self.fails("a line is missing", "|= 1 10\n|= 2 10\n.\n", b"1 10\r\n.\r\n")
        self.fails("too many", "|= 1 10\n.\n", b"1 10\r\n2 10\r\n.\r\n")
        self.fails("not stuffed", "|*\n.\n", b".x\r\n.\r\n")
        play(".\n", b".\r\n")

    def test_a_connection_that_ends_is_told_from_one_that_stays(self):
        play("S: +OK\nC: QUIT\nS: +OK\nclosed\n", b"+OK\r\n", b"+OK\r\n", None)
        self.fails("closed the connection", "S: +OK\nC: X\nS: +OK\n", b"+OK\r\n", None)
        self.fails("should end, but", "S: +OK\nclosed\n", b"+OK\r\n+OK\r\n")

    def test_silence_is_broken_by_any_octet(self):
        play("S: +OK\nsilent 10 ms\n", b"+OK\r\n")
        self.fails("nothing should come", "S: +OK\nsilent 5 s\n", b"+OK\r\n+")

    def test_blocks_are_compared_as_sets(self):
        first = b"+OK\r\nTOP\r\nSTLS\r\n.\r\n"
        second = b"+OK\r\nTOP\r\n.\r\n"
        steps = "S: +OK\nblock a\nC: CAPA\nS: +OK\nblock b\n"
        play(steps + "same a b but STLS\nhas a TOP\nlacks b STLS\n", first, second)
        self.fails("is not", steps + "same a b\n", first, second)
        self.fails("only", steps + "has b STLS\n", first, second)
        self.fails("there is", steps + "lacks a STLS\n", first, second)


class Format(unittest.TestCase):
    def mistake(self, why, text):
        with self.assertRaises(dialogue.Mistake) as caught:
            dialogue.parse(text)
        self.assertIn(why, str(caught.exception))

    def test_mistakes_are_told_with_their_line(self):
        self.mistake("test:3: no step begins with 'SAY'", "case a\nours: b\nSAY hello\n")
        self.mistake("test:2: a space at the end", "case a\nC: NOOP \n")
        self.mistake("neither must: nor should:", "case a\nC: NOOP\n")
        self.mistake("has no steps", "case a\nours: b\n")
        self.mistake("is no name", "case A\n")
        self.mistake("takes nothing", "case a\nours: b\nclose it\n")

    def test_escapes_and_placeholders(self):
        case, = dialogue.parse("case a\nours: b\nC: x\n")
        one = player.Player(case, None, ("ada", "tulip"), 1)
        self.assertEqual(one.octets(r"\x00\r\n\s\\{user}"), b"\0\r\n \\ada")
        self.assertEqual(one.octets("{ab*3}"), b"ababab")
        self.assertEqual(one.octets(r"{b64 \0{user}\0{password}}"), b"AGFkYQB0dWxpcA==")

    def test_top_ends_where_it_should(self):
        message = b"A: b\n\none\ntwo\n"
        self.assertEqual(letters.top_of(message, 0), b"A: b\r\n\r\n")
        self.assertEqual(letters.top_of(message, 1), b"A: b\r\n\r\none\r\n")
        self.assertEqual(letters.top_of(message, 9), b"A: b\r\n\r\none\r\ntwo\r\n")
        self.assertEqual(letters.top_of(b"\r\nbody\r\n", 0), b"\r\n")


class Requirements(unittest.TestCase):
    """requirements.md: rows of section, level, text, and names of cases, in which a
    star stands for anything."""

    def rows(self):
        path = os.path.join(dialogue.FOLDER, "requirements.md")
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
                if line.startswith("| ") and cells[0] != "section":
                    self.assertEqual(len(cells), 4, "requirements.md:%d" % number)
                    yield number, cells[1].lower(), re.findall(r"`([^`]+)`", cells[3])

    def test_the_table_names_only_cases_that_there_are(self):
        cases = {case.id: case for case in dialogue.load()}
        for number, level, patterns in self.rows():
            named = []
            for pattern in patterns:
                found = [cases[id] for id in cases if fnmatch.fnmatch(id, pattern)]
                self.assertTrue(found, "requirements.md:%d: no case is %s" % (number, pattern))
                named += found
            self.assertTrue(named, "requirements.md:%d names no case" % number)
            self.assertIn(level, [case.level for case in named],
                          "requirements.md:%d is %s, and none of its cases is" % (number, level))

    def test_the_table_names_every_case(self):
        patterns = [pattern for _, _, patterns in self.rows() for pattern in patterns]
        for case in dialogue.load():
            self.assertTrue(any(fnmatch.fnmatch(case.id, pattern) for pattern in patterns),
                            "requirements.md doesn't name %s" % case.id)

    def test_there_are_enough_of_them(self):
        self.assertGreaterEqual(len(dialogue.load()), 200)


if __name__ == "__main__":
    unittest.main()
