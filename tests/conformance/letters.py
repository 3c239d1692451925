"""The messages that cases name, and what a server has to send of them.

A name is one of the dialogue file, `data/NAME` for a file of tests/data, or
`generated/NAME` for one of its generator.
"""

import functools
import os
import re
import sys

import dialogue

sys.path.insert(0, dialogue.DATA)

import generated  # noqa: E402


def octets_of(case, name):
    """A message as it is delivered."""
    if name in case.messages:
        return case.messages[name]
    if name.startswith("data/"):
        return _stored(name[5:])
    if name.startswith("generated/"):
        return _generated()[name[10:]]
    raise dialogue.Mistake("%s:%d: there is no message %r" % (case.path, case.line, name))


@functools.lru_cache(None)
def _stored(name):
    with open(os.path.join(dialogue.DATA, name + ".eml"), "rb") as file:
        return file.read()


@functools.lru_cache(None)
def _generated():
    return dict(generated.messages())


def after_ingest(message):
    """What POP3 has to give back: lines end in CRLF, the last one too."""
    message = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return message


def lines_of(message):
    """Lines with their CRLF."""
    return [line + b"\r\n" for line in after_ingest(message).split(b"\r\n")[:-1]]


def top_of(message, count):
    """The header, the blank line, and `count` lines of the body."""
    lines = lines_of(message)
    blank = lines.index(b"\r\n") if b"\r\n" in lines else len(lines)
    return b"".join(lines[:blank + 1 + count])


def on_the_wire(octets):
    """A multi-line response behind its first line: stuffed, and with its end."""
    if octets.startswith(b"."):
        octets = b"." + octets
    return octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"
