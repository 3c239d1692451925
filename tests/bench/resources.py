"""What servers use: CPU time, memory and syncs of all their processes together, however
many there are and whatever has ended meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
SYNCS = ("fsync", "fdatasync", "sync_file_range")


def _processes():
    """Of each process: its parent, and the CPU seconds of the children that it has reaped."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(name)] = int(fields[1]), (int(fields[13]) + int(fields[14])) / TICKS
    return found


def _own_cpu_seconds(pid):
    """By the process's own clock (clock_getcpuclockid(3)): what stat says of a process is
    cut off to hundredths, which are much where there are hundreds of processes."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0  # it has ended


def _tree(roots, processes):
    children = {}
    for pid, (parent, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    tree, waiting = [], [root for root in roots if root in processes]
    while waiting:
        pid = waiting.pop()
        tree.append(pid)
        waiting += children.get(pid, ())
    return tree


def tree(roots):
    return _tree(roots, _processes())


def cpu_seconds(roots):
    """What lives counts with its reaped children, so nothing counts twice."""
    processes = _processes()
    return sum(_own_cpu_seconds(pid) + processes[pid][1] for pid in _tree(roots, processes))


def memory_octets(roots):
    """The proportional set size: what processes share counts once."""
    total = 0
    for pid in tree(roots):
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            continue  # it has ended
    return total * 1024


def available_octets():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("MemAvailable:")) * 1024


def settle(roots, seconds=15):
    """Until these servers rest and what was written is on the disk: what one has left
    undone must not be counted to the next."""
    os.sync()
    deadline = time.monotonic() + seconds
    before = cpu_seconds(roots)
    while time.monotonic() < deadline:
        time.sleep(0.25)
        now = cpu_seconds(roots)
        if now - before <= 0.02:
            return
        before = now


def drop_caches():
    """Whether the system's file caches are empty now; only root may do that."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3\n")
    except OSError:
        return False
    return True


class SyncCount:
    """strace on all processes of a server, from its start to end(). Not for runs that are
    timed."""

    def __init__(self, roots):
        if shutil.which("strace") is None:
            raise OSError("strace isn't installed")
        pids = tree(roots)
        self._summary = tempfile.NamedTemporaryFile(mode="r", prefix="restante-syncs-")
        command = ["strace", "-f", "-c", "-U", "calls,name", "-o", self._summary.name,
                   "-e", "trace=" + ",".join(SYNCS)]
        for pid in pids:
            command += ["-p", str(pid)]
        self._strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        attached = 0
        while attached < len(pids):
            line = self._strace.stderr.readline()
            if not line or "Operation not permitted" in line:
                self._strace.kill()
                self._strace.wait()
                raise OSError("strace: " + (line.strip() or "ended"))
            # A process that has ended meanwhile is not attached to, which is said too.
            attached += " attached" in line or "No such process" in line
        # It goes on telling of new processes.
        self._drain = subprocess.Popen(["cat"], stdin=self._strace.stderr,
                                       stdout=subprocess.DEVNULL)
        self._strace.stderr.close()

    def end(self):
        """How often each call was made."""
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait()
        self._drain.wait()
        calls = {name: 0 for name in SYNCS}
        for line in self._summary:
            found = re.match(r"\s*(\d+)\s+(\w+)\s*$", line)
            if found and found[2] in calls:
                calls[found[2]] = int(found[1])
        self._summary.close()
        return calls
