"""One program under supervision: started, awaited, stopped.

A program tells by sd_notify(3) that it serves and where: READY=1 and one line
X_RESTANTE_NAME=ADDRESS for each address, on a socket of its own. Nothing is polled.
"""

import ctypes
import os
import secrets
import select
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
LOG_LINES_SHOWN = 15

_libc = ctypes.CDLL(None, use_errno=True)


class ServiceError(Exception):
    """A program that didn't start or ended by itself, in words for people."""


def _before_exec():
    # A run that is killed takes its programs along.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


class Service:
    def __init__(self, program, config, log):
        """`program` and `config` are paths; output is appended to the file `log`."""
        self.name = program.name
        self.addresses = {}
        self._log = log
        # In the abstract namespace: a path would be too long in some directories.
        address = f"restante-{os.getpid()}-{secrets.token_hex(8)}"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind("\0" + address)
        with open(log, "ab") as output:
            self._log_start = output.tell()
            try:
                self._process = subprocess.Popen(
                    [program, "--config", config],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, "NOTIFY_SOCKET": "@" + address},
                    # Out of the terminal's reach: Ctrl-C must not stop all at once.
                    start_new_session=True,
                    preexec_fn=_before_exec,
                )
            except OSError as error:
                raise ServiceError(f"{program} can't be started: {error.strerror}") from error
        self.exited = os.pidfd_open(self._process.pid)

    def await_ready(self, seconds):
        """Returns when the program serves; raises if it dies or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0, deadline - time.monotonic())
            ready, _, _ = select.select([self._notify, self.exited], [], [], left)
            if self._notify in ready:
                if self._take_state(self._notify.recv(65536).decode()):
                    return
            elif self.exited in ready:
                raise ServiceError(f"{self.name} ended")
            elif not ready:
                raise ServiceError(
                    f"{self.name} isn't ready after {seconds} s{self._last_lines()}"
                )

    @property
    def notices(self):
        """Readable when the program has something to say after it is ready."""
        return self._notify

    def drop_notice(self):
        """Reads one such message: unread ones would hold up the program in the end."""
        self._notify.recv(65536)

    def ask_to_stop(self):
        if not self.has_ended():
            self._process.send_signal(signal.SIGTERM)

    def await_end(self, seconds):
        """What was wrong with the end, or None; kills the program after that time."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"{self.name} didn't stop within {seconds} s and was killed"
        return self.explain_end() if code != 0 else None

    def has_ended(self):
        # Not by Popen.poll: an exception that a signal's handler raises inside of it leaves
        # its lock taken, and whoever waits for the program afterwards waits for ever.
        return bool(select.select([self.exited], [], [], 0)[0])

    def explain_end(self):
        code = self._process.wait()
        how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return f"{self.name} ended {how}{self._last_lines()}"

    def _take_state(self, state):
        ready = False
        for line in state.splitlines():
            key, _, value = line.partition("=")
            if key.startswith("X_RESTANTE_"):
                self.addresses[key.removeprefix("X_RESTANTE_")] = value
            ready = ready or line == "READY=1"
        return ready

    def _last_lines(self):
        with open(self._log, "rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        text = "".join(f"\n  {line}" for line in lines)
        return f"; the end of {self._log}:{text}" if lines else f"; {self._log} is empty"
