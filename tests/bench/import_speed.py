#!/usr/bin/env python3
"""How many messages a second `restantectl import` brings from a Maildir into a durable store.

    RESTANTE_BIN=build/release/bin tests/bench/import_speed.py [--messages 50000]
        [--octets 4096] [--directory DIR]

The service runs with the product's defaults, in DIR (default: the current directory; not a
tmpfs, where fsync costs nothing). The Maildir's files are in the page cache. Prints the rate
of an import into an empty account, of a repetition that finds all of it there, and of an
export to a Maildir.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402


def fill(maildir, messages, octets):
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, name))
    line = b"x" * 71 + b"\n"
    for i in range(messages):
        head = b"From: <ann@example.org>\nTo: <bob@example.org>\nSubject: number %d\n\n" % i
        with open(os.path.join(maildir, "cur", "%d.M%dP1.host:2,S" % (10**9 + i, i)),
                  "wb") as file:
            file.write((head + line * (octets // len(line) + 1))[:octets - 1] + b"\n")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--messages", type=int, default=50_000)
    options.add_argument("--octets", type=int, default=4096)
    options.add_argument("--directory", default=".")
    options = options.parse_args()
    directory = tempfile.mkdtemp(prefix="restante-import-", dir=options.directory)
    stack = harness.Stack(os.path.join(directory, "stack"), tuned_for_tests=False)
    try:
        maildir = os.path.join(directory, "maildir")
        fill(maildir, options.messages, options.octets)
        stack.start()
        stack.create_account("ann@example.org")
        for what, command in (
                ("import", ("import", "--from", "maildir", maildir, "--to", "ann@example.org")),
                ("repetition",
                 ("import", "--from", "maildir", maildir, "--to", "ann@example.org")),
                ("export", ("export", "ann@example.org", "--to", "maildir",
                            os.path.join(directory, "out")))):
            begin = time.monotonic()
            stack.ctl(*command, timeout=3600)
            took = time.monotonic() - begin
            print("%-10s %7d messages of %d octets in %6.2f s: %6.0f/s" % (
                what, options.messages, options.octets, took, options.messages / took))
    finally:
        stack.stop(check=False)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
