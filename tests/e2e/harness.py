"""Runs the real programs for end-to-end tests and benches: each in a directory of
its own, on free ports of loopback, ended by its pid.

RESTANTE_BIN is the directory of the programs. Readiness and ports come over
NOTIFY_SOCKET, so nothing here sleeps or polls for them. What the programs log is
kept and shown when a test fails.
"""

import collections
import crypt
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("RESTANTE_BIN", "")
SANITIZER = os.environ.get("RESTANTE_SANITIZE", "")

# Sanitizers make everything slower; deadlines are for what hangs, so they may be long.
PATIENCE = 6 if SANITIZER else 1

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

_libc = ctypes.CDLL(None)


def die_with_parent():
    """For preexec_fn: a server must not outlive a test that was killed."""
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def program(name):
    path = os.path.join(BIN, name)
    if not BIN or not os.access(path, os.X_OK):
        raise RuntimeError(
            "%s is not in RESTANTE_BIN=%r: set it to the bin directory of a build" % (name, BIN))
    return path


class Server:
    """One program with --config, from start to end, any number of times."""

    def __init__(self, name, directory, config, environment=None):
        self.name = name
        self._environment = environment or {}
        self.config_path = os.path.join(directory, name + ".yaml")
        self.log_path = os.path.join(directory, name + ".log")
        self._socket_path = os.path.join(directory, name + ".notify")
        self.process = None
        self.addresses = {}
        self.configure(config)

    def configure(self, config):
        """`config`: nested dicts; JSON is YAML."""
        with open(self.config_path, "w") as file:
            json.dump(config, file, indent=1)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, wait=True, timeout=30):
        assert not self.running()
        if os.path.exists(self._socket_path):
            os.unlink(self._socket_path)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self._socket_path)
        environment = dict(os.environ, **self._environment, NOTIFY_SOCKET=self._socket_path)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(self.name), "--config", self.config_path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, preexec_fn=die_with_parent)
        self._notify = notify
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=30):
        """Until the program says READY=1; fails at once if it ends before."""
        deadline = time.monotonic() + timeout * PATIENCE
        ended = os.pidfd_open(self.process.pid)
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise RuntimeError("%s isn't ready after %d s\n%s" % (
                        self.name, timeout * PATIENCE, self.log_tail()))
                readable, _, _ = select.select([self._notify, ended], [], [], left)
                if self._notify in readable:
                    lines = self._notify.recv(65536).decode().split("\n")
                    if "READY=1" in lines:
                        self.addresses = dict(
                            line.split("=", 1) for line in lines if line.startswith("X_"))
                        return
                elif ended in readable:
                    raise RuntimeError("%s ended with %s before it was ready\n%s" % (
                        self.name, self.process.wait(), self.log_tail()))
        finally:
            os.close(ended)
            # Programs go on telling their state; nobody has to listen.
            self._notify.close()

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM; the exit code. SIGKILL and an error when that doesn't end it."""
        if self.process is None:
            return None
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise RuntimeError("%s doesn't end after SIGTERM" % self.name)
        return self.process.returncode

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def sanitizer_found(self):
        """The beginning of what it says, or nothing; in a build with sanitizers."""
        found = SANITIZER and re.search(
            "(ERROR: \\w+Sanitizer|WARNING: ThreadSanitizer|runtime error:)(.*\n){0,80}",
            self.log())
        return found.group() if found else ""

    def log_tail(self, lines=25):
        tail = collections.deque(self.log().splitlines(), lines)
        return "--- log of %s\n%s\n" % (self.name, "\n".join(tail))


