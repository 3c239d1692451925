"""Debian's Cyrus, unpacked and not installed: its packages exclude those of the other
POP3 servers.

POP3 and LMTP processes are there before anybody asks, are used again, and are not
limited in number; the check for duplicates, which has nothing to find, is off. Passwords
are in the clear in a sasldb. What it syncs is what it syncs by default. Each session
writes to several databases and syncs them.
"""

import os
import resource
import shutil
import subprocess

import harness
from . import PASSWORD, CannotRun, Owner, Server, free_addresses, run

PACKAGES = ("cyrus-common", "cyrus-pop3d", "libical3", "libxapian30", "db5.3-util")

CONFIGURATION = """
configdirectory: {dir}/conf
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
partition-default: {dir}/spool
defaultpartition: default
cyrus_user: {user}
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasldb2
autocreate_quota: 0
autocreate_post: yes
duplicatesuppression: no
popminpoll: 0
tls_server_cert: {dir}/certificate.pem
tls_server_key: {dir}/key.pem
maxlogins_per_host: 0
maxlogins_per_user: 0
"""

SERVICES = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  pop3 cmd="{bin}/pop3d -C {dir}/imapd.conf -U 256" listen="{pop3}" prefork=16 maxchild=-1 {more}
  pop3s cmd="{bin}/pop3d -C {dir}/imapd.conf -s -U 256" listen="{pop3s}" prefork=4 maxchild=-1 {more}
  lmtp cmd="{bin}/lmtpd -C {dir}/imapd.conf -a" listen="{lmtp}" prefork=32 maxchild=-1 {more}
}}
EVENTS {{
}}
"""


class Cyrus(Server):
    key = "cyrus"
    title = "Cyrus"
    most_accounts = 1000  # it makes some tens of mailboxes a second

    def __init__(self, directory, groups):
        try:
            sources = [harness.unpacked(package) for package in PACKAGES]
        except RuntimeError as error:
            raise CannotRun(str(error)) from error
        super().__init__(directory, groups)
        # In one place, which the user that Cyrus runs as can reach.
        self._root = os.path.join(self.dir, "root")
        for source in sources:
            shutil.copytree(source, self._root, symlinks=True, dirs_exist_ok=True)
        self._environment = dict(
            os.environ, LD_LIBRARY_PATH=os.path.join(self._root, "usr/lib/x86_64-linux-gnu"))
        self._bin = os.path.join(self._root, "usr/lib/cyrus/bin")
        self.pop3, self.pop3s, self.lmtp = free_addresses(3)
        owner = Owner()
        values = {"dir": self.dir, "bin": self._bin, "user": owner.name, "pop3": self.pop3,
                  "pop3s": self.pop3s, "lmtp": self.lmtp,
                  "more": "maxforkrate=1000 maxfds=%d" % resource.getrlimit(
                      resource.RLIMIT_NOFILE)[1]}
        for name, text in (("imapd.conf", CONFIGURATION), ("cyrus.conf", SERVICES)):
            with open(os.path.join(self.dir, name), "w") as file:
                file.write(text.format(**values))
        harness.make_certificate(self.dir)
        self._write_passwords()
        for name in ("conf", "conf/socket", "proc", "lock", "spool"):
            owner.make(os.path.join(self.dir, name))
        for name in ("", "sasldb2", "certificate.pem", "key.pem"):
            os.chown(os.path.join(self.dir, name), owner.uid, owner.gid)
        self._start()

    def _write_passwords(self):
        """As saslpasswd2 would, one after the other: user, realm and property, with NULs
        between, lead to the password."""
        lines = ["VERSION=3", "format=bytevalue", "type=hash", "HEADER=END"]
        for name in self.all_names():
            key = b"\0".join((name.encode(), os.uname().nodename.encode(), b"userPassword"))
            lines += [" " + key.hex(), " " + PASSWORD.encode().hex()]
        lines.append("DATA=END\n")
        run([os.path.join(self._root, "usr/bin/db5.3_load"),
             os.path.join(self.dir, "sasldb2")], input="\n".join(lines))

    def _start(self):
        with open(os.path.join(self.dir, "master.log"), "ab") as log:
            self._master = subprocess.Popen(
                [os.path.join(self._bin, "master"),
                 "-C", os.path.join(self.dir, "imapd.conf"),
                 "-M", os.path.join(self.dir, "cyrus.conf"),
                 "-D", "-p", os.path.join(self.dir, "master.pid")],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=harness.die_with_parent)
        self.await_answers(self._master, self.pop3, self.lmtp, seconds=30)

    def roots(self):
        return [self._master.pid]

    def restart(self):
        self.stop()
        self._start()

    def version(self):
        with open(os.path.join(harness.unpacked("cyrus-common"),
                               "usr/share/doc/cyrus-common/changelog.Debian.gz"), "rb") as file:
            changelog = subprocess.run(["zcat"], stdin=file, capture_output=True).stdout
        return "Cyrus " + changelog.decode().split("(")[1].split(")")[0]

    def log_tail(self):
        return self.read_log("master.log") + "(Cyrus logs to syslog)\n"

    def stop(self):
        if self._master.poll() is None:
            self._master.terminate()
            self._master.wait(60)
