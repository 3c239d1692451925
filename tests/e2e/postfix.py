"""Debian's Postfix in a directory of its own, unpacked and not installed (.dev/packages):
its MTAs exclude each other. Its master has to be root, as it always is."""

import os
import shutil
import signal
import subprocess

import harness
from mta import Mta

# Users and groups of every Debian system stand in for Postfix' own.
MAIN_CF = """
compatibility_level = 3.6
mail_owner = mail
setgid_group = news
default_privs = nobody
queue_directory = {dir}/queue
data_directory = {dir}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH={root}/usr/lib/postfix
export_environment = TZ
maillog_file = {dir}/mail.log
maillog_file_prefixes = {dir}
myhostname = mx.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:no mail leaves this machine
message_size_limit = 0
virtual_mailbox_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 2s
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_forbid_bare_newline_exclusions =
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
local     unix - n n - - local
virtual   unix - n n - - virtual
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "saved", "trace")


class Postfix(Mta):
    """`main` and `master` are appended to main.cf and master.cf."""

    name = "Postfix"

    def __init__(self, directory, main, master=""):
        self.dir = directory
        self.root = harness.unpacked("postfix")
        self.port = harness.free_port()
        self.log_path = os.path.join(directory, "mail.log")
        self._config = os.path.join(directory, "etc")
        values = {"dir": directory, "root": self.root, "port": self.port}
        os.mkdir(self._config)
        for name, text, more in (("main.cf", MAIN_CF, main), ("master.cf", MASTER_CF, master)):
            with open(os.path.join(self._config, name), "w") as file:
                file.write(text.format(**values) + more)
        self._make_queue()
        self._environment = dict(os.environ, MAIL_CONFIG=self._config,
                                 LD_LIBRARY_PATH=os.path.join(self.root, "usr/lib/postfix"))
        self.daemon = None

    def _make_queue(self):
        # Its processes give up root, and have to find their files.
        os.chmod(self.dir, 0o755)
        queue = os.path.join(self.dir, "queue")
        os.mkdir(queue)
        os.mkdir(os.path.join(queue, "pid"))
        for name in QUEUES:
            path = os.path.join(queue, name)
            os.mkdir(path, 0o700)
            shutil.chown(path, "mail")
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            path = os.path.join(queue, name)
            os.mkdir(path)
            shutil.chown(path, "mail", "news")
            os.chmod(path, mode)
        data = os.path.join(self.dir, "data")
        os.mkdir(data, 0o700)
        shutil.chown(data, "mail")

    def start(self):
        self.daemon = subprocess.Popen(
            [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-c", self._config, "-d"],
            env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=harness.die_with_parent)
        self.await_start()
        return self

    def flush(self):
        """Tries everything in the queue again, now."""
        subprocess.run([os.path.join(self.root, "usr/sbin/postqueue"), "-c", self._config, "-f"],
                       env=self._environment, check=True, timeout=60)

    def queue(self):
        """Ids of the messages that it still has."""
        ids = []
        for name in ("incoming", "active", "deferred", "maildrop"):
            for _, _, files in os.walk(os.path.join(self.dir, "queue", name)):
                ids += files
        return ids

    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(30 * harness.PATIENCE)
