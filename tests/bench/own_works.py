"""What only Restante is measured at: the contract against the machine's limits, in the same
run and on the same disk, and a login at a large mailbox against one at a small one."""

import json
import os
import statistics
import subprocess

from measure import InvalidRun, say

STAT_MESSAGES = 1_000_000
STAT_FEW = 10
UNDER_WAY = 64
FETCHED = 1000
GROUPS = {"stat": {"s": 1, "t": 1}, "api-deliver": {"v": 64}, "api-deliver-64": {"v": 64},
          "api-fetch": {"v": 64}}


def groups_for(keys):
    groups = {}
    for key in keys:
        groups.update(GROUPS[key])
    return groups


class OwnWorks:
    def __init__(self, bench, restante, options):
        self._bench = bench
        self._server = restante
        self._options = options
        self._load = os.path.join(options.bin, "restante-load")
        self._api = os.path.join(options.bin, "restante-load-api")

    def measure(self, keys):
        """{key: {"value", "limit", "ratio", "unit"}} of medians."""
        results = {}
        if "stat" in keys:
            results["stat"] = self._stat()
        for key, streams, under_way in (("api-deliver", 1, UNDER_WAY),
                                        ("api-deliver-64", UNDER_WAY, 1)):
            if key in keys:
                results[key] = self._deliver(streams, under_way)
        if "api-fetch" in keys:
            results["api-fetch"] = self._fetch()
        for key, result in results.items():
            say("%s: %.2f %s against %.2f, ratio %.2f" % (
                key, result["value"], result["unit"], result["limit"], result["ratio"]))
        return results

    def _stat(self):
        say("filling a mailbox with %d messages" % STAT_MESSAGES)
        self._server.make_large("s", self._load, 512, STAT_MESSAGES)
        self._server.make_large("t", self._load, 512, STAT_FEW)
        times = {"s": [], "t": []}
        for _ in range(self._options.rounds):
            for group, messages in (("s", STAT_MESSAGES), ("t", STAT_FEW)):
                self._bench.settle()
                figures = self._bench.run(self._server, group, [
                    "--connections", "1", "--operations", "500", "stat", "--messages",
                    str(messages)])
                times[group].append(figures["p50_ms"])
        return compared(times["s"], times["t"], "ms")

    def _deliver(self, streams, under_way):
        delivered, alone = [], []
        for _ in range(self._options.rounds):
            self._bench.settle()
            delivered.append(self._run_api(
                ["deliver", "--server", self._server.grpc, "--users", self._server.users["v"],
                 "--streams", str(streams), "--under-way", str(under_way)])["per_second"])
            self._bench.settle()
            # The same rows and bodies by threads of one process, each in Write with sync.
            figures = run_json([
                os.path.join(self._options.bin, "engine_bench"), "--rocks-alone", "--json",
                "--submitters", str(UNDER_WAY), "--directory", self._server.dir,
                "--seconds", str(self._options.seconds)])
            alone.append(figures[str(UNDER_WAY)]["rocks_per_second"])
        return compared(delivered, alone, "messages/s")

    def _fetch(self):
        user = self._server.users["v"] + "-first"
        with open(self._server.users["v"]) as source, open(user, "w") as file:
            file.write(source.readline())
        # The mailboxes of this group are emptied by a delivery: it comes last.
        lmtp = subprocess.run([self._load, *self._server.load_arguments("v"), "--users", user,
                               "--messages", str(FETCHED), "--unread", "fill"],
                              capture_output=True, text=True)
        if lmtp.returncode != 0:
            raise InvalidRun(lmtp.stderr)
        fetched, bare_fetched = [], []
        with subprocess.Popen([self._api, "bare"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as bare:
            address = bare.stdout.readline().strip()
            for _ in range(self._options.rounds):
                self._bench.settle()
                fetched.append(self._run_api(
                    ["fetch", "--server", self._server.grpc, "--users", user])
                    ["octets_per_second"] / 1e6)
                bare_fetched.append(self._run_api(
                    ["fetch", "--server", address, "--bare-messages", str(FETCHED)])
                    ["octets_per_second"] / 1e6)
            bare.stdin.close()
        return compared(fetched, bare_fetched, "MB/s")

    def _run_api(self, arguments):
        return run_json([self._api, "--seconds", str(self._options.seconds), *arguments])


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise InvalidRun("%s\n%s" % (" ".join(command), done.stderr))
    return json.loads(done.stdout)


def compared(values, limits, unit):
    value, limit = statistics.median(values), statistics.median(limits)
    return {"value": value, "limit": limit, "ratio": value / limit, "unit": unit}
