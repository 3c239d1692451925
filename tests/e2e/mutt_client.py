"""mutt, which wants a terminal and shows a maildrop as a folder."""

import os
import pty
import re
import select
import subprocess
import time

from harness import die_with_parent
from real_clients import TIMEOUT, write

CONFIGURATION = """
set folder = %(directory)s
set spoolfile = %(directory)s/spool
set record = ""
set mbox_type = mbox
set pop_user = "%(user)s"
set pop_pass = "%(password)s"
set pop_checkinterval = 0
set ssl_starttls = %(stls)s
set ssl_force_tls = %(stls)s
set certificate_file = %(certificate)s
set ssl_ca_certificates_file = %(certificate)s
set header_cache = %(directory)s/headers/
set message_cachedir = %(directory)s/bodies/
set confirmappend = no
set confirmcreate = no
set delete = yes
set quit = yes
set move = no
set wait_key = no
set beep = no
set sleep_time = 0
set sort = mailbox-order
"""


def mutt(account, directory, count=None, keep=True):
    """Opens the maildrop as a folder, as mutt shows it, and copies all of it to a file;
    it fetches a message only if its caches, by unique-id, have none of that name.
    Answers what the folder has, which may have been fetched by an earlier call. (It
    stops at a message without any octet, so it isn't for odd mail.)"""
    for name in ("headers", "bodies"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    copy = os.path.join(directory, "copy")
    if os.path.exists(copy):
        os.unlink(copy)
    configuration = write(directory, "muttrc", CONFIGURATION % {
        "directory": directory, "user": account.user, "password": account.password,
        "certificate": account.certificate, "stls": "yes" if account.stls else "no"})
    keys = "<tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter>" % copy
    if not keep:
        keys += "<untag-pattern>~A<enter><delete-pattern>~A<enter>"
    host = "localhost" if account.tls or account.stls else account.host
    on_terminal(["mutt", "-n", "-F", configuration, "-e", 'push "%s<quit>"' % keys,
                 "-f", "pop%s://%s:%d/" % ("s" if account.tls else "", host, account.port)],
                directory)
    with open(copy, "rb") as file:
        messages = re.split(rb"(?m)^From \S.*\n", file.read())[1:]
    for number, message in enumerate(messages, 1):
        with open(os.path.join(directory, "%d.eml" % number), "wb") as file:
            file.write(message)
    return messages


# mutt adds Status and Content-Length fields, quotes "From " and writes LF for CRLF.
mutt.keeps = lambda message: None


def on_terminal(command, directory):
    """Runs a program that wants a terminal until it ends by itself."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            command, cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=die_with_parent,
            env=dict(os.environ, HOME=directory, TERM="vt100", LINES="25", COLUMNS="80"))
    finally:
        os.close(theirs)
    screen = b""
    deadline = time.monotonic() + TIMEOUT
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                screen = (screen + os.read(ours, 65536))[-4000:]
            except OSError:  # nobody has the other side any more
                break
        process.wait(max(0, deadline - time.monotonic()) + 1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError("%s doesn't end:\n%s" % (command[0], screen)) from None
    finally:
        os.close(ours)
    assert process.returncode == 0, "%s: exit code %d\n%s" % (
        command[0], process.returncode, screen)
