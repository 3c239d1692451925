"""POP3 servers that mail comes from, Courier and Cyrus, by their own programs in a
directory. They are unpacked and not installed (.dev/packages), since Debian's POP3 servers
exclude each other.
"""

import os
import pwd
import re
import shutil
import subprocess

import harness
from clients import Lmtp, Pop3


def courier_mail(directory):
    """What Courier gives out of directory/Maildir: UIDL and message, in its order. It notes
    the UIDLs in that Maildir."""
    uidls = [line.split(b" ", 1)[1].decode()
             for line in _courier(directory, b"UIDL")[0].split(b"\r\n")[1:]]
    messages = _courier(directory, *[b"RETR %d" % n for n in range(1, len(uidls) + 1)])
    return [(uidl, message.split(b"\r\n", 1)[1].replace(b"\r\n..", b"\r\n.") + b"\r\n")
            for uidl, message in zip(uidls, messages, strict=True)]


def _courier(directory, *commands):
    """The replies of several lines to these commands, without their ends."""
    libraries = [os.path.join(harness.unpacked("courier-authlib"), "usr/lib"),
                 os.path.join(harness.unpacked("libcourier-unicode4"), "usr/lib/x86_64-linux-gnu")]
    program = os.path.join(harness.unpacked("courier-pop"),
                           "usr/lib/courier/courier/courierpop3d")
    # What courierpop3login, which asks for the password, hands over.
    login = {"AUTHENTICATED": "ann", "AUTHADDR": "ann", "AUTHOPTIONS": ""}
    done = subprocess.run(
        [program, "Maildir"], cwd=directory, capture_output=True, timeout=60, check=True,
        input=b"".join(command + b"\r\n" for command in commands + (b"QUIT",)),
        env=dict(login, HOME=directory, LD_LIBRARY_PATH=":".join(libraries)))
    greeting, replies = done.stdout.split(b"\r\n", 1)
    assert greeting.startswith(b"+OK"), done
    return replies.split(b"\r\n.\r\n")[:-1]


CYRUS_PACKAGES = ("cyrus-common", "cyrus-pop3d", "libical3", "libxapian30", "sasl2-bin")
CYRUS_CONFIGURATION = """
configdirectory: {dir}/conf
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
partition-default: {dir}/spool
defaultpartition: default
cyrus_user: {user}
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasldb2
autocreate_quota: 0
autocreate_post: yes
"""
CYRUS_SERVICES = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  pop3 cmd="{bin}/pop3d -C {dir}/imapd.conf" listen="127.0.0.1:{pop3}"
  lmtp cmd="{bin}/lmtpd -C {dir}/imapd.conf -a" listen="127.0.0.1:{lmtp}"
}}
EVENTS {{
}}
"""


class Cyrus:
    """A Cyrus server with one user, from its start to stop()."""

    USER, PASSWORD = "ann", "tulip"

    def __init__(self, directory):
        self._dir = directory
        # In one place, which the user that Cyrus runs as can reach.
        self._root = os.path.join(directory, "root")
        for package in CYRUS_PACKAGES:
            shutil.copytree(harness.unpacked(package), self._root, symlinks=True,
                            dirs_exist_ok=True)
        self._environment = dict(
            os.environ, LD_LIBRARY_PATH=os.path.join(self._root, "usr/lib/x86_64-linux-gnu"))
        owner = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.pop3 = "127.0.0.1", harness.free_port()
        self.lmtp = "127.0.0.1", harness.free_port()
        values = {"dir": directory, "bin": os.path.join(self._root, "usr/lib/cyrus/bin"),
                  "user": owner.pw_name, "pop3": self.pop3[1], "lmtp": self.lmtp[1]}
        for name, text in (("imapd.conf", CYRUS_CONFIGURATION), ("cyrus.conf", CYRUS_SERVICES)):
            with open(os.path.join(directory, name), "w") as file:
                file.write(text.format(**values))
        self._run("usr/sbin/saslpasswd2", "-p", "-c", "-f", os.path.join(directory, "sasldb2"),
                  "-u", os.uname().nodename, self.USER, stdin=self.PASSWORD)
        folders = ("conf", "conf/socket", "proc", "lock", "spool")
        for name in folders:
            os.mkdir(os.path.join(directory, name))
        for name in folders + ("", "sasldb2"):
            os.chown(os.path.join(directory, name), owner.pw_uid, owner.pw_gid)
        self._master = subprocess.Popen(
            [os.path.join(values["bin"], "master"), "-C", os.path.join(directory, "imapd.conf"),
             "-M", os.path.join(directory, "cyrus.conf"), "-D",
             "-p", os.path.join(directory, "master.pid")],
            env=self._environment, stdin=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        harness.eventually(self._serves, 30 * harness.PATIENCE, "Cyrus")

    def _run(self, program, *arguments, stdin=""):
        return subprocess.run([os.path.join(self._root, program), *arguments], input=stdin,
                              env=self._environment, capture_output=True, text=True, timeout=60,
                              check=True).stdout

    def _serves(self):
        assert self._master.poll() is None, "Cyrus has ended"
        try:
            with Lmtp(self.lmtp):
                return True
        except ConnectionRefusedError:
            return False

    def deliver(self, message):
        with Lmtp(self.lmtp) as lmtp:
            lmtp.lhlo()
            (code, text), = lmtp.deliver(message, [self.USER])
            assert code == 250, text

    def log_in(self):
        return Pop3(self.pop3).log_in(self.USER, self.PASSWORD)

    def inbox(self):
        """The directory with the user's messages, and its UIDVALIDITY, as Cyrus tells them."""
        of_inbox = "-C", os.path.join(self._dir, "imapd.conf"), "user/" + self.USER
        path = self._run("usr/lib/cyrus/bin/mbpath", *of_inbox).strip()
        shown = self._run("usr/lib/cyrus/bin/mbexamine", *of_inbox)
        return path, re.search(r"UIDValidity: (\d+)", shown)[1]

    def stop(self):
        self._master.terminate()
        self._master.wait(30 * harness.PATIENCE)
