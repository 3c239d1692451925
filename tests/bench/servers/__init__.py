"""The servers that ./dev bench compares, each as a private instance: its own
directory, free ports on loopback, nothing of the system's touched.

A server is made with a directory and groups of accounts, {name: count}. It then has

    key, title      short and for the table
    pop3, pop3s     HOST:PORT; pop3s speaks TLS from the beginning
    lmtp            HOST:PORT, or None: it has no LMTP, and `maildirs`, the directory
                    of its users' Maildirs, is where mail is put
    users[group]    the load generator's file of those accounts
    roots()         ids of the processes that all others of it come from
    prepare(load)   once, before anything is delivered; `load` is the load generator
    restart()       without a change to ports and data
    make_large(group, load, octets, messages)
                    fills one account's mailbox by the fastest way it has
    version(), log_tail(), stop()

CannotRun says why one can't be made on this machine; the bench goes on without it,
and says so.
"""

import os
import pwd
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "e2e"))

import harness  # noqa: E402

PASSWORD = "tulip"


class CannotRun(Exception):
    """In words for people."""


class Server:
    """What all of them share."""

    key = title = ""
    pop3 = pop3s = lmtp = maildirs = None
    most_accounts = 10**6  # in a group: one that takes long to make them gets fewer

    def __init__(self, directory, groups):
        self.dir = os.path.join(directory, self.key)
        os.makedirs(self.dir)
        self.names = {
            group: ["%s-%05d" % (group, i) for i in range(min(count, self.most_accounts))]
            for group, count in groups.items()}
        self.users = {}
        for group, members in self.names.items():
            self.users[group] = os.path.join(self.dir, "users-" + group)
            with open(self.users[group], "w") as file:
                file.writelines("%s\t%s\n" % (name, PASSWORD) for name in members)

    def all_names(self):
        return [name for members in self.names.values() for name in members]

    def load_arguments(self, group, tls=False):
        """How the load generator finds it."""
        arguments = ["--pop3", self.pop3s if tls else self.pop3, "--users", self.users[group]]
        if tls:
            arguments.append("--tls")
        if self.lmtp:
            arguments += ["--lmtp", self.lmtp]
        if self.maildirs:
            arguments += ["--maildirs", self.maildirs]
        return arguments

    def prepare(self, load):
        # Cyrus refuses deliveries that create the same mailbox at once, and Dovecot's sdbox
        # sometimes does: each user logs in first. Waiting sessions are too many for that,
        # and get one message each.
        for group in self.names:
            if group != "i":
                run([load, *self.load_arguments(group), "--operations",
                     str(len(self.names[group])), "stat"])

    def write_maildirs(self, directory, group, load, octets, messages):
        """Makes Maildirs of those accounts in a directory, not by a server."""
        run([load, "--users", self.users[group], "--maildirs", directory, "--octets",
             str(octets), "--messages", str(messages), "--unread", "fill"])

    def make_large(self, group, load, octets, messages):
        run([load, *self.load_arguments(group), "--octets", str(octets), "--messages",
             str(messages), "--connections", "64", "--unread", "fill"])

    def await_answers(self, process, *addresses, seconds=20):
        for address in addresses:
            harness.eventually(lambda: answers(address, process, self.title), seconds,
                               "%s at %s" % (self.title, address))

    def read_log(self, *names):
        text = ""
        for name in names:
            path = os.path.join(self.dir, name)
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    text += file.read()[-3000:]
        return text


class Owner:
    """Whom a server's mail belongs to: the system's user for it if we are root."""

    def __init__(self):
        me = pwd.getpwuid(os.geteuid())
        entry = pwd.getpwnam("mail") if os.geteuid() == 0 else me
        self.name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid
        self.my_group = subprocess.check_output(["id", "-gn"], text=True).strip()

    def make(self, path):
        os.makedirs(path, exist_ok=True)
        os.chown(path, self.uid, self.gid)
        return path


def run(command, **options):
    """A command that has to succeed; its output."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError("%s: %s%s" % (" ".join(command), done.stdout[-1000:],
                                         done.stderr[-1000:]))
    return done.stdout


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = ["127.0.0.1:%d" % s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return addresses


def port(address):
    return address.rsplit(":", 1)[1]


def answers(address, process, what):
    """Whether something greets there; for harness.eventually."""
    if process.poll() is not None:
        raise RuntimeError("%s has ended with %d" % (what, process.returncode))
    try:
        with socket.create_connection(("127.0.0.1", int(port(address))), 5) as connection:
            return connection.recv(100)
    except (ConnectionRefusedError, ConnectionResetError):
        return None
