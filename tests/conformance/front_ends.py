"""Our front-end as a server to play cases against, in all the ways that they open."""

import collections
import os
import tempfile

from relay import Relay
from servers import Server, harness
from store import POLICY_KINDS, Store

# In which ways our front-end is started, by endpoint; 'pop3' and 'tls' are one of it.
SETTINGS = {
    "pop3": {},
    "strict": {"allow_cleartext_passwords": False},
    "hasty": {"authorization_timeout": "1s"},
    "fragile": {"storage_wait": "200ms",
                "storage_timeout": "%dms" % (500 * harness.PATIENCE)},
    "patient": {"lock_wait": "20s"},
    "greedy": {"take_over": True},
    "severe": {"max_bad_commands_before_login": 3, "max_bad_commands": 5,
               "max_failed_logins": 1},
    "silent": {"implementation": ""},
    "certified": {},
    "proxied": {"proxy": {"networks": ["127.0.0.0/8"], "timeout": "2s", "trust_tls": True}},
    "crowded": {"unlimited_networks": ["::1/128"], "max_connections_per_address": 2},
    "longer": {"max_command_octets": 512},
    "policies": {},
    "policies-too": {},
}


class Restante(Server):
    """Our front-end, in as many ways as cases open. `program` may be another build of
    it."""

    name = "restante"
    provides = frozenset(SETTINGS) | {"tls", "outage", "smtputf8", "downgrade", "prepared"}

    def __init__(self, store=None, program="restante-pop3d", environment=None):
        super().__init__()
        if os.environ.get("RESTANTE_LONG"):
            self.provides |= {"long"}
        self._own_store = None if store else Store()
        self._store = store or self._own_store
        self._policy_store = None
        self._program = program
        self._environment = environment
        self._directory = tempfile.mkdtemp(dir=self._store.stack.dir)
        self._front_ends = []
        self._relay = None

    def default_endpoint(self, kind):
        return "policies" if kind in POLICY_KINDS else "pop3"

    def store_of(self, user):
        return self._store if user.endswith("@example.org") else self._policy_store

    def prepare(self, cases):
        cases = [case for case in cases
                 if all(need.isupper() or need in self.provides for need in case.needs)]
        kinds = collections.Counter(case.account for case in cases)
        kinds["plain"] += sum("{other}" in step.text for case in cases for step in case.steps)
        of_policies = {kind: kinds.pop(kind) for kind in POLICY_KINDS if kind in kinds}
        self._store.create_accounts(kinds)
        if of_policies:
            self._policy_store = Store()
            self._policy_store.set_policies()
            self._policy_store.create_accounts(of_policies)
        # Not when a case opens one: a program ends with the thread that started it.
        opened = {step.text.split()[0].removesuffix("-tls") for case in cases
                  for step in case.steps if step.verb == "open" and step.text}
        opened |= {"pop3"} | {self.default_endpoint(kind) for kind in of_policies}
        for name in sorted(opened & set(SETTINGS) - set(self.endpoints)):
            self._start(name)

    def _start(self, name):
        policies = name.startswith("policies")
        stack = (self._policy_store if policies else self._store).stack
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
        if name == "certified":
            config["tls"]["client_ca_file"] = self._store.authority.certificate_file
        config.update(SETTINGS[name])
        directory = os.path.join(self._directory, name)
        os.mkdir(directory)
        server = harness.Server(self._program, directory, config, self._environment)
        self._front_ends.append(server)
        server.start()
        for variable, ending in (("X_RESTANTE_POP3", ""), ("X_RESTANTE_POP3S", "-tls")):
            self.endpoints[name + ending] = (
                harness.split_address(server.addresses[variable]), bool(ending))
        if name == "pop3":
            self.endpoints["tls"] = self.endpoints["pop3-tls"]

    def account(self, kind):
        store = self._policy_store if kind in POLICY_KINDS else self._store
        return store.account(kind)

    def certificate(self, user, signed):
        return self._store.authority.certificate_for(user, signed)

    def deliver(self, user, octets, kind=""):
        self.store_of(user).deliver(user, octets, kind)

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
        for own in (self._own_store, self._policy_store):
            if own is not None:
                own.stop(check)
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
