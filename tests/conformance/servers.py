"""What a case is played against: a server with endpoints, accounts and a way of
filling a mailbox. Ours is started here; dovecot.py has Debian's; foreign.py any
other, given by addresses.
"""

import collections
import crypt
import itertools
import os
import socket
import sys
import tempfile
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
    "utf8-password": (None, "tulipán Ω"),
    "utf8": ("büro%d@example.org", PASSWORD),
}


# What cases need and our programs are yet to have: left out of our test without a word.
PENDING = frozenset(("downgrade", "prepared", "patient", "greedy"))
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


class Store:
    """Our storage service and LMTP server: accounts, and messages for them."""

    def __init__(self):
        self.stack = harness.Stack()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._free = collections.defaultdict(list)
        self._deliverers = []
        self.stack.start()

    def create_accounts(self, kinds):
        """`kinds`: how many of each. In one go: that is quicker by far."""
        lines = []
        with self._lock:
            for kind, count in kinds.items():
                name, password = KINDS[kind]
                secret = "{CRYPT}" + crypt.crypt(password, "$5$rounds=1000$garden")
                for _ in range(count):
                    user = (name or "c%d@example.org") % next(self._numbers)
                    lines.append("%s\t%s\n" % (user, secret))
                    self._free[kind].append((user, password))
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.stack.dir) as file:
            file.writelines(lines)
            file.flush()
            self.stack.ctl("accounts", "import", file.name)

    def account(self, kind):
        with self._lock:
            return self._free[kind].pop() if self._free[kind] else None

    def deliver(self, user, octets, kind=""):
        with self._lock:
            lmtp = self._deliverers.pop() if self._deliverers else None
        if lmtp is None:
            lmtp = Lmtp(self.stack.lmtp).lhlo()
        parameters = " SMTPUTF8" if kind == "smtputf8" or not user.isascii() else ""
        replies = lmtp.envelope([user], parameters=parameters)
        assert replies[0][0] == 250, replies
        (code, text), = lmtp.bdat(octets)
        assert code == 250, (code, text)
        with self._lock:
            self._deliverers.append(lmtp)

    def stop(self, check=True):
        for lmtp in self._deliverers:
            lmtp.close()
        self.stack.stop(check)


# In which ways our front-end is started, by endpoint; 'pop3' and 'tls' are one of it.
SETTINGS = {
    "pop3": {},
    "strict": {"allow_cleartext_passwords": False},
    "hasty": {"authorization_timeout": "1s"},
    "fragile": {"storage_wait": "200ms", "storage_timeout": "500ms"},
    "patient": {"lock_wait": "20s"},
    "greedy": {"take_over": True},
    "severe": {"max_bad_commands_before_login": 3, "max_bad_commands": 5,
               "max_failed_logins": 1},
    "silent": {"implementation": ""},
}


class Restante(Server):
    """Our front-end, in as many ways as cases open. `program` may be another build of
    it."""

    name = "restante"
    provides = (frozenset(SETTINGS) | {"tls", "outage", "smtputf8", "downgrade", "prepared"}) - PENDING

    def __init__(self, store=None, program="restante-pop3d", environment=None):
        super().__init__()
        if os.environ.get("RESTANTE_LONG"):
            self.provides |= {"long"}
        self._own_store = None if store else Store()
        self._store = store or self._own_store
        self._program = program
        self._environment = environment
        self._directory = tempfile.mkdtemp(dir=self._store.stack.dir)
        self._front_ends = []
        self._relay = None

    def prepare(self, cases):
        kinds = collections.Counter(case.account for case in cases if case.account in KINDS)
        kinds["plain"] += sum("{other}" in step.text for case in cases for step in case.steps)
        self._store.create_accounts(kinds)
        # Not when a case opens one: a program ends with the thread that started it.
        opened = {step.text.split()[0] for case in cases for step in case.steps
                  if step.verb == "open" and step.text}
        for name in sorted(({"pop3"} | opened) & set(SETTINGS) - set(self.endpoints)):
            self._start(name)

    def _start(self, name):
        stack = self._store.stack
        config = {
            "listen": ["127.0.0.1:0"],
            "listen_tls": ["127.0.0.1:0"],
            "tls": {"certificate_file": stack.certificate, "key_file": stack.key},
            "storage": {"address": stack.grpc_address},
            "allow_cleartext_passwords": True,
            "failed_login_delay": "10ms",
        }
        if name == "fragile":
            self._relay = Relay(harness.split_address(stack.grpc_address))
            config["storage"] = {"address": "%s:%d" % self._relay.address}
        config.update(SETTINGS[name])
        directory = os.path.join(self._directory, name)
        os.mkdir(directory)
        server = harness.Server(self._program, directory, config, self._environment)
        self._front_ends.append(server)
        server.start()
        address = harness.split_address(server.addresses["X_RESTANTE_POP3"])
        self.endpoints[name] = (address, False)
        if name == "pop3":
            self.endpoints["tls"] = (
                harness.split_address(server.addresses["X_RESTANTE_POP3S"]), True)

    def account(self, kind):
        return self._store.account(kind)

    def deliver(self, user, octets, kind=""):
        self._store.deliver(user, octets, kind)

    def storage(self, what):
        if what == "away":
            self._relay.cut()
        else:
            self._relay.mend()

    def version(self):
        return self._store.stack.version()

    def log_tails(self):
        return "".join(server.log_tail() for server in self._front_ends)

    def stop(self, check=True):
        problems = [problem for problem in map(_stopped, self._front_ends) if problem]
        if self._relay is not None:
            self._relay.stop()
        if self._own_store is not None:
            self._own_store.stop(check)
        if problems and check:
            raise RuntimeError("\n".join(problems))


def _stopped(server):
    """Ends a front-end; what was wrong with it."""
    code = server.stop()
    if code not in (0, None):
        return "%s ended with %s\n%s" % (server.config_path, code, server.log_tail(100))
    if server.sanitizer_found():
        return "a sanitizer found something\n" + server.log_tail(200)
    return None
