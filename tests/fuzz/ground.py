"""What session_fuzz.py speaks to: one mail store behind front-ends of three kinds, and users
whose domains have policies, so that nonsense meets limits, locks that are waited for and
taken over, client certificates, and every way of deleting mail.
"""

import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path += [os.path.join(TESTS, "e2e"), os.path.join(TESTS, "conformance")]

import harness  # noqa: E402
from certificates import Authority  # noqa: E402

PASSWORD = "tulip"
# From there connections come with a PROXY header.
BALANCER = "127.0.0.2"

POLICIES = {
    "example.org": [],
    "hide.example": ["--deletion", "hide"],
    "move.example": ["--deletion", "move:Deleted"],
    "week.example": ["--expire-retrieved", "7d", "--login-delay", "1s"],
}
USERS = ["fuzz%02d@%s" % (i, domain) for i in range(2) for domain in POLICIES]

FRONT_ENDS = {
    "easy": {},
    # Where everything has an end soon; loopback isn't spared.
    "narrow": {
        "unlimited_networks": ["::1/128"], "max_connections": 12,
        "max_connections_per_address": 8, "max_new_connections_per_minute": 2000,
        "max_sessions_per_user": 1, "max_bad_commands_before_login": 3, "max_bad_commands": 5,
        "max_failed_logins": 1, "max_sasl_response_octets": 1024,
        "authorization_timeout": "1s", "login_timeout": "2s"},
    "contended": {"lock_wait": "200ms", "take_over": True, "max_sessions_per_user": 3},
}


class Ground:
    def __init__(self):
        self.authority = Authority()
        self.stack = harness.Stack(storage={"client_ca_file": self.authority.certificate_file})
        self.front_ends = []

    def start(self, others):
        """`others`: further accounts."""
        self.stack.start()
        for domain, policy in POLICIES.items():
            if policy:
                self.stack.ctl("policy", "set", "--domain", domain, *policy)
        self.stack.import_accounts(USERS + others, PASSWORD)
        self.certificate = self.authority.certificate_for(USERS[0])
        for name, settings in FRONT_ENDS.items():
            self._start(name, settings)

    def _start(self, name, settings):
        directory = os.path.join(self.stack.dir, name)
        os.mkdir(directory)
        config = {
            "listen": ["127.0.0.1:0"], "listen_tls": ["127.0.0.1:0"],
            "tls": {"certificate_file": self.stack.certificate, "key_file": self.stack.key,
                    "client_ca_file": self.authority.certificate_file},
            "storage": {"address": self.stack.grpc_address},
            "allow_cleartext_passwords": True, "failed_login_delay": "10ms",
            "proxy": {"networks": [BALANCER + "/32"]}, **settings}
        server = harness.Server("restante-pop3d", directory, config).start()
        server.pop3, server.pop3s = (
            harness.split_address(server.addresses[variable])
            for variable in ("X_RESTANTE_POP3", "X_RESTANTE_POP3S"))
        self.front_ends.append(server)

    def servers(self):
        return self.front_ends + self.stack.servers()

    def stop(self):
        """Ends all; a program that doesn't end cleanly is an error, and so is what a
        sanitizer found."""
        problems = [server.config_path for server in self.front_ends
                    if server.stop() != 0 or server.sanitizer_found()]
        logs = "".join(server.log_tail(200) for server in self.front_ends) if problems else ""
        self.stack.stop()
        self.authority.close()
        if problems:
            raise RuntimeError("\n".join(problems + [logs]))


def descriptors(server):
    return len(os.listdir("/proc/%d/fd" % server.pid))


def memory(server):
    """The resident set, in octets."""
    with open("/proc/%d/status" % server.pid) as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
