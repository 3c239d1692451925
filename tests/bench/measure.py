"""Runs the load generator against servers, by turns, and takes what it says together with
what the servers used meanwhile."""

import json
import subprocess
import sys
import tempfile

import resources
from works import LARGE_MESSAGES, LARGE_OCTETS, MESSAGES

# Of memory, for a session of a server that has a process for each.
OCTETS_OF_A_PROCESS = 1 << 20


class InvalidRun(Exception):
    """A wrong octet, a missing message or an error: nothing measured is worth anything."""


class Bench:
    def __init__(self, load, servers, options):
        self._load = load
        self.servers = servers
        self._options = options
        self.notes = []

    # One run ---------------------------------------------------------------------------

    def run(self, server, group, arguments, tls=False, at_end=None):
        """One run of the load generator: its figures, with the CPU time of the server for
        an operation. `at_end()` is called, while it waits, when what is measured is over."""
        command = [self._load, *server.load_arguments(group, tls), "--marks", *arguments]
        with tempfile.TemporaryFile(mode="w+") as errors:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=errors, text=True)
            cpu = before = 0.0
            figures = None
            try:
                for line in process.stdout:
                    mark = line.split()[0]
                    if mark == "begin":
                        before = resources.cpu_seconds(server.roots())
                    elif mark == "end":
                        cpu += resources.cpu_seconds(server.roots()) - before
                        if at_end:
                            at_end()
                    elif mark != "over":
                        figures = json.loads(line)
                    if line.endswith("wait\n"):
                        process.stdin.write("\n")
                        process.stdin.flush()
                code = process.wait()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            if code != 0 or figures is None:
                errors.seek(0)
                raise InvalidRun("%s: %s\n%s\n%s" % (
                    server.title, " ".join(arguments), errors.read(), server.log_tail()))
        figures["cpu_us"] = cpu / figures["operations"] * 1e6
        return figures

    def settle(self):
        resources.settle([root for server in self.servers for root in server.roots()])

    # Before ----------------------------------------------------------------------------

    def fill(self, groups):
        for server in self.servers:
            say("filling mailboxes of %s" % server.title)
            server.prepare(self._load)
            fill = ["--connections", "32", "fill", "--messages"]
            if "r" in groups:
                self.run(server, "r", fill + [str(MESSAGES)])
            if "f" in groups:
                self.run(server, "f", fill + [str(LARGE_MESSAGES), "--octets",
                                              str(LARGE_OCTETS)])
            if "i" in groups:
                self.run(server, "i", fill + ["1", "--recipients", "50", "--unread"])
            if "b" in groups:
                server.make_large("b", self._load, 1024, self._options.large)
                # What a server notes about a mailbox when it first sees it isn't counted.
                self._look(server, 1)

    def _look(self, server, times):
        return self.run(server, "b", ["--connections", "1", "--operations", str(times), "poll",
                                      "--messages", str(self._options.large)])

    # The kinds of work -----------------------------------------------------------------

    def rate(self, work, server, connections):
        seconds = self._options.seconds
        figures = self.run(server, work.group, [
            *work.arguments, "--connections", str(connections), "--seconds", str(seconds),
            "--warm-up", str(min(1, seconds / 4))], work.tls)
        return dict(figures, value=figures["per_second"])

    def large(self, work, server, _):
        figures = self._look(server, 5)
        return dict(figures, value=figures["p50_ms"])

    def cold(self, work, server, _):
        server.restart()
        self.settle()
        if not resources.drop_caches():
            self.note("the system's caches can't be dropped here: cold is only a restart")
        figures = self._look(server, 1)
        return dict(figures, value=figures["p50_ms"])

    def idle(self, work, server, sessions):
        if sessions > len(server.names["i"]):
            self.note("%s has been given %d mailboxes for idle sessions: more take too long" % (
                server.title, len(server.names["i"])))
            return None
        needed = sessions * OCTETS_OF_A_PROCESS
        if server.key != "restante" and resources.available_octets() < needed:
            self.note("%s: too little memory for %d sessions" % (server.title, sessions))
            return None
        # Nothing that earlier sessions have left behind is used again.
        server.restart()
        self.settle()
        before = resources.memory_octets(server.roots())
        after = []
        users = self._first_users(server, sessions)
        figures = self.run(server, "i", ["--connections", "64", "--users", users,
                                         *work.arguments], work.tls,
                           lambda: after.append(self._resting_memory(server)))
        return dict(figures, value=(after[0] - before) / sessions / 1024,
                    before_mib=before / 2**20, after_mib=after[0] / 2**20)

    def _resting_memory(self, server):
        self.settle()
        return resources.memory_octets(server.roots())

    def _first_users(self, server, count):
        path = server.users["i"] + "-%d" % count
        with open(server.users["i"]) as source, open(path, "w") as file:
            file.writelines(source.readlines()[:count])
        return path

    def syncs(self, server, work, connections):
        """Syncs of the server for a message, in a run that isn't timed, or None."""
        messages = 1000
        try:
            count = resources.SyncCount(server.roots())
        except OSError as error:
            self.note("syncs of %s can't be counted: %s" % (server.title, error))
            return None
        calls = []
        figures = self.run(server, work.group, [
            *work.arguments, "--connections", str(connections), "--operations",
            str(messages)], at_end=lambda: calls.append(count.end()))
        return sum(calls[0].values()) / figures["operations"]

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)


def rows(works, options):
    """(work, connections or sessions) for each row of the table."""
    for work in works:
        if work.kind == "rate":
            for connections in sorted({min(count, work.most_connections)
                                       for count in options.connections}):
                yield work, connections
        elif work.kind == "idle":
            for sessions in options.idle:
                yield work, sessions
        else:
            yield work, 1


def measure(bench, works, options):
    """{(work's key, connections): {server's key: [figures of each round]}}"""
    results = {}
    for number in range(options.rounds):
        # By turns, and each second round in the other order.
        turn = bench.servers if number % 2 == 0 else bench.servers[::-1]
        for work, connections in rows(works, options):
            if work.kind == "idle" and number > 0:
                continue  # it is the same each time, and takes long
            of_row = results.setdefault((work.key, connections), {})
            for server in turn:
                if work.lmtp and server.lmtp is None:
                    continue
                bench.settle()
                figures = getattr(bench, work.kind)(work, server, connections)
                if figures is None:
                    continue
                of_row.setdefault(server.key, []).append(figures)
                say("round %d of %d: %-18s %5d  %-16s %10.1f %-13s %8.0f us CPU, generator "
                    "%3.0f %% of a core" % (
                        number + 1, options.rounds, work.key, connections, server.title,
                        figures["value"], work.unit, figures["cpu_us"],
                        figures["load_cpu_share"] * 100))
    return results


def say(text):
    print(text, file=sys.stderr, flush=True)
