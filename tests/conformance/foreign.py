"""A POP3 server that is running somewhere, given by addresses."""

import subprocess

import servers
from clients import Lmtp


class Foreign(servers.Server):
    """Any server. `accounts`: lines of user, password and kind ('plain' if left out),
    each an empty maildrop, used once. `deliver_to`: lmtp:HOST:PORT, or a command
    that gets the message on its standard input, with {user} for the user."""

    def __init__(self, name, pop3, tls, accounts, deliver_to):
        super().__init__()
        self.name = name
        self.endpoints = {"pop3": (pop3, False)}
        if tls:
            self.endpoints["tls"] = (tls, True)
            self.provides = frozenset(("tls",))
        self._accounts = {}
        with open(accounts, encoding="utf-8") as file:
            for line in file.read().splitlines():
                user, password, kind = (line.split("\t") + ["plain"])[:3]
                self._accounts.setdefault(kind, []).append((user, password))
        self._deliver_to = deliver_to

    def account(self, kind):
        with self._lock:
            free = self._accounts.get(kind)
            if not free and kind == "plain":
                raise RuntimeError("there are too few accounts: one for each case is needed")
            return free.pop(0) if free else None

    def deliver(self, user, octets, kind=""):
        if self._deliver_to.startswith("lmtp:"):
            with Lmtp(servers.harness.split_address(self._deliver_to[5:])) as lmtp:
                # DATA can't say what is a bare LF.
                bdat = "CHUNKING" in lmtp.lhlo().extensions
                (code, text), = lmtp.deliver(octets, [user], bdat)
                if code != 250:
                    raise RuntimeError("LMTP: %s %s" % (code, text))
        else:
            subprocess.run(self._deliver_to.replace("{user}", user), shell=True, input=octets,
                           check=True, stdout=subprocess.DEVNULL)

