"""Reads dialogues: the cases of this folder, as README.md describes their format.

Nothing here knows a socket; what a step means is in player.py. A mistake in a file
is told with its line, and no case of it runs.
"""

import dataclasses
import os
import re

FOLDER = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(FOLDER, "..", "data")
ENDING = ".dialogue"

LEVELS = ("must", "should", "ours")
FIELDS = LEVELS + ("mail", "needs", "account")

# First words of steps. A step that takes text has it behind one space.
TAKES_TEXT = {"C:", "C>", "drip:", "S:", "S=", "S~", "|=", "|~", "body", "top", "block", "on",
              "has", "lacks", "ends", "octets", "ascii", "tls:", "same", "deliver", "left", "pause", "silent", "segments", "replies", "bodies",
              "storage", "log"}
MAY_TAKE_TEXT = {"open", "starttls", "|*"}
BARE = {".", "closed", "gone", "injected", "close", "reset", "shutdown", "quit"}

NAME = re.compile(r"[a-z0-9][a-z0-9-]*$")


class Mistake(Exception):
    """Something in a dialogue file that its format doesn't have."""


@dataclasses.dataclass
class Step:
    line: int
    verb: str
    text: str


@dataclasses.dataclass
class Case:
    id: str
    path: str
    line: int
    level: str = ""
    sources: list = dataclasses.field(default_factory=list)
    mail: list = dataclasses.field(default_factory=list)
    needs: set = dataclasses.field(default_factory=set)
    account: str = "plain"
    steps: list = dataclasses.field(default_factory=list)
    # Name to octets: what this file, or all.dialogue, defines.
    messages: dict = dataclasses.field(default_factory=dict)


def load(folder=FOLDER):
    """All cases below `folder`, in the order of paths and lines."""
    common = _File(os.path.join(folder, "messages" + ENDING), {}, folder).messages
    cases = []
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.endswith(ENDING) and directory != folder:
                cases += _File(path, common, folder).cases
    ids = [case.id for case in cases]
    for twice in {id for id in ids if ids.count(id) > 1}:
        raise Mistake("two cases are named %s" % twice)
    return cases


def parse(text, messages=None, group="test"):
    """The cases of one text: for tests."""
    return _File(None, messages or {}, "", text, group).cases


class _File:
    def __init__(self, path, messages, folder, text=None, group=None):
        self.messages = dict(messages)
        self.cases = []
        self._path = os.path.relpath(path, folder) if path else group
        self._group = self._path[:-len(ENDING)] if path else group
        self._case = None
        self._message = None
        if text is None:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        for number, line in enumerate(text.splitlines(), 1):
            self._number = number
            self._line(line)
        self._end_case()

    def _fail(self, what):
        raise Mistake("%s:%d: %s" % (self._path, self._number, what))

    def _line(self, line):
        if line != line.rstrip(" "):
            self._fail("a space at the end of a line can't be seen: write \\s")
        if self._message is not None and line.startswith("|"):
            self.messages[self._message] += unescaped(line[2:] if line[1:2] == " " else line[1:])
            self.messages[self._message] += b"\r\n"
            return
        self._message = None
        if not line or line.startswith("#"):
            return
        word, _, rest = line.partition(" ")
        if word == "message":
            self._check_name(rest)
            self._end_case()
            self._message = rest
            self.messages[rest] = b""
        elif word == "case":
            self._check_name(rest)
            self._end_case()
            self._case = Case(self._group + "/" + rest, self._path, self._number)
        elif self._case is None:
            self._fail("expected 'case NAME' or 'message NAME', not %r" % line)
        elif word[:-1] in FIELDS and word.endswith(":") and not self._case.steps:
            self._field(word[:-1], rest)
        else:
            self._step(word, rest)

    def _check_name(self, name):
        if not NAME.match(name):
            self._fail("%r is no name: small letters, digits and hyphens" % name)

    def _field(self, field, text):
        case = self._case
        if not text:
            self._fail("'%s:' is empty" % field)
        if field in LEVELS:
            if case.level and case.level != field:
                self._fail("a case is either must, should or ours")
            case.level = field
            case.sources.append(text)
        elif field == "mail":
            for word in text.split():
                name, _, times = word.partition("*")
                case.mail += [name] * int(times or 1)
        elif field == "needs":
            case.needs |= set(text.split())
        else:
            case.account = text

    def _step(self, word, rest):
        known = word in TAKES_TEXT or word in MAY_TAKE_TEXT or word in BARE
        if not known:
            self._fail("no step begins with %r" % word)
        if word in TAKES_TEXT and not rest and word not in ("C:", "S:", "|="):
            self._fail("'%s' needs something behind it" % word)
        if word in BARE and rest:
            self._fail("'%s' takes nothing behind it" % word)
        self._case.steps.append(Step(self._number, word, rest))

    def _end_case(self):
        case, self._case = self._case, None
        if case is None:
            return
        if not case.level:
            self._fail("case %s says neither must: nor should: nor ours:" % case.id)
        if not case.steps:
            self._fail("case %s has no steps" % case.id)
        case.messages = self.messages
        self.cases.append(case)


ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" ", "\\": b"\\"}


def unescaped(text):
    """The octets of a text in which a backslash begins an escape."""
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
        elif text[at + 1:at + 2] == "x":
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        elif text[at + 1:at + 2] in ESCAPES:
            out += ESCAPES[text[at + 1]]
            at += 2
        else:
            raise Mistake("no escape begins with %r" % text[at:at + 2])
    return bytes(out)
