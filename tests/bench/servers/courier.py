"""Debian's Courier POP3, unpacked and not installed: its packages exclude those of the
other POP3 servers.

Its paths are fixed at compile time, so it runs in a mount namespace of its own in which
/usr and /etc have its files laid over them and /run is a directory of the bench's. As
many processes as sessions want are allowed, authdaemond has ten, and passwords are in its
userdb under a cheap hash. It has no LMTP: mail is put into its Maildirs.
"""

import crypt
import os
import shutil
import subprocess

import harness
from . import PASSWORD, CannotRun, Owner, Server, free_addresses, port, run

PACKAGES = ("courier-pop", "courier-base", "courier-authdaemon", "courier-authlib",
            "courier-authlib-userdb", "libcourier-unicode4", "libgamin0", "libltdl7")

AUTHDAEMON = """
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=10
authdaemonvar=/run/courier/authdaemon
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
LOGGEROPTS=""
"""

SCRIPT = """
set -e
mount --bind {dir}/run /run
mount -t overlay -o lowerdir={dir}/root/etc:/etc overlay /etc
mount -t overlay -o lowerdir={dir}/root/usr:/usr overlay /usr
set -a
. /etc/courier/authdaemonrc
/usr/lib/courier/courier-authlib/authdaemond &
MAXDAEMONS=20000 MAXPERIP=20000 POP3_PROXY=0 POP3_TLS_REQUIRED=0
MAILDIRPATH=. TCPDOPTS="-nodnslookup -noidentlookup"
TLS_CERTFILE={dir}/tls.pem TLS_VERIFYPEER=NONE TLS_PROTOCOL=TLS1 TLS_STARTTLS_PROTOCOL=TLS1
login="/usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d ."
pop3d="/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=20000 -maxperip=20000 $TCPDOPTS"
$pop3d {pop3} $login &
POP3_TLS=1 POP3_STARTTLS=NO $pop3d {pop3s} /usr/bin/couriertls -server -tcpd $login &
wait
"""


class Courier(Server):
    key = "courier"
    title = "Courier"

    def __init__(self, directory, groups):
        try:
            sources = [harness.unpacked(package) for package in PACKAGES]
        except RuntimeError as error:
            raise CannotRun(str(error)) from error
        self._namespace = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if os.geteuid() != 0:
            self._namespace.append("--map-root-user")
        if subprocess.run(self._namespace + ["mount", "--bind", directory, "/run"],
                          capture_output=True).returncode != 0:
            raise CannotRun("its fixed paths need a mount namespace, which isn't allowed here")
        super().__init__(directory, groups)
        root = os.path.join(self.dir, "root")
        for source in sources:
            shutil.copytree(source, root, symlinks=True, dirs_exist_ok=True)
        owner = Owner()
        self.maildirs = owner.make(os.path.join(self.dir, "mail"))
        for name in self.all_names():
            for folder in ("", "cur", "new", "tmp"):
                owner.make(os.path.join(self.maildirs, name, folder))
        os.makedirs(os.path.join(self.dir, "run/courier/authdaemon"))
        self._write_users(root, owner)
        certificate, key = harness.make_certificate(self.dir)
        with open(os.path.join(self.dir, "tls.pem"), "w") as file:
            for part in (key, certificate):
                with open(part) as source:
                    file.write(source.read())
        self.pop3, self.pop3s = free_addresses(2)
        self._script = os.path.join(self.dir, "start.sh")
        with open(self._script, "w") as file:
            file.write(SCRIPT.format(dir=self.dir, pop3=port(self.pop3),
                                     pop3s=port(self.pop3s)))
        self._start()

    def _write_users(self, root, owner):
        """The database that makeuserdb makes."""
        etc = os.path.join(root, "etc/courier")
        with open(os.path.join(etc, "authdaemonrc"), "w") as file:
            file.write(AUTHDAEMON)
        secret = crypt.crypt(PASSWORD, "$5$rounds=1000$garden")
        # Inside a user namespace of our own we are root, and the mail is root's.
        uid, gid = (owner.uid, owner.gid) if os.geteuid() == 0 else (0, 0)
        path = os.path.join(etc, "userdb")
        with open(path, "w") as file:
            for name in self.all_names():
                home = os.path.join(self.maildirs, name)
                file.write("%s\tuid=%d|gid=%d|home=%s|mail=%s|systempw=%s\n" % (
                    name, uid, gid, home, home, secret))
        os.chmod(path, 0o600)
        run(self._namespace + ["sh", "-c", "mount -t overlay -o lowerdir={0}/usr:/usr overlay "
                               "/usr && makeuserdb -f {1}".format(root, path)])

    def _start(self):
        with open(os.path.join(self.dir, "courier.log"), "ab") as log:
            self._process = subprocess.Popen(
                self._namespace + ["sh", self._script], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=harness.die_with_parent)
        self.await_answers(self._process, self.pop3)

    def roots(self):
        return [self._process.pid]

    def restart(self):
        self.stop()
        self._start()

    def version(self):
        with open(os.path.join(harness.unpacked("courier-pop"),
                               "usr/share/doc/courier-pop/changelog.Debian.gz"), "rb") as file:
            changelog = subprocess.run(["zcat"], stdin=file, capture_output=True).stdout
        return "Courier " + changelog.decode().split("(")[1].split(")")[0]

    def log_tail(self):
        return self.read_log("courier.log")

    def stop(self):
        # The namespace's first process takes all others along.
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(60)
