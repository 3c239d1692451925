"""The POP3 clients of Debian 12, each run as its user would run it, to fetch a whole
maildrop. A function answers the messages in order, as the client stored them.

Not every client keeps every octet it was given: fetchmail and getmail parse a
message and write it anew. `keeps(message)` is what the client stores where that can
be said in a line, and None where it can't; tests then look at the wire with a Tap
(wiretap.py), which shows what any client was given. mutt is in mutt_client.py, and
Evolution's engine in evolution.py.
"""

import os
import poplib
import re
import ssl
import subprocess

from harness import PATIENCE, die_with_parent

TIMEOUT = 120 * PATIENCE

# poplib refuses lines of over 2,048 octets; mail has longer ones.
poplib._MAXLINE = 64 << 20


class Account:
    """Where a client is to fetch: a maildrop and a way to it. `tls`: from the start;
    `stls`: by STLS, and nothing without it; `mechanism`: of SASL, for AUTH."""

    def __init__(self, address, user, password, tls, certificate, stls=False, mechanism=""):
        self.host, self.port = address
        self.user = user
        self.password = password
        self.tls = tls
        self.certificate = certificate
        self.stls = stls
        self.mechanism = mechanism


def run(command, directory, exit_codes=(0,), **environment):
    done = subprocess.run(
        command, cwd=directory, capture_output=True, timeout=TIMEOUT,
        env=dict(os.environ, HOME=directory, **environment), preexec_fn=die_with_parent)
    assert done.returncode in exit_codes, "%s: exit code %d\n%s\n%s" % (
        command[0], done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


# curl -------------------------------------------------------------------------


def curl(account, directory, count, options=()):
    """One curl for all messages, over one connection."""
    options = [*options, "--ssl-reqd"] if account.stls else [*options]
    if account.mechanism:
        options += ["--login-options", "AUTH=" + account.mechanism]
    run(["curl", "--silent", "--show-error", "--fail-early", *options,
         "--cacert", account.certificate,
         "--user", "%s:%s" % (account.user, account.password),
         "--output", os.path.join(directory, "#1.eml"),
         "pop3%s://%s:%d/[1-%d]" % ("s" if account.tls else "", account.host, account.port, count)],
        directory)
    return read_files(directory, ["%d.eml" % n for n in range(1, count + 1)])


# curl writes one CRLF for a message without any octet.
curl.keeps = lambda message: message or b"\r\n"


# Python's poplib ----------------------------------------------------------------


def python_poplib(account, directory, count):
    if account.tls:
        context = ssl.create_default_context(cafile=account.certificate)
        pop3 = poplib.POP3_SSL(account.host, account.port, context=context, timeout=TIMEOUT)
    else:
        pop3 = poplib.POP3(account.host, account.port, timeout=TIMEOUT)
    pop3.user(account.user)
    pop3.pass_(account.password)
    assert pop3.stat()[0] == count
    messages = []
    for number in range(1, count + 1):
        lines = pop3.retr(number)[1]
        messages.append(b"".join(line + b"\r\n" for line in lines))
    pop3.quit()
    return messages


python_poplib.keeps = lambda message: message


# mpop ---------------------------------------------------------------------------


def mpop_configuration(account, directory, keep=True):
    """mpop wants a delivery method; `mda` with a script that numbers the files
    gets the octets that any other method would get."""
    script = write(directory, "store", NUMBERED_FILES.format(directory=directory))
    os.chmod(script, 0o700)
    return write(directory, "mpoprc", """
account default
host %s
port %d
user %s
password %s
auth user
tls %s
tls_starttls %s
%s
keep %s
only_new on
uidls_file %s/uidls
delivery mda %s
received_header off
pipelining on
timeout 60
""" % (account.host, account.port, account.user, account.password,
       "on" if account.tls or account.stls else "off", "on" if account.stls else "off",
       "tls_trust_file " + (account.certificate if account.tls or account.stls else ""),
       "on" if keep else "off", directory, script))


# Stores standard input as the next of 1.eml, 2.eml, …; deliveries follow one another.
NUMBERED_FILES = """#!/bin/sh
set -e
cd {directory}
n=$(($(cat count 2>/dev/null || echo 0) + 1))
cat > $n.eml
echo $n > count
"""


def mpop(account, directory, count=None, keep=True):
    configuration = mpop_configuration(account, directory, keep)
    run(["mpop", "--quiet", "--file", configuration], directory)
    return read_numbered(directory)


def mpop_keeps(message):
    """mpop writes LF for CRLF. It reads lines in pieces of 4,095 octets, and loses a
    bare CR that ends a piece."""
    if any(len(line) > 4095 and b"\r" in line[:-1] for line in message.split(b"\n")):
        return None
    return message.replace(b"\r\n", b"\n")


mpop.keeps = mpop_keeps


# fetchmail ------------------------------------------------------------------------


def fetchmail(account, directory, count=None, keep=True, fetch_all=True):
    script = write(directory, "store", NUMBERED_FILES.format(directory=directory))
    os.chmod(script, 0o700)
    # fetchmail compares the name that it connects to with the certificate's CN alone.
    host = "localhost"
    if account.tls:
        tls = "ssl sslcertck sslcertfile " + account.certificate
    elif account.stls:
        tls = "sslproto 'TLS1.2+' sslcertck sslcertfile " + account.certificate
    else:
        tls = "sslproto ''"
    configuration = write(directory, "fetchmailrc", """
set no bouncemail
set no softbounce
set invisible
poll %s service %d protocol pop3 uidl timeout 60 bad-header accept
  username "%s" password "%s" is root here
  %s
  %s
  no rewrite pass8bits no stripcr no forcecr no mimedecode
  %s
  mda "%s"
""" % (host, account.port, account.user, account.password, tls,
       "keep" if keep else "no keep", "fetchall" if fetch_all else "no fetchall", script))
    run(["fetchmail", "--silent", "--nodetach", "--nosyslog", "--fetchmailrc", configuration,
         "--idfile", os.path.join(directory, "ids"),
         "--pidfile", os.path.join(directory, "pid")], directory, exit_codes=(0, 1))
    return read_numbered(directory)


# fetchmail writes a header anew: it drops NULs and a "From " line, adds a missing
# blank line or From, takes lines apart that are over 8 KB.
fetchmail.keeps = lambda message: None


# getmail --------------------------------------------------------------------------


def getmail(account, directory, count=None, keep=True, read_all=True):
    script = write(directory, "store", NUMBERED_FILES.format(directory=directory))
    os.chmod(script, 0o700)
    write(directory, "getmailrc", """
[retriever]
type = %s
server = %s
port = %d
username = %s
password = %s
%s
timeout = 20
[destination]
type = MDA_external
path = %s
allow_root_commands = true
unixfrom = false
[options]
delete = %s
read_all = %s
delivered_to = false
received = false
verbose = 0
""" % ("SimplePOP3SSLRetriever" if account.tls else "SimplePOP3Retriever",
       account.host, account.port, account.user, account.password,
       "ca_certs = " + account.certificate if account.tls else "",
       script, "false" if keep else "true", "true" if read_all else "false"))
    command = ["getmail", "--getmaildir", directory, "--rcfile", "getmailrc"]
    # getmail6 misses the end of a child that is done before it begins to wait, and
    # gives up a minute later. What it fetches all of and keeps can be fetched anew.
    for _ in range(2 if keep and read_all else 0):
        try:
            run(command, directory)
            return read_numbered(directory)
        except AssertionError as failure:
            if "waiting child pid" not in str(failure):
                raise
            for name in os.listdir(directory):
                if name == "count" or name.endswith(".eml"):
                    os.unlink(os.path.join(directory, name))
    run(command, directory)
    return read_numbered(directory)


# getmail parses a message by Python's email package and writes it anew, with LF for
# CRLF and a Return-Path in front.
getmail.keeps = lambda message: None
# A longer line is an error to getmail.
getmail.longest_line = 1 << 20

ALL = (curl, python_poplib, mpop, fetchmail, getmail)


def read_files(directory, names):
    messages = []
    for name in names:
        path = os.path.join(directory, name)
        # curl makes no file for an empty message.
        messages.append(b"")
        if os.path.exists(path):
            with open(path, "rb") as file:
                messages[-1] = file.read()
    return messages


def read_numbered(directory):
    numbers = sorted(int(name[:-4]) for name in os.listdir(directory)
                     if re.fullmatch(r"\d+\.eml", name))
    assert numbers == list(range(1, len(numbers) + 1)), numbers
    return read_files(directory, ["%d.eml" % n for n in numbers])
