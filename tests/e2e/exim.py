"""Debian's Exim in a directory of its own, unpacked and not installed (.dev/packages). Its
build names its user and the file of its configuration; it gets both in a copy of /etc, in a
mount namespace of its own. That takes root.
"""

import os
import shutil
import subprocess

import harness
from mta import Mta

CONFIGURATION = """
exim_path = {program}
keep_environment =
spool_directory = {dir}/spool
log_file_path = {dir}/log/%slog
pid_file_path = {dir}/exim.pid
primary_hostname = mx.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = {tls}
tls_certificate = {certificate}
tls_privatekey = {key}
acl_smtp_rcpt = acl_rcpt

begin acl
acl_rcpt:
  deny message = relay not permitted
       !domains = example.org
       !authenticated = *
{acl}
  accept

begin routers
{routers}

begin transports
{transports}

begin retry
* * F,1d,1s

begin authenticators
{authenticators}
"""
SECTIONS = {"the section of routers": "routers", "the section of transports": "transports",
            "the section of authenticators": "authenticators",
            "the access control list for RCPT": "acl"}


def sections(text):
    """The parts of a snippet, by the section that its comments say they belong to."""
    parts = {}
    current = None
    for line in text.splitlines():
        for words, name in SECTIONS.items():
            if line.startswith("# In " + words):
                current = name
        if current is not None and not line.startswith("#"):
            parts.setdefault(current, []).append(line)
    return {name: "\n".join(lines) for name, lines in parts.items()}


class Exim(Mta):
    """`snippet` as shipped, with its paths replaced; `certificate` and `key` for STARTTLS."""

    name = "Exim"

    def __init__(self, directory, snippet, certificate="", key=""):
        self.dir = directory
        self.port = harness.free_port()
        # With set-user-ID, which is how it gets its rights back; LD_LIBRARY_PATH doesn't count
        # then, so its libraries are in this /etc's cache.
        self._program = os.path.join(directory, "exim4")
        shutil.copyfile(os.path.join(harness.unpacked("exim4-daemon-heavy"), "usr/sbin/exim4"),
                        self._program)
        os.chmod(self._program, 0o4755)
        if key:
            # Its processes read it as its user.
            key = shutil.copy(key, directory)
            shutil.chown(key, "mail")
        parts = dict.fromkeys(SECTIONS.values(), "")
        parts.update(sections(snippet))
        etc = os.path.join(directory, "etc")
        shutil.copytree("/etc", etc, symlinks=True)
        os.mkdir(os.path.join(etc, "exim4"))
        with open(os.path.join(etc, "exim4", "exim4.conf"), "w") as file:
            file.write(CONFIGURATION.format(
                dir=directory, program=self._program, port=self.port,
                tls="*" if certificate else "", certificate=certificate, key=key, **parts))
        os.chmod(directory, 0o755)
        for name in ("spool", "log"):
            path = os.path.join(directory, name)
            os.mkdir(path)
            shutil.chown(path, "mail", "mail")
        # Who it runs as, by the ids of a user that every Debian system has.
        for name, line in (("passwd", "Debian-exim:x:8:8::/:/usr/sbin/nologin\n"),
                           ("group", "Debian-exim:x:8:\n")):
            with open(os.path.join(etc, name), "r+") as file:
                others = file.read()
                file.seek(0)
                file.write(line + others)
        with open(os.path.join(etc, "ld.so.conf"), "a") as file:
            for package in ("libmariadb3", "libspf2-2"):
                for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib"):
                    file.write("%s\n" % os.path.join(harness.unpacked(package), folder))
        subprocess.run(["/sbin/ldconfig", "-X", "-f", os.path.join(etc, "ld.so.conf"),
                        "-C", os.path.join(etc, "ld.so.cache")],
                       check=True, capture_output=True)
        self.daemon = None

    def start(self):
        script = ('mount --make-rprivate / && mount --bind "$1/etc" /etc && '
                  'exec "$2" -bdf -q1s')
        with open(os.path.join(self.dir, "output"), "wb") as output:
            self.daemon = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script, "sh", self.dir, self._program],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=harness.die_with_parent)
        self.await_start()
        return self

    def flush(self):
        """Tries everything in the queue again, now."""
        subprocess.run(["nsenter", "-t", str(self.daemon.pid), "-m", self._program, "-qff"],
                       check=True, timeout=60 * harness.PATIENCE)

    def queue(self):
        """Ids of the messages that it still has."""
        return [name[:-2] for _, _, names in os.walk(os.path.join(self.dir, "spool", "input"))
                for name in names if name.endswith("-H")]

    def log(self):
        text = ""
        for name in ("output", "log/mainlog", "log/paniclog"):
            try:
                with open(os.path.join(self.dir, name), errors="replace") as file:
                    text += file.read()
            except FileNotFoundError:
                pass
        return text

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(30 * harness.PATIENCE)
