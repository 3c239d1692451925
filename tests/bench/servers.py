"""The servers that ./dev bench compares, each as a private instance: its own
directory, free ports on loopback, nothing of the system's touched.

A server is made with groups of accounts, {prefix: count}; it then has `pop3` and
`lmtp` (HOST:PORT), `users[prefix]`, the load generator's file of that group, and
`stop()`.
"""

import os
import pwd
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness  # noqa: E402

PASSWORD = "tulip"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def account_names(groups):
    return {prefix: ["%s%04d" % (prefix, i) for i in range(count)]
            for prefix, count in groups.items()}


def write_users_files(directory, names):
    files = {}
    for prefix, members in names.items():
        files[prefix] = os.path.join(directory, "users-" + prefix)
        with open(files[prefix], "w") as file:
            file.writelines("%s\t%s\n" % (name, PASSWORD) for name in members)
    return files


DOVECOT_CONF = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = pop3 lmtp
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 64 M
auth_cache_ttl = 1 hour
auth_cache_verify_password_with_worker = no
mail_location = maildir:{dir}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_max_userip_connections = 0
pop3_uidl_format = %08Xu%08Xv
passdb {{
  driver = passwd-file
  args = {dir}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%u
}}
# "High-performance mode": the login process serves many connections, and there is
# one for each core.
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
  process_min_avail = {cores}
  chroot =
}}
service pop3 {{
  service_count = 256
  process_min_avail = 16
  process_limit = 2048
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  service_count = 0
  process_min_avail = 32
  process_limit = 300
}}
service auth {{
  client_limit = 8192
}}
service anvil {{
  client_limit = 8192
}}
default_client_limit = 4096
default_vsz_limit = 1 G
"""


class Dovecot:
    name = "dovecot"

    def __init__(self, directory, groups):
        self.dir = os.path.join(directory, "dovecot")
        os.makedirs(self.dir)
        if os.geteuid() == 0:
            internal, group, login = "dovecot", "dovecot", "dovenull"
            owner = pwd.getpwnam("mail")
            uid, gid = owner.pw_uid, owner.pw_gid
        else:
            me = pwd.getpwuid(os.geteuid())
            internal = login = me.pw_name
            group = subprocess.check_output(["id", "-gn"], text=True).strip()
            uid, gid = me.pw_uid, me.pw_gid
        pop3_port, lmtp_port = free_ports(2)
        self.pop3 = "127.0.0.1:%d" % pop3_port
        self.lmtp = "127.0.0.1:%d" % lmtp_port
        names = account_names(groups)
        self.users = write_users_files(self.dir, names)
        with open(os.path.join(self.dir, "passwd"), "w") as file:
            for members in names.values():
                file.writelines("%s:{PLAIN}%s::::::\n" % (name, PASSWORD) for name in members)
        for name in ("mail", "home"):
            path = os.path.join(self.dir, name)
            os.mkdir(path)
            os.chown(path, uid, gid)
        config = os.path.join(self.dir, "dovecot.conf")
        with open(config, "w") as file:
            file.write(DOVECOT_CONF.format(
                dir=self.dir, internal=internal, internal_group=group, login=login, uid=uid,
                gid=gid, pop3_port=pop3_port, lmtp_port=lmtp_port, cores=os.cpu_count()))
        self.process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", config],
            stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        for port in (pop3_port, lmtp_port):
            harness.eventually(lambda: self._answers(port), 20, "Dovecot on port %d" % port)

    def _answers(self, port):
        if self.process.poll() is not None:
            raise RuntimeError("Dovecot has ended\n" + self.log_tail())
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                return connection.recv(100)
        except ConnectionRefusedError:
            return None

    def version(self):
        return "Dovecot " + subprocess.check_output(["/usr/sbin/dovecot", "--version"], text=True).split()[0]

    def log_tail(self):
        path = os.path.join(self.dir, "dovecot.log")
        return open(path, errors="replace").read()[-3000:] if os.path.exists(path) else ""

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


class Restante:
    name = "restante"

    def __init__(self, directory, groups):
        # Defaults of the product, apart from ports and the directory: what is
        # measured is what an operator gets.
        self.stack = harness.Stack(os.path.join(directory, "restante"), tuned_for_tests=False)
        self.stack.start()
        names = account_names(groups)
        self.users = write_users_files(self.stack.dir, names)
        self.stack.import_accounts([n for members in names.values() for n in members], PASSWORD)
        self.pop3 = self.stack.pop3_address
        self.lmtp = self.stack.lmtp_address

    def version(self):
        return self.stack.version()

    def log_tail(self):
        return self.stack.log_tails()

    def stop(self):
        self.stack.stop()
