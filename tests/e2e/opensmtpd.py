"""Debian's OpenSMTPD, unpacked and not installed (.dev/packages). Its build names its users
and directories; it gets them in a mount namespace of its own. That takes root.
"""

import os
import shutil
import subprocess

import harness
from mta import Mta

# Its root is $1, its files are in $2; what it writes is gone with it.
START = """
mount --make-rprivate / && mount --bind "$1/etc" /etc &&
mount -t tmpfs none /usr/libexec && cp -r "$2/usr/libexec/opensmtpd" /usr/libexec/ &&
mount -t tmpfs none /var/lib && mkdir -p /var/lib/opensmtpd/empty &&
mount -t tmpfs none /var/spool && mkdir -m 711 /var/spool/smtpd &&
mount -t tmpfs none /run &&
exec "$2/usr/sbin/smtpd" -d -f "$1/smtpd.conf"
"""


class OpenSmtpd(Mta):
    """`snippet` as shipped, with its paths replaced."""

    name = "OpenSMTPD"

    def __init__(self, directory, snippet):
        self.dir = directory
        self.port = harness.free_port()
        self.daemon = None
        os.chmod(directory, 0o755)
        with open(os.path.join(directory, "smtpd.conf"), "w") as file:
            file.write("listen on 127.0.0.1 port %d hostname mx.test\n%s" % (self.port, snippet))
        os.chmod(os.path.join(directory, "smtpd.conf"), 0o600)
        etc = os.path.join(directory, "etc")
        shutil.copytree("/etc", etc, symlinks=True)
        # By the ids of users that every Debian system has.
        for name, line in (("passwd", "%s:x:%d:%d::/:/usr/sbin/nologin\n"),
                           ("group", "%s:x:%d:\n")):
            with open(os.path.join(etc, name), "r+") as file:
                others = file.read()
                file.seek(0)
                for user, number in (("opensmtpd", 8), ("opensmtpq", 9)):
                    file.write(line % ((user, number, number)[:line.count("%")]))
                file.write(others)

    def start(self):
        with open(os.path.join(self.dir, "output"), "wb") as output:
            self.daemon = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", START, "sh", self.dir,
                 harness.unpacked("opensmtpd")],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=harness.die_with_parent)
        self.await_start()
        return self

    def queue(self):
        """Ids of the messages that it still has."""
        folder = "/proc/%d/root/var/spool/smtpd/queue" % self.daemon.pid
        return [os.path.basename(path) for path, _, names in os.walk(folder)
                if "message" in names]

    def log(self):
        with open(os.path.join(self.dir, "output"), errors="replace") as file:
            return file.read()

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(30 * harness.PATIENCE)
