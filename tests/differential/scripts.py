"""Random scripts: what a client says to a maildrop in a few sessions, one after the
other, and in which segments. A script depends on its seed and the number of messages
to choose from, and on nothing else, so the seed is enough to repeat it.
"""

import base64
import dataclasses
import random

from servers import PASSWORD

NUMBERS = ("0", "-1", "+1", "01", "1.0", "1 2", "1a", "0x1", "*", "1,2", "2147483648",
           "4294967296", "4294967297", "18446744073709551615", "18446744073709551616",
           "1" * 60, "", "1\0", "\xb9")
JUNK = (b"", b" ", b"XYZZY", b"LAST", b"XTND XMIT", b"RETRIEVE 1", b"STA", b"\x00", b"\xff\xfe",
        b"+OK", b".", b"HELO there", b"GET / HTTP/1.0", b"NOOP\tNOOP", b" STAT", b"A1 LOGIN a b",
        b"STAT\x00", b"DELE\xa01", b"UTF8", b"LANG", b"LANG it", b"LANG xx", b"CAPABILITY")


@dataclasses.dataclass
class Session:
    # Lines without their CRLF, each of which gets one reply.
    lines: list
    # Octets of the segments, in turn; empty: all that isn't answered yet in one.
    segments: list
    # Each line waits for the reply to the one before.
    in_turn: bool
    # "quit", "close" or "reset".
    end: str


@dataclasses.dataclass
class Script:
    seed: int
    # Which messages the maildrop has, as numbers of the corpus.
    mail: list
    sessions: list

    def describe(self):
        lines = ["seed %d, messages %s" % (self.seed, self.mail)]
        for number, session in enumerate(self.sessions):
            lines.append("session %d (%s, %s):" % (
                number + 1, "in turn" if session.in_turn else "pipelined", session.end))
            lines += ["  %r" % line for line in session.lines]
        return "\n".join(lines)


def make_script(seed, corpus_size, user):
    chance = random.Random(seed)
    count = chance.choice((0, 1, 1, 2, 3, 3, 5, 8, 12))
    # Delivery goes through the corpus once or twice, so each half is in its order.
    half = sorted(chance.sample(range(corpus_size), min(count, corpus_size)))
    cut = chance.randrange(count + 1) if count else 0
    mail = sorted(half[:cut]) + sorted(half[cut:])
    sessions = [_session(chance, user, count) for _ in range(chance.choice((1, 2, 2, 3)))]
    # The last one shows what is left.
    sessions.append(Session(
        _login(chance, user, valid=True) + [b"STAT", b"LIST", b"UIDL", b"QUIT"], [], True, "quit"))
    return Script(seed, mail, sessions)


def _session(chance, user, count):
    lines = []
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        lines += _before_login(chance, user)
    if chance.random() < 0.95:
        lines += _login(chance, user, valid=True)
        length = chance.choice((1, 2, 4, 8, 16, 30))
        while length > 0:
            some = _in_transaction(chance, count)
            lines += some
            length -= len(some)
        if chance.random() < 0.01:
            lines += [chance.choice((b"XYZZY", b"RETR", b"DELE 0")) for _ in range(25)]
    end = chance.choice(("quit", "quit", "quit", "quit", "close", "reset"))
    if end == "quit":
        lines.append(chance.choice((b"QUIT", b"QUIT", b"QUIT", b"quit")))
    segments = []
    if chance.random() < 0.5:
        segments = [chance.choice((1, 1, 2, 3, 7, 20, 100)) for _ in range(chance.randrange(1, 40))]
    return Session(lines, segments, chance.random() < 0.3, end)


def _case(chance, keyword):
    way = chance.randrange(6)
    if way == 0:
        return keyword.lower()
    if way == 1:
        return "".join(chance.choice((c.lower(), c.upper())) for c in keyword)
    return keyword


