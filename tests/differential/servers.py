"""The two servers that are compared, Debian's Dovecot and the programs of this build,
each as a private instance with the same accounts and the same mail.

Dovecot is set up as for the bench (tests/bench/servers.py), but to follow RFC 1939
where it can be: messages are read from a Maildir that has them octet for octet, and
nothing waits to slow down who guesses passwords.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402
from clients import Lmtp  # noqa: E402

# It has a space, which PASS takes and USER doesn't.
PASSWORD = "tulip garden"
CONFIGURATION = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = pop3
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{dir}/certificate.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
mail_location = maildir:{dir}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_max_userip_connections = 0
mail_fsync = never
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
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
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


class Dovecot:
    name = "Dovecot"

    def __init__(self, accounts):
        self.dir = tempfile.mkdtemp(prefix="restante-dovecot-")
        os.chmod(self.dir, 0o755)  # its processes have users of their own
        if os.geteuid() == 0:
            internal, group, login = "dovecot", "dovecot", "dovenull"
            owner = pwd.getpwnam("mail")
        else:
            owner = pwd.getpwuid(os.geteuid())
            internal = login = owner.pw_name
            group = subprocess.check_output(["id", "-gn"], text=True).strip()
        self._owner = owner.pw_uid, owner.pw_gid
        port = harness.free_port()
        self.address = "127.0.0.1", port
        harness.make_certificate(self.dir)
        with open(os.path.join(self.dir, "passwd"), "w") as file:
            file.writelines("%s:{PLAIN}%s::::::\n" % (name, PASSWORD) for name in accounts)
        for name in ("mail", "home"):
            self._make_directory(os.path.join(self.dir, name))
        path = os.path.join(self.dir, "dovecot.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(
                dir=self.dir, internal=internal, internal_group=group, login=login,
                uid=owner.pw_uid, gid=owner.pw_gid, port=port))
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", path],
            stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        try:
            harness.eventually(self._answers, 20, "Dovecot's greeting")
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError("Dovecot has ended\n" + self.log_tails())
        try:
            with socket.create_connection(self.address, 5) as connection:
                return connection.recv(100)
        except ConnectionRefusedError:
            return None

    def _make_directory(self, path):
        os.mkdir(path)
        os.chown(path, *self._owner)

    def maildir(self, account):
        return os.path.join(self.dir, "mail", account)

    def deliver(self, number, message, accounts):
        """Message `number` of each account; numbers give the order. One file for all,
        as Dovecot never writes to it."""
        first = None
        for account in accounts:
            maildir = self.maildir(account)
            if not os.path.exists(maildir):
                for path in (maildir, maildir + "/new", maildir + "/cur", maildir + "/tmp"):
                    self._make_directory(path)
            path = os.path.join(maildir, "new", "%d.M1.localhost" % (1700000000 + number))
            if first is None:
                with open(path, "wb") as file:
                    file.write(message)
                os.chown(path, *self._owner)
                first = path
            else:
                os.link(first, path)

    def log_tails(self):
        path = os.path.join(self.dir, "dovecot.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()[-3000:]

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Restante:
    name = "Restante"

    def __init__(self, accounts):
        self._stack = harness.Stack()
        self._stack.start()
        try:
            self._stack.import_accounts(accounts, PASSWORD)
        except BaseException:
            self.stop()
            raise
        self.address = self._stack.pop3
        self._lmtp = None

    def deliver(self, _, message, accounts):
        if self._lmtp is None:
            self._lmtp = Lmtp(self._stack.lmtp).lhlo()
        for first in range(0, len(accounts), 100):
            for code, text in self._lmtp.deliver(message, accounts[first:first + 100]):
                assert code == 250, text

    def log_tails(self):
        return self._stack.log_tails()

    def stop(self):
        if getattr(self, "_lmtp", None) is not None:
            self._lmtp.close()
        self._stack.stop()
