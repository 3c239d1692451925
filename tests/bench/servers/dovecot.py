"""Debian's Dovecot 2.3, tuned as its documentation says for many sessions, with
Maildir or with sdbox.

Its "high-performance mode": login processes serve many connections each and stay, one
for each core; processes of POP3 and LMTP are used again and there are some before
anybody asks. Passwords are in the clear and cached. Sessions don't write flags, Maildirs
aren't looked through without need. fsync is as Dovecot has it by default: what was
answered 250 is on the disk.
"""

import os
import resource
import signal
import subprocess

import harness
from . import PASSWORD, CannotRun, Owner, Server, free_addresses, port, run

CONFIGURATION = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = pop3 lmtp
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 64 M
auth_cache_ttl = 1 hour
auth_cache_verify_password_with_worker = no
mail_location = {format}:{dir}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_max_userip_connections = 0
maildir_very_dirty_syncs = yes
pop3_no_flag_updates = yes
pop3_uidl_format = %08Xu%08Xv
namespace inbox {{
  inbox = yes
  separator = /
}}
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
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = {cores}
  client_limit = {descriptors}
  chroot =
}}
service pop3 {{
  service_count = 256
  process_min_avail = 16
  process_limit = 12000
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
  service_count = 0
  process_min_avail = 32
  process_limit = 300
}}
service auth {{
  client_limit = {descriptors}
}}
service anvil {{
  client_limit = {descriptors}
}}
service stats {{
  client_limit = {descriptors}
}}
service log {{
  client_limit = {descriptors}
}}
default_vsz_limit = 1 G
"""


class Dovecot(Server):
    mail_format = ""

    def __init__(self, directory, groups):
        for needed in ("/usr/sbin/dovecot", "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/lmtp"):
            if not os.path.exists(needed):
                raise CannotRun("%s isn't installed" % needed)
        super().__init__(directory, groups)
        owner = Owner()
        internal, group, login = (("dovecot", "dovecot", "dovenull") if os.geteuid() == 0
                                  else (owner.name, owner.my_group, owner.name))
        self.pop3, self.pop3s, self.lmtp = free_addresses(3)
        with open(os.path.join(self.dir, "passwd"), "w") as file:
            file.writelines("%s:{PLAIN}%s::::::\n" % (name, PASSWORD)
                            for name in self.all_names())
        self._mail = owner.make(os.path.join(self.dir, "mail"))
        self._owner = owner
        owner.make(os.path.join(self.dir, "home"))
        # Each client of a process is a descriptor of it.
        descriptors = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 40000)
        certificate, key = harness.make_certificate(self.dir)
        self._config = os.path.join(self.dir, "dovecot.conf")
        with open(self._config, "w") as file:
            file.write(CONFIGURATION.format(
                dir=self.dir, internal=internal, group=group, login=login, uid=owner.uid,
                gid=owner.gid, certificate=certificate, key=key, format=self.mail_format,
                pop3=port(self.pop3), pop3s=port(self.pop3s), lmtp=port(self.lmtp),
                cores=os.cpu_count(), descriptors=descriptors))
        self._start()

    def _start(self):
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", self._config],
            stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        self.await_answers(self._process, self.pop3, self.lmtp)

    def roots(self):
        return [self._process.pid]

    def restart(self):
        self.stop()
        self._start()

    def version(self):
        return "Dovecot " + run(["/usr/sbin/dovecot", "--version"]).split()[0]

    def log_tail(self):
        return self.read_log("dovecot.log")

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)


class Maildir(Dovecot):
    key = "dovecot-maildir"
    title = "Dovecot Maildir"
    mail_format = "maildir"

    def make_large(self, group, load, octets, messages):
        # Files as Dovecot itself would have written them; it indexes them when it first
        # looks, which isn't measured.
        self.write_maildirs(self._mail, group, load, octets, messages)


class Sdbox(Dovecot):
    key = "dovecot-sdbox"
    title = "Dovecot sdbox"
    mail_format = "sdbox"

    def make_large(self, group, load, octets, messages):
        import_dir = self._owner.make(os.path.join(self.dir, "import"))
        self.write_maildirs(import_dir, group, load, octets, messages)
        for user in self.names[group]:
            # Dovecot's own way from one format to another.
            run(["doveadm", "-c", self._config, "-o", "mail_fsync=never", "backup", "-R",
                 "-u", user, "maildir:" + os.path.join(import_dir, user)])
