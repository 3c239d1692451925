"""What a case is played against: a server with endpoints, accounts and a way of
filling a mailbox. front_ends.py has ours, dovecot.py Debian's, foreign.py any other,
given by addresses.
"""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402
from clients import Pop3  # noqa: E402

PASSWORD = "tulip"
# Accounts that some cases need: kind to user (None: any) and password.
KINDS = {
    "plain": (None, PASSWORD),
    "spaces": (None, " two  words "),
    "single-space": (None, " "),
    "long": (None, "p" * 200),
    "utf8-password": (None, "tulipán Ω"),
    "utf8": ("büro%d@example.org", PASSWORD),
    # What no login may be with (RFC 6856, 2.2), though the account has it.
    "prohibited": (None, "tulip\ufff9"),
    "prohibited-name": ("pro\ue000%d@example.org", PASSWORD),
    "no-utf8": (None, "\udcff\udcfe"),  # two octets, as os.fsencode has them
}

# What a short run leaves out.
LONG = frozenset(("long",))


class Server:
    """What player.py relies on. `endpoints`: name to ((host, port), TLS from the
    start); `provides`: what cases may name as a need."""

    name = ""
    provides = frozenset()

    def __init__(self):
        self.endpoints = {}
        self._capabilities = None
        self._lock = threading.Lock()

    def prepare(self, cases):
        """Before these are played."""

    def default_endpoint(self, kind):
        """Where accounts of a kind log in if a case says nothing else."""
        return "pop3"

    def account(self, kind):
        """User and password of a fresh, empty maildrop; None if there can be none."""
        raise NotImplementedError

    def certificate(self, user, signed):
        """Files of a client certificate that names the user, and of its key; signed by
        an authority that the server trusts, or not."""
        raise NotImplementedError

    def deliver(self, user, octets, kind=""):
        """One message into the maildrop; it is there when this returns."""
        raise NotImplementedError

    def storage(self, what):
        """'away' and 'back': the mail store behind the endpoint 'fragile'."""
        raise NotImplementedError

    def capabilities(self):
        """The tags that CAPA lists before login."""
        with self._lock:
            if self._capabilities is None:
                with Pop3(*self.endpoints["pop3"]) as pop3:
                    pop3.ok("CAPA")
                    self._capabilities = {
                        line.split()[0].decode() for line in pop3.multiline().splitlines()}
            return self._capabilities

    def stop(self):
        pass
