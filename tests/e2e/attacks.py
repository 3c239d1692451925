"""What hostile_test does to a server while it measures: attacks that go on for as long as
somebody looks, and what they need of the system.
"""

import ctypes
import resource
import socket
import struct
import threading
import time


class Attack:
    """with Attack(step, …): each step is done over and over, in a thread of its own, until
    the end. What goes wrong in one is raised there, and that one was never done whole is an
    error."""

    def __init__(self, *steps):
        self._ending = threading.Event()
        self._errors = []
        self._done = [0] * len(steps)
        self._threads = [threading.Thread(target=self._run, args=(number, step))
                         for number, step in enumerate(steps)]

    def _run(self, number, step):
        try:
            while not self._ending.is_set():
                step()
                self._done[number] += 1
        except BaseException as error:
            self._errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if kind is None and self._errors:
            raise self._errors[0]
        assert kind is not None or all(self._done), "a step of the attack never came to its end"

    def done(self):
        """How often its steps were done, in all."""
        return sum(self._done)


class Pace:
    """So many beats a second: how fast a network would bring what an attack sends. Without
    it the attack takes the machine's processors, and it is its own hunger that is measured."""

    def __init__(self, beats_a_second):
        self._interval = 1 / beats_a_second
        self._next = time.monotonic()

    def wait(self):
        """Until the next beat; those that were missed aren't caught up with."""
        self._next = max(self._next + self._interval, time.monotonic() - self._interval)
        time.sleep(max(0, self._next - time.monotonic()))


def allow_open_files(count):
    """For this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    most = hard if hard == resource.RLIM_INFINITY else max(hard, count)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))
    except (ValueError, OSError) as error:  # only root may raise the hard limit
        raise RuntimeError(
            "this test needs %d open files, and the hard limit is %d: raise it, as root by "
            "`ulimit -n %d` before, or by LimitNOFILE= of the service that runs it" % (
                count, hard, count)) from error


def drop_all(connection):
    """Nothing that comes for this connection is seen any more, by a filter of one
    instruction: return 0 (linux/filter.h)."""
    SO_ATTACH_FILTER = 26
    # The kernel reads a sock_fprog: the count, and a pointer to the instructions.
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                          struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def reset(connection):
    """Closes without leaving the port in TIME_WAIT: there are only so many."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def tcp_memory():
    """Of the whole machine, in octets."""
    with open("/proc/net/sockstat") as file:
        for line in file:
            if line.startswith("TCP:"):
                return int(line.split()[-1]) * resource.getpagesize()
    raise AssertionError("no TCP line")
