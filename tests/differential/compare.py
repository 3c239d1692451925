"""Plays scripts to both servers and finds where their replies differ in what they mean:
status, response code, numbers, octets, bodies and lists. Free text is ignored, and
unique-ids are compared by which message they name.
"""

import dataclasses
import re

import rules
from play import Reply, play

# What a reply says beside its status, by keyword, where that is fixed.
TEXTS = {
    b"STAT": rb"(\d+) (\d+)(?: .*)?",
    b"LIST": rb"(\d+) (\d+)(?: .*)?",
    b"UIDL": rb"(\d+) (\S+)",
    b"RETR": rb"(\d+)(?: .*)?",
}


@dataclasses.dataclass
class Difference:
    line: bytes
    # In which session, and before it or behind a login that succeeded.
    session: int
    logged_in: bool
    ours: Reply
    theirs: Reply
    # How many lines in a row Dovecot refused directly before this one.
    refused: int

    @property
    def keyword(self):
        return self.line.partition(b" ")[0].upper()

    @property
    def argument(self):
        return self.line.partition(b" ")[2]

    def describe(self):
        return "  %r in session %d:\n    Restante: %s\n    Dovecot:  %s" % (
            self.line[:300], self.session + 1, self.ours.describe(), self.theirs.describe())


class Uidls:
    """Which message a unique-id names, by the order in which the ids came up first:
    the sessions of both servers learn them at the same places."""

    def __init__(self):
        self._known = {}

    def number(self, uidl):
        return self._known.setdefault(uidl, len(self._known))


def meaning(line, reply, uidls):
    """What two servers have to agree on."""
    keyword, _, argument = line.partition(b" ")
    keyword = keyword.upper()
    said = [reply.status, reply.code]
    if reply.status != b"+OK":
        return said
    if keyword in TEXTS and (keyword in (b"STAT", b"RETR") or reply.body is None):
        match = re.fullmatch(TEXTS[keyword], reply.text, re.DOTALL)
        said += list(match.groups()) if match else [b"not as it has to be", reply.text]
        if keyword == b"UIDL" and match:
            said[-1] = uidls.number(match[2])
    if keyword == b"UIDL" and reply.body is not None:
        rows = [row.split(b" ", 1) for row in reply.body.splitlines()]
        said += [(row[0], uidls.number(row[1])) if len(row) == 2 else row for row in rows]
    elif keyword == b"CAPA" and reply.body is not None:
        said += sorted(reply.body.upper().splitlines())
    elif reply.body is not None:
        said.append(reply.body)
    return said


class Outcome:
    def __init__(self):
        self.commands = 0
        self.explained = []  # (rule, difference)
        self.unexplained = []

    @property
    def ok(self):
        return not self.unexplained


def run(script, ours, theirs):
    """Plays a script whose mail both have. After a difference that may have left the
    maildrops unlike, the rest isn't compared."""
    outcome = Outcome()
    uidls = Uidls(), Uidls()
    for number, session in enumerate(script.sessions):
        pair = (play(ours.address, session),
                play(theirs.address, session, reset_loses_replies=True))
        logged_in = False
        refused = 0
        for index, line in enumerate(session.lines):
            replies = [p[index] if index < len(p) else Reply(b"missing") for p in pair]
            outcome.commands += 1
            meanings = [meaning(line, reply, u) for reply, u in zip(replies, uidls)]
            if meanings[0] != meanings[1]:
                difference = Difference(line, number, logged_in, *replies, refused)
                rule = rules.explain(difference)
                if rule is None:
                    outcome.unexplained.append(difference)
                    return outcome
                outcome.explained.append((rule, difference))
                if rule.ends:
                    return outcome
            if any(r.status in (b"closed", b"missing", b"nothing") for r in replies):
                break
            refused = refused + 1 if replies[1].status == b"-ERR" else 0
            keyword = line.partition(b" ")[0].upper()
            if not logged_in and replies[0].status == b"+OK" and keyword not in (
                    b"USER", b"CAPA", b"UTF8", b"LANG", b"NOOP", b"QUIT"):
                logged_in = True
    return outcome
