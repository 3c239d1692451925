"""Postfix, Exim and OpenSMTPD as the plugins' READMEs configure them, with mail on its way
to the store by LMTP or through restante-deliver. For tests of the whole way; what the MTAs
need to run unpacked is in files of their own.
"""

import glob
import os
import subprocess
import tempfile

import harness
import snippets
from exim import Exim
from opensmtpd import OpenSmtpd
from postfix import Postfix

# A pipe agent that keeps what it is given, a file for each time: the recipient's line, and
# the message.
KEEPING = """#!/bin/sh
for recipient; do :; done
[ "$recipient" != --environment ] || recipient=$RECIPIENT
kept=$(mktemp {kept}/XXXXXXXX)
echo "$recipient" >"$kept"
tee -a "$kept" | {agent} "$@"
"""


def postfix_by_lmtp(directory, lmtp_socket, lookup_sockets):
    return Postfix(directory, snippets.snippet("plugins/postfix/examples/main.cf", {
        "/run/restante/lookup.sock": lookup_sockets["lookup"],
        "/run/restante/policy.sock": lookup_sockets["policy"],
        "/run/restante/lmtp.sock": lmtp_socket}))


def postfix_by_pipe(directory, lmtp_socket, keep=False):
    return Postfix(directory, snippets.snippet("plugins/deliver/examples/main.cf", {}),
                   snippets.snippet("plugins/deliver/examples/master.cf",
                                    _agent(directory, lmtp_socket, keep)))


def exim_by_lmtp(directory, lmtp_port):
    return Exim(directory, snippets.snippet("plugins/postfix/examples/exim.conf", {
        "port = 24": "port = %d" % lmtp_port}))


def exim_by_pipe(directory, lmtp_socket, keep=False):
    return Exim(directory, snippets.snippet("plugins/deliver/examples/exim.conf",
                                            _agent(directory, lmtp_socket, keep)))


def opensmtpd_by_lmtp(directory, lmtp_socket):
    return OpenSmtpd(directory, snippets.snippet("plugins/postfix/examples/smtpd.conf", {
        "/run/restante/lmtp.sock": lmtp_socket}))


def reachable(directory):
    """restante-deliver where nobody may run it: the build may be below a home."""
    path = os.path.join(directory, "restante-deliver")
    subprocess.run(["cp", harness.program("restante-deliver"), path], check=True)
    os.chmod(path, 0o755)
    return path


def kept(mta):
    """What a pipe agent was given: pairs of recipient and message."""
    found = []
    for path in glob.glob(os.path.join(mta.dir, "kept", "*")):
        with open(path, "rb") as file:
            recipient = file.readline().decode().rstrip("\n")
            found.append((recipient, file.read()))
    return found


def _agent(directory, lmtp_socket, keep):
    """The agent and its configuration, for what the snippets name in their place."""
    config = os.path.join(directory, "deliver.yaml")
    with open(config, "w") as file:
        file.write(snippets.snippet("plugins/deliver/examples/deliver.yaml", {
            "/run/restante/lmtp.sock": lmtp_socket}))
    os.chmod(config, 0o644)
    agent = reachable(directory)
    if keep:
        folder = os.path.join(directory, "kept")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        script = os.path.join(directory, "keeping-agent")
        with open(script, "w") as file:
            file.write(KEEPING.format(kept=folder, agent=agent))
        os.chmod(script, 0o755)
        agent = script
    return {"/usr/bin/restante-deliver": agent, "/etc/restante/deliver.yaml": config}


class MtaTestCase(harness.StackTest):
    """Tests with several MTAs, `mtas` by name, which end with the class and show what they
    logged when a test fails. `lookup_config`: of restante-mta-lookup, which Postfix asks."""

    lookup_config = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # MTAs run as others.
        os.chmod(cls.stack.dir, 0o755)
        cls.mtas = {}
        cls.lookup_sockets = {name: os.path.join(cls.stack.dir, name + ".sock")
                              for name in ("lookup", "policy")}
        cls.lookup = harness.Server("restante-mta-lookup", cls.stack.dir, harness.merged({
            "listen_socketmap": ["unix:" + cls.lookup_sockets["lookup"]],
            "listen_policy": ["unix:" + cls.lookup_sockets["policy"]],
            "storage": {"address": cls.stack.grpc_address}}, cls.lookup_config)).start()
        cls.addClassCleanup(cls.stop_lookup)

    @classmethod
    def stop_lookup(cls):
        assert cls.lookup.stop() == 0, cls.lookup.log_tail()
        assert not cls.lookup.sanitizer_found(), cls.lookup.log_tail(200)

    @classmethod
    def start_mta(cls, name, make, *arguments):
        """`make` is one of the functions above; it gets a directory and the arguments."""
        mta = make(tempfile.mkdtemp(prefix=name + "-", dir=cls.stack.dir), *arguments)
        cls.addClassCleanup(mta.stop)
        cls.mtas[name] = mta
        return mta.start()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for name, mta in self.mtas.items():
                print("--- log of %s\n%s" % (name, mta.log()[-20_000:]))
