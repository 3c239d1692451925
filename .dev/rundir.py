"""The directory of a run: where things are in it, and who has it.

A run holds a lock on DIR/lock, with its process id in it, for as long as it lives; so
nothing is left to clean up after a crash, and a stale id is never believed.
"""

import fcntl
import os
import pathlib
import time

DEFAULT_DIR = pathlib.Path(__file__).resolve().parent.parent / "run"


class RunDirError(Exception):
    """What is wrong with the directory, in words for people."""


class RunDir:
    def __init__(self, path):
        """A relative path is the caller's, who may have been elsewhere than ./dev is."""
        self.path = pathlib.Path(os.environ.get("RESTANTE_CALLER_DIR", ""), path).resolve()
        self.data = self.path / "data"
        self.config = self.path / "config"
        self.log = self.path / "log"
        self.tls = self.path / "tls"
        self._lock_path = self.path / "lock"
        self._lock = None

    def create(self):
        try:
            for directory in (self.path, self.data, self.config, self.log, self.tls):
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(0o700)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RunDirError(
                f"the directory {self.path} can't be used: {error.strerror} "
                f"({error.filename}); choose another with --dir"
            ) from error

    def take(self):
        """Locks the directory for this process, or says who has it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunDirError(
                f"Restante already runs in {self.path} (process {self._owner()}); "
                f"./dev stop --dir '{self.path}' stops it, --dir chooses another directory"
            ) from None
        self.write_owner()

    def write_owner(self):
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def running(self):
        """The process id of the run in this directory, or None."""
        try:
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunDirError(f"{self._lock_path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            return self._owner()
        finally:
            os.close(lock)

    def wait_until_free(self, seconds):
        """Whether the run ended within that time."""
        deadline = time.monotonic() + seconds
        while self.running() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _owner(self):
        try:
            return int(self._lock_path.read_text() or 0)
        except (OSError, ValueError):
            return 0