def _line(chance, keyword, *arguments):
    text = " ".join((_case(chance, keyword),) + arguments)
    return text.encode("latin-1")


def plain(user, password, authorization=""):
    return base64.b64encode(("%s\0%s\0%s" % (authorization, user, password)).encode())


def _login(chance, user, valid):
    password = PASSWORD if valid else chance.choice(
        ("", "wrong", PASSWORD + " ", " " + PASSWORD, PASSWORD.split()[0], PASSWORD.upper()))
    way = chance.randrange(5)
    if way == 0:
        return [_line(chance, "AUTH", _case(chance, "PLAIN"), plain(user, password).decode())]
    if way == 1:
        return [_line(chance, "AUTH", "PLAIN"), plain(user, password)]
    return [_line(chance, "USER", user), _line(chance, "PASS", password)]


def _before_login(chance, user):
    way = chance.randrange(10)
    if way == 0:
        return _login(chance, user, valid=False)
    if way == 1:
        return _login(chance, "nobody@example.org", valid=True)
    if way == 2:
        return [_line(chance, "USER", chance.choice(("", user, "a b", "someone")))]
    if way == 3:
        return [_line(chance, "PASS", PASSWORD)]
    if way == 4:
        return [b"AUTH PLAIN", chance.choice((b"*", b"!!!", b"=", b"AGE=", b"YQ==", b""))]
    if way == 5:
        return [_line(chance, "AUTH", chance.choice(("PLAIN =", "PLAIN *", "PLAIN AA", "CRAM-MD5",
                                                     "NOTHING", "PLAIN ====")))]
    if way == 6:
        return [b"CAPA"]
    if way == 7:
        return [_line(chance, chance.choice(("STAT", "LIST", "UIDL", "NOOP", "RSET")))]
    if way == 8:
        return [_line(chance, chance.choice(("RETR", "DELE", "TOP", "UIDL", "LIST")), "1")]
    return [chance.choice(JUNK)]


def _number(chance, count):
    if chance.random() < 0.8 and count:
        return str(chance.randrange(1, count + 1))
    if chance.random() < 0.3:
        return str(count + 1)
    return chance.choice(NUMBERS)


def _in_transaction(chance, count):
    number = _number(chance, count)
    way = chance.randrange(22)
    if way < 4:
        return [_line(chance, "RETR", number)]
    if way < 7:
        lines = chance.choice(("0", "1", "2", "10", "100000", str(chance.randrange(60)),
                               chance.choice(NUMBERS)))
        return [_line(chance, "TOP", number, lines)]
    if way < 10:
        return [_line(chance, "DELE", number)]
    if way < 12:
        return [_line(chance, "LIST", number)]
    if way < 14:
        return [_line(chance, "UIDL", number)]
    if way == 14:
        return [chance.choice((b"LIST", b"UIDL", b"list", b"LIST ", b"UIDL "))]
    if way == 15:
        return [_line(chance, "RSET")]
    if way == 16:
        return [_line(chance, "STAT")]
    if way == 17:
        return [chance.choice((b"NOOP", b"CAPA"))]
    if way == 18:
        # What a fetching client pipelines.
        first = chance.randrange(1, count + 2)
        lines = []
        for n in range(first, min(first + chance.randrange(1, 6), count + 1)):
            lines.append(b"RETR %d" % n)
            if chance.random() < 0.5:
                lines.append(b"DELE %d" % n)
        return lines or [b"NOOP"]
    if way == 19:
        return [_line(chance, chance.choice(("STAT", "NOOP", "RSET", "CAPA", "RETR", "TOP", "DELE")),
                      *chance.choice(((), ("1",), ("a",), ("1", "1", "1"))))]
    if way == 20:
        return [chance.choice((b"USER a", b"PASS b", b"AUTH PLAIN", b"STLS", b"APOP a b", b"AUTH",
                               b"x" * chance.choice((253, 254, 400, 2000))))]
    return [chance.choice(JUNK)]
