"""What a case is played against: a server with endpoints, accounts and a way of
filling a mailbox. Ours is started here; dovecot.py has Debian's; Foreign is any
other, given by addresses.
"""

import itertools
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402
from clients import Lmtp, Pop3  # noqa: E402
from relay import Relay  # noqa: E402

PASSWORD = "tulip"
# Accounts that some cases need: kind to user (None: any) and password.
KINDS = {
    "plain": (None, PASSWORD),
    "spaces": (None, " two  words "),
    "single-space": (None, " "),
    "long": (None, "p" * 200),
    "utf8-password": (None, "tulipán\u00a0Ω"),
    "utf8": ("büro%d@example.org", PASSWORD),
}


class Server:
    """What player.py relies on. `endpoints`: name to ((host, port), TLS from the
    start); `provides`: what cases may name as a need."""

    name = ""
    endpoints = {}
    provides = frozenset()

    def __init__(self):
        self._capabilities = None
        self._lock = threading.Lock()

    def account(self, kind):
        """User and password of a fresh, empty maildrop; None if there can be none."""
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


class Restante(Server):
    """Our programs: a front-end as tests have it, and three more: 'strict', which takes
    no passwords in the clear; 'hasty', with short deadlines; 'fragile', whose way to the
    storage service can be cut."""

    name = "restante"
    provides = frozenset(("tls", "strict", "hasty", "outage", "smtputf8"))
    # Enough for a while; more are made when they are asked for.
    ACCOUNTS_AT_ONCE = 100

    def __init__(self, every_endpoint=True):
        super().__init__()
        self.stack = harness.Stack()
        self._front_ends = []
        self._relay = None
        self._numbers = itertools.count()
        self._free = []
        self._lmtp = threading.local()
        try:
            self.stack.start()
            self.endpoints = {"pop3": (self.stack.pop3, False), "tls": (self.stack.pop3s, True)}
            if every_endpoint:
                self._start_more()
        except BaseException:
            self.stop(check=False)
            raise

    def _start_more(self):
        self._start("strict", allow_cleartext_passwords=False)
        self._start("hasty", authorization_timeout="1s")
        self._relay = Relay(harness.split_address(self.stack.grpc_address))
        self._start("fragile", storage={"address": "%s:%d" % self._relay.address},
                    storage_wait="200ms", storage_timeout="500ms")

    def _start(self, name, **settings):
        server = self.start_front_end(name, "restante-pop3d", **settings)
        self._front_ends.append(server)
        self.endpoints[name] = (
            harness.split_address(server.addresses["X_RESTANTE_POP3"]), False)

    def start_front_end(self, name, program, environment=None, **settings):
        """One more front-end of this stack; who asks stops it."""
        directory = os.path.join(self.stack.dir, name)
        os.makedirs(directory, exist_ok=True)
        config = {
            "listen": ["127.0.0.1:0"],
            "listen_tls": ["127.0.0.1:0"],
            "tls": {"certificate_file": self.stack.certificate, "key_file": self.stack.key},
            "storage": {"address": self.stack.grpc_address},
            "allow_cleartext_passwords": True,
            "failed_login_delay": "10ms",
        }
        config.update(settings)
        return harness.Server(program, directory, config, environment).start()

    def account(self, kind):
        user, password = KINDS.get(kind, (None, None))
        if password is None:
            return None
        with self._lock:
            if kind == "plain":
                if not self._free:
                    self._free = ["c%d@example.org" % next(self._numbers)
                                  for _ in range(self.ACCOUNTS_AT_ONCE)]
                    self.stack.import_accounts(self._free, PASSWORD)
                return self._free.pop(), PASSWORD
            number = next(self._numbers)
            user = user % number if user else "c%d@example.org" % number
            self.stack.import_accounts([user], password)
            return user, password

    def deliver(self, user, octets, kind=""):
        lmtp = getattr(self._lmtp, "client", None)
        if lmtp is None:
            lmtp = self._lmtp.client = Lmtp(self.stack.lmtp).lhlo()
        parameters = " SMTPUTF8" if kind == "smtputf8" else ""
        replies = lmtp.envelope([user], parameters=parameters)
        assert replies[0][0] == 250, replies
        (code, text), = lmtp.bdat(octets)
        assert code == 250, (code, text)

    def storage(self, what):
        if what == "away":
            self._relay.cut()
        else:
            self._relay.mend()

    def version(self):
        return self.stack.version()

    def log_tails(self):
        return "".join(server.log_tail() for server in self._front_ends + [self.stack.pop3d])

    def stop(self, check=True):
        problems = [problem for problem in map(stopped, self._front_ends) if problem]
        if self._relay is not None:
            self._relay.stop()
        self.stack.stop(check)
        if problems and check:
            raise RuntimeError("\n".join(problems))


def stopped(server):
    """Ends a front-end; what was wrong with it."""
    code = server.stop()
    if code != 0:
        return "%s ended with %s\n%s" % (server.config_path, code, server.log_tail(100))
    if server.sanitizer_found():
        return "a sanitizer found something\n" + server.log_tail(200)
    return None


class Foreign(Server):
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
            with Lmtp(harness.split_address(self._deliver_to[5:])) as lmtp:
                (code, text), = lmtp.lhlo().deliver(octets, [user])
                if code != 250:
                    raise RuntimeError("LMTP: %s %s" % (code, text))
        else:
            subprocess.run(self._deliver_to.replace("{user}", user), shell=True, input=octets,
                           check=True, stdout=subprocess.DEVNULL)