class Stack:
    """restante-storage, restante-pop3d and restante-lmtpd, connected. `configs` are
    merged over what the harness sets, by program: storage={...}, pop3d={...}."""

    def __init__(self, directory=None, tuned_for_tests=True, **configs):
        self.dir = directory or tempfile.mkdtemp(prefix="restante-e2e-")
        os.makedirs(self.dir, exist_ok=True)
        self._own_dir = directory is None
        self._configs = configs
        self._tuned = tuned_for_tests  # otherwise: the product's defaults
        self.certificate, self.key = make_certificate(self.dir)
        self.lmtp_socket = os.path.join(self.dir, "lmtp.sock")
        self.storage = Server("restante-storage", self.dir, self._storage_config("127.0.0.1:0"))
        self.pop3d = None
        self.lmtpd = None

    # Configurations ----------------------------------------------------------

    def _storage_config(self, listen):
        config = {"listen": [listen], "data_dir": os.path.join(self.dir, "data")}
        return merged(config, self._configs.get("storage", {}))

    def _pop3d_config(self, pop3, pop3s):
        config = {
            "listen": [pop3],
            "listen_tls": [pop3s],
            "tls": {"certificate_file": self.certificate, "key_file": self.key},
            "storage": {"address": self.grpc_address},
            "allow_cleartext_passwords": True,
        }
        if self._tuned:
            config["failed_login_delay"] = "10ms"
        return merged(config, self._configs.get("pop3d", {}))

    def _lmtpd_config(self, lmtp):
        config = {
            "listen": [lmtp, "unix:" + self.lmtp_socket],
            "storage": {"address": self.grpc_address},
        }
        return merged(config, self._configs.get("lmtpd", {}))

    # Life ---------------------------------------------------------------------

    def start(self):
        try:
            self.storage.start()
            self.grpc_address = self.storage.addresses["X_RESTANTE_GRPC"]
            # From now on every start gets the same ports.
            self.storage.configure(self._storage_config(self.grpc_address))
            self.pop3d = Server(
                "restante-pop3d", self.dir, self._pop3d_config("127.0.0.1:0", "127.0.0.1:0"))
            self.lmtpd = Server("restante-lmtpd", self.dir, self._lmtpd_config("127.0.0.1:0"))
            self.pop3d.start(wait=False)
            self.lmtpd.start(wait=False)
            self.pop3d.wait_ready()
            self.lmtpd.wait_ready()
            self.pop3_address = self.pop3d.addresses["X_RESTANTE_POP3"]
            self.pop3s_address = self.pop3d.addresses["X_RESTANTE_POP3S"]
            self.lmtp_address = self.lmtpd.addresses["X_RESTANTE_LMTP"]
            self.pop3d.configure(self._pop3d_config(self.pop3_address, self.pop3s_address))
            self.lmtpd.configure(self._lmtpd_config(self.lmtp_address))
        except BaseException:
            self.stop(check=False)
            raise
        return self

    def servers(self):
        return [s for s in (self.lmtpd, self.pop3d, self.storage) if s is not None]

    def restart(self):
        """All services end in order and start again on the same data and ports."""
        for server in self.servers():
            code = server.stop()
            if code != 0:
                raise RuntimeError("%s ended with %s" % (server.name, code))
        self.storage.start()
        self.pop3d.start(wait=False)
        self.lmtpd.start(wait=False)
        self.pop3d.wait_ready()
        self.lmtpd.wait_ready()

    def stop(self, check=True):
        """Ends everything; a service that doesn't end cleanly is an error, and so is
        what a sanitizer found."""
        problems = []
        for server in self.servers():
            try:
                was_running = server.running()
                code = server.stop()
                if was_running and code != 0:
                    problems.append("%s ended with %s" % (server.name, code))
            except RuntimeError as error:
                problems.append(str(error))
            if server.sanitizer_found():
                problems.append("%s: a sanitizer found something\n%s" % (
                    server.name, server.sanitizer_found()))
        if problems and check:
            problems.append(self.log_tails(200 if SANITIZER else 25))
        if self._own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        if problems and check:
            raise RuntimeError("\n".join(problems))

    def log_tails(self, lines=25):
        return "".join(server.log_tail(lines) for server in self.servers())

    # Addresses ----------------------------------------------------------------

    @property
    def pop3(self):
        return split_address(self.pop3_address)

    @property
    def pop3s(self):
        return split_address(self.pop3s_address)

    @property
    def lmtp(self):
        return split_address(self.lmtp_address)

    # The operator's tool ------------------------------------------------------

    def ctl(self, *arguments, stdin="", check=True, timeout=60):
        """Runs restantectl against this stack: (exit code, stdout, stderr)."""
        done = run_ctl(["--server", self.grpc_address, *arguments], stdin, timeout)
        if check and done[0] != 0:
            raise AssertionError("restantectl %s: exit code %d\n%s%s" % (
                " ".join(arguments), done[0], done[1], done[2]))
        return done

    def ctl_json(self, *arguments, **options):
        return json.loads(self.ctl("--json", *arguments, **options)[1])

    def import_accounts(self, addresses, password):
        """Accounts by a cheap hash: for tests that don't test hashes."""
        line = "{CRYPT}" + crypt.crypt(password, "$5$rounds=1000$garden")
        path = os.path.join(self.dir, "import.tsv")
        with open(path, "w") as file:
            file.writelines("%s\t%s\n" % (address, line) for address in addresses)
        self.ctl("accounts", "import", path)

    def create_account(self, address, password="tulip", *options):
        self.ctl("accounts", "create", address, "--password-stdin", *options,
                 stdin=password + "\n")

    def version(self):
        out = subprocess.check_output([program("restante-storage"), "--version"], text=True)
        return out.strip()


class StackTest(unittest.TestCase):
    """Tests that share one stack per class; `configs` as for Stack."""

    configs = {}
    stack = None
    has_run_tests = False

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(**cls.configs).start()
        cls.addClassCleanup(cls.stop_stack)

    @classmethod
    def stop_stack(cls):
        if not cls.has_run_tests:
            sys.stderr.write(cls.stack.log_tails())
        cls.stack.stop()

    def run(self, result=None):
        type(self).has_run_tests = True
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and self.stack is not None:
            sys.stderr.write(self.stack.log_tails())


def run_ctl(arguments, stdin="", timeout=60, environment=None):
    done = subprocess.run(
        [program("restantectl"), *arguments], input=stdin, capture_output=True, text=True,
        timeout=timeout * PATIENCE, env=environment, preexec_fn=die_with_parent)
    return done.returncode, done.stdout, done.stderr


def unpacked(package):
    """The directory with the files of a package that isn't installed (.dev/packages)."""
    path = os.path.join(SOURCE_DIR, "build", "unpacked", package)
    if not os.path.isdir(path):
        raise RuntimeError("%s isn't there: ./dev test unpacks it, or for rivals ./dev bench" % path)
    return path


def make_certificate(directory):
    """A self-signed certificate for localhost and 127.0.0.1."""
    certificate = os.path.join(directory, "certificate.pem")
    key = os.path.join(directory, "key.pem")
    if not os.path.exists(certificate):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
    return certificate, key


def merged(base, over):
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merged(result[key], value)
        if value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def split_address(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def free_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def eventually(attempt, timeout, what):
    """Calls `attempt` until it answers something true, as a client that tries again
    would; its answer and the seconds that it took."""
    begin = time.monotonic()
    while True:
        answer = attempt()
        took = time.monotonic() - begin
        if answer:
            return answer, took
        if took > timeout:
            raise AssertionError("%s: not within %.1f s" % (what, timeout))
        time.sleep(0.02)


def main():
    """Every test file ends with this."""
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(module="__main__", verbosity=2)
