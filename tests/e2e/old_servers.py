"""Servers that mail comes from, by their own programs in a directory: Dovecot, Courier and
Cyrus. The latter two are unpacked and not installed (.dev/packages), since Debian's POP3
servers exclude each other.
"""

import imaplib
import os
import pwd
import re
import shutil
import socket
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


DOVECOT_CONFIGURATION = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
mail_location = maildir:{dir}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
pop3_uidl_format = %08Xu%08Xv
pop3_no_flag_updates = yes
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
  chroot =
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
  chroot =
}}
default_vsz_limit = 1 G
"""


class DovecotServer:
    """Dovecot with IMAP and POP3, from its start to stop(). Whoever logs in with PASSWORD is
    a user, with a Maildir in directory/mail."""

    PASSWORD = "tulip"
    NEEDED = "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3"

    def __init__(self, directory, certificate, key):
        self.dir = directory
        self.certificate = certificate
        me = pwd.getpwuid(os.geteuid())
        self.owner = pwd.getpwnam("mail") if os.geteuid() == 0 else me
        group = subprocess.check_output(["id", "-gn"], text=True).strip()
        names = (("dovecot", "dovecot", "dovenull") if os.geteuid() == 0
                 else (me.pw_name, group, me.pw_name))
        self.ports = {name: harness.free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
        for name in ("mail", "home"):
            path = os.path.join(directory, name)
            os.makedirs(path, exist_ok=True)
            self.give(path)
        config = os.path.join(directory, "dovecot.conf")
        with open(config, "w") as file:
            file.write(DOVECOT_CONFIGURATION.format(
                dir=directory, internal=names[0], group=names[1], login=names[2],
                uid=self.owner.pw_uid, gid=self.owner.pw_gid, certificate=certificate, key=key,
                password=self.PASSWORD, **self.ports))
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", config], stdin=subprocess.DEVNULL,
            preexec_fn=harness.die_with_parent)
        for name in ("imap", "pop3"):
            harness.eventually(lambda: self._answers(self.ports[name]), 20 * harness.PATIENCE,
                               "Dovecot's " + name)

    def _answers(self, port):
        assert self._process.poll() is None, "Dovecot has ended"
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                return connection.recv(100)
        except ConnectionRefusedError:
            return None

    def give(self, path):
        """Makes all below a path Dovecot's."""
        for folder, _, files in os.walk(path):
            for one in [folder] + [os.path.join(folder, name) for name in files]:
                os.chown(one, self.owner.pw_uid, self.owner.pw_gid)

    def maildir(self, user):
        return os.path.join(self.dir, "mail", user)

    def place(self, name):
        return "localhost:%d" % self.ports[name]

    def imap(self, user):
        imap = imaplib.IMAP4("127.0.0.1", self.ports["imap"])
        imap.login(user, self.PASSWORD)
        return imap

    def pop3(self, user):
        return Pop3(("127.0.0.1", self.ports["pop3"])).log_in(user, self.PASSWORD)

    def stop(self):
        self._process.terminate()
        self._process.wait(30 * harness.PATIENCE)
