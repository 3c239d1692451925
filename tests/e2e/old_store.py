"""Stores that older releases have written, kept in tests/data: how one is made, and what
has to be found in it by every later release.

    RESTANTE_BIN=/path/of/the/old/release/bin python3 tests/e2e/old_store.py write ARCHIVE

writes one with the programs of that release; upgrade_test opens it with today's. An
archive holds the data directory as `data/` and what clients saw as `expected.json`. It is
never written anew: a release that changes the format adds one of its own.
"""

import hashlib
import io
import json
import os
import sys
import tarfile

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
USERS = ("ada@example.org", "bella@example.org", "carl@example.org")


def letters():
    """Small, dotted, empty, of several chunks, and with a header in UTF-8."""
    yield b"Subject: first\r\n\r\nThe parcel has arrived.\r\n"
    yield b"Subject: dots\r\n\r\n.\r\n..\r\n.end\r\n"
    yield b""
    yield b"Subject: long\r\n\r\n" + b"The tulips are in flower again this year.\r\n" * 4000
    yield "Subject: Grüße\r\nFrom: jörg@example.org\r\n\r\nÄpfel\r\n".encode()
    yield b"Subject: to be deleted\r\n\r\nNobody needs this.\r\n"
    yield b"Subject: last\r\n\r\nIt is late.\r\n"


def view(stack, user):
    """What a POP3 client sees: UIDL, octets and digest of each message."""
    with Pop3(stack.pop3) as pop3:
        pop3.log_in(user, PASSWORD)
        count = pop3.stat()[0]
        rows = [{"uidl": uidl, "octets": octets, "sha256": hashlib.sha256(message).hexdigest()}
                for uidl, octets, message in zip(
                    pop3.uidls(), pop3.sizes(), pop3.retr_all(count))]
        pop3.quit()
    return rows


def listing(stack, user):
    """What the operator sees: UIDs, dates, flags."""
    return stack.ctl_json("messages", "list", user)


def delete(stack, user, number):
    with Pop3(stack.pop3) as pop3:
        pop3.log_in(user, PASSWORD)
        pop3.ok("DELE %d" % number)
        pop3.quit()


def fill(stack):
    for user in USERS:
        stack.create_account(user, PASSWORD)
    stack.ctl("policy", "set", USERS[1], "--deletion", "hide")
    stack.ctl("policy", "set", USERS[2], "--deletion", "move:Trash")
    with Lmtp(stack.lmtp) as lmtp:
        lmtp.lhlo()
        for letter in letters():
            replies = lmtp.envelope(USERS, parameters=" SMTPUTF8")
            assert all(code == 250 for code, _ in replies), replies
            assert all(code == 250 for code, _ in lmtp.data(letter, len(USERS)))
    maildir = os.path.join(stack.dir, "Maildir", "cur")
    os.makedirs(maildir)
    os.makedirs(os.path.join(stack.dir, "Maildir", "new"))
    with open(os.path.join(maildir, "1700000000.M1P1.host:2,S"), "wb") as file:
        file.write(b"Subject: imported\r\n\r\nFrom elsewhere.\r\n")
    with open(os.path.join(stack.dir, "Maildir", "dovecot-uidlist"), "w") as file:
        file.write("3 V1700000001 N2\n1 Pold-uidl-1 :1700000000.M1P1.host\n")
    # Its delivery id is kept: a repetition stores nothing twice.
    stack.ctl("import", "--from", "dovecot", "--to", USERS[0],
              os.path.join(stack.dir, "Maildir"))
    for user in USERS:
        delete(stack, user, 6)


def write(archive):
    stack = harness.Stack().start()
    try:
        fill(stack)
        expected = {
            "version": stack.version(),
            "views": {user: view(stack, user) for user in USERS},
            "listings": {user: listing(stack, user) for user in USERS},
        }
        # Most of it in files, the end of it in a log.
        stack.restart()
        stack.ctl("deliver", "-", "--to", USERS[0],
                  stdin="Subject: in the log\r\n\r\nAs it was left.\r\n")
        expected["views"][USERS[0]] = view(stack, USERS[0])
        expected["listings"][USERS[0]] = listing(stack, USERS[0])
        for server in stack.servers():
            server.stop()
        with tarfile.open(archive, "w:xz") as tar:
            text = json.dumps(expected, indent=1).encode()
            info = tarfile.TarInfo("expected.json")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
            data = os.path.join(stack.dir, "data")
            tar.add(data, "data", filter=plain)
    finally:
        stack.stop(check=False)


def plain(member):
    """Without whose it was, and without RocksDB's diary."""
    if os.path.basename(member.name).startswith("LOG"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "write":
        sys.exit(__doc__)
    write(sys.argv[2])
