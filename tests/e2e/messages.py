"""The messages that end-to-end tests deliver: tests/data with its generated ones,
and the mail corpus beside the repository where there is one.
"""

import os
import re
import sys

from harness import SOURCE_DIR

sys.path.insert(0, os.path.join(SOURCE_DIR, "tests", "data"))

import generated  # noqa: E402

CORPUS = os.path.abspath(os.path.join(SOURCE_DIR, "..", "shared", "mail-corpus"))


def after_ingest(message):
    """What the store makes of a message: a bare LF becomes CRLF, a missing final CRLF
    is added; bare CR and NUL stay, an empty message stays empty."""
    message = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return message


def stored():
    """Name and octets of each file of tests/data."""
    directory = os.path.join(SOURCE_DIR, "tests", "data")
    return _files(directory, ".eml", "data/")


def corpus():
    """Name and octets of each message of the corpus; empty, and said, without it."""
    if not os.path.isdir(CORPUS):
        print("The mail corpus isn't at %s: it is left out." % CORPUS)
        return []
    messages = []
    for folder in sorted(os.listdir(CORPUS)):
        path = os.path.join(CORPUS, folder)
        if os.path.isdir(path):
            messages += _files(path, "", folder + "/")
    return messages


def large():
    return [("generated/" + name, data) for name, data in generated.messages()]


def _files(directory, ending, prefix):
    files = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(ending) and name != "README.md":
            with open(os.path.join(directory, name), "rb") as file:
                files.append((prefix + name, file.read()))
    return files
