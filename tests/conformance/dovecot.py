"""Debian's dovecot-pop3d as a server to play cases against: a private instance in a
temporary directory, on free ports of loopback.

It is set up to follow RFC 1939 where it can be (an exclusive lock, the octets of a
message as they are), and not to be slowed down by its guards against guessing.
"""

import base64
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

import servers
from servers import harness

# Of each kind; a case uses one or two.
PLAIN_ACCOUNTS = 600
OTHER_ACCOUNTS = 8

# With pop3_lock_session a second session waits for the lock; Dovecot has no setting
# for how long.
CONFIGURATION = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = pop3
listen = 127.0.0.1, 127.0.0.2
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{dir}/certificate.pem
ssl_key = <{dir}/key.pem
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
auth_username_chars =
mail_location = maildir:{dir}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_max_userip_connections = 0
pop3_uidl_format = %08Xu%08Xv
pop3_lock_session = yes
pop3_no_flag_updates = yes
passdb {{
  driver = passwd-file
  args = {dir}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%u
}}
# A remote address that is the local one counts as secure; this one isn't.
local 127.0.0.2 {{
  disable_plaintext_auth = yes
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
  chroot =
}}
service pop3 {{
  service_count = 256
  process_min_avail = 4
  process_limit = 256
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
default_client_limit = 1024
"""


class Dovecot(servers.Server):
    name = "dovecot"
    provides = frozenset(("tls", "strict"))

    def __init__(self):
        super().__init__()
        self.dir = tempfile.mkdtemp(prefix="restante-dovecot-")
        os.chmod(self.dir, 0o755)
        self._messages = itertools.count(1)
        if os.geteuid() == 0:
            internal, group, login = "dovecot", "dovecot", "dovenull"
            owner = pwd.getpwnam("mail")
        else:
            owner = pwd.getpwuid(os.geteuid())
            internal = login = owner.pw_name
            group = subprocess.check_output(["id", "-gn"], text=True).strip()
        self._owner = owner.pw_uid, owner.pw_gid
        pop3, pop3s = free_ports(2)
        self.endpoints = {
            "pop3": (("127.0.0.1", pop3), False),
            "tls": (("127.0.0.1", pop3s), True),
            "strict": (("127.0.0.2", pop3), False),
        }
        harness.make_certificate(self.dir)
        self._write_accounts()
        for name in ("mail", "home"):
            self._make_directory(os.path.join(self.dir, name))
        path = os.path.join(self.dir, "dovecot.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(
                dir=self.dir, internal=internal, internal_group=group, login=login,
                uid=owner.pw_uid, gid=owner.pw_gid, pop3_port=pop3, pop3s_port=pop3s))
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", path],
            stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        try:
            harness.eventually(self._answers, 20, "Dovecot's greeting")
        except BaseException:
            self.stop()
            raise

    def _write_accounts(self):
        self._accounts = {}
        with open(os.path.join(self.dir, "passwd"), "w", encoding="utf-8") as file:
            for kind, (name, password) in servers.KINDS.items():
                count = PLAIN_ACCOUNTS if kind == "plain" else OTHER_ACCOUNTS
                users = [(name or kind + "%d@example.org") % i for i in range(count)]
                self._accounts[kind] = [(user, password) for user in users]
                secret = base64.b64encode(os.fsencode(password)).decode()
                file.writelines("%s:{PLAIN.B64}%s::::::\n" % (user, secret) for user in users)

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError("Dovecot has ended\n" + self.log_tails())
        try:
            with socket.create_connection(self.endpoints["pop3"][0], 5) as connection:
                return connection.recv(100)
        except ConnectionRefusedError:
            return None

    def _make_directory(self, path):
        os.mkdir(path)
        os.chown(path, *self._owner)

    def account(self, kind):
        with self._lock:
            free = self._accounts.get(kind)
            return free.pop() if free else None

    def deliver(self, user, octets, kind=""):
        """Into the Maildir itself: Dovecot's own delivery agents add fields, and end the
        last line."""
        maildir = os.path.join(self.dir, "mail", user)
        if not os.path.exists(maildir):
            for path in (maildir, maildir + "/new", maildir + "/cur", maildir + "/tmp"):
                self._make_directory(path)
        name = "%d.M%d.localhost" % (1700000000 + next(self._messages), os.getpid())
        path = os.path.join(maildir, "tmp", name)
        if octets and not octets.endswith(b"\n"):
            octets += b"\r\n"
        with open(path, "wb") as file:
            file.write(octets)
        os.chown(path, *self._owner)
        os.rename(path, os.path.join(maildir, "new", name))

    def version(self):
        return "Dovecot " + subprocess.check_output(
            ["/usr/sbin/dovecot", "--version"], text=True).split()[0]

    def log_tails(self):
        path = os.path.join(self.dir, "dovecot.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()[-3000:]

    def stop(self, check=True):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
