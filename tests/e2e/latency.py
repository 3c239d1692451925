"""How long other people's sessions take: a process of its own that runs sessions one
after the other, while a test does to the server what it will. Each second session is
with another server that nothing is done to: what the machine does besides shows there.
"""

import multiprocessing
import statistics
import time

from clients import Pop3
from harness import die_with_parent


class Prober:
    """Runs rounds of sessions on request. Its figures are medians of rounds, since a
    p99 of one round is whatever else the machine did in that moment."""

    def __init__(self, addresses, user, password):
        """`addresses`: the server's, and the other one's."""
        context = multiprocessing.get_context("fork")
        self._pipe, end = context.Pipe()
        self._process = context.Process(
            target=self._run, args=(end, addresses, user, password), daemon=True)
        self._process.start()
        end.close()

    def _run(self, pipe, addresses, user, password):
        die_with_parent()
        self._pipe.close()  # or it would never see its end
        try:
            while True:
                rounds, sessions = pipe.recv()
                pipe.send([[[session_seconds(address, user, password) for address in addresses]
                            for _ in range(sessions)] for _ in range(rounds)])
        except EOFError:
            pass

    def measure(self, rounds=5, sessions=100):
        """(median, p99) in milliseconds, of the server and of the other one."""
        self._pipe.send((rounds, sessions))
        rounds = self._pipe.recv()
        figures = []
        for which in range(2):
            times = [[pair[which] for pair in pairs] for pairs in rounds]
            p99s = [sorted(some)[len(some) * 99 // 100 - 1] for some in times]
            figures.append((1000 * statistics.median(sum(times, [])),
                            1000 * statistics.median(p99s)))
        return figures

    def stop(self):
        self._pipe.close()
        self._process.join()


def session_seconds(address, user, password):
    """Log in, look, fetch one message and leave: from connect to the last reply."""
    begin = time.monotonic()
    with Pop3(address) as pop3:
        pop3.log_in(user, password)
        pop3.stat()
        pop3.listing("UIDL")
        pop3.retr(1)
        pop3.ok("QUIT")
    return time.monotonic() - begin
