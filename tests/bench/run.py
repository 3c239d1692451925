"""./dev bench: Restante and Dovecot side by side on this machine, under the same
load, by turns. Prints a table of medians and ratios and writes JSON.

Dovecot is Debian's, with Maildir, its default fsync, and its "high-performance"
login; passwords are in clear there and in a cheap hash here, so that no hash is
measured. Deliveries are durable before they are acknowledged on both sides. The
load generator checks all that it receives, and one wrong octet ends the bench.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import servers

# Accounts: 128 mailboxes that are read, 64 that are written to.
READ, WRITTEN = "r", "w"
GROUPS = {READ: 128, WRITTEN: 64}
MESSAGES = 14

# Name, unit, group of accounts, arguments of the load generator, and whether it is
# one of the figures that must not be below Dovecot's.
WORKS = (
    ("poll", "sessions/s", READ, ["poll"], True),
    ("fetch", "messages/s", READ, ["fetch"], True),
    ("fetch, pipelined", "messages/s", READ, ["fetch", "--pipelined"], True),
    ("deliver", "messages/s", WRITTEN, ["deliver"], True),
)


def main():
    options = parse_options()
    os.environ["RESTANTE_BIN"] = options.bin
    servers.harness.BIN = options.bin
    load = os.path.join(options.bin, "restante-load")
    directory = tempfile.mkdtemp(prefix="restante-bench-", dir=options.dir)
    os.chmod(directory, 0o755)  # Dovecot's processes have users of their own
    running = []
    try:
        refuse_tmpfs(directory)
        for server in (servers.Restante, servers.Dovecot):
            running.append(server(directory, GROUPS))
        for server in running:
            run_load(load, server, READ, ["fill", "--messages", str(MESSAGES)], options)
        results = measure(load, running, options)
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    report(results, running, options)
    slower = [name for name, _, _, _, bar in WORKS if bar and results[name]["ratio"] < 1]
    if slower:
        print("Slower than Dovecot: " + ", ".join(slower))
        return 1
    return 0


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default=os.environ.get("RESTANTE_BIN"),
                        help="the bin directory of a release build (or RESTANTE_BIN)")
    parser.add_argument("--dir", default="/var/tmp",
                        help="where the mail is stored meanwhile; not on tmpfs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--octets", type=int, default=4096, help="of a message")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 3 seconds")
    parser.add_argument("--json", help="write the figures there too")
    options = parser.parse_args()
    if not options.bin:
        parser.error("--bin or RESTANTE_BIN is needed")
    options.bin = os.path.abspath(options.bin)
    if options.quick:
        options.rounds, options.seconds = 2, 3
    return options


def refuse_tmpfs(directory):
    kind = file_system(directory)
    if kind in ("tmpfs", "ramfs"):
        sys.exit("%s is on %s, where fsync costs nothing: give --dir on a disk" % (
            directory, kind))


def file_system(directory):
    return subprocess.check_output(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", directory], text=True).strip()


def run_load(load, server, group, arguments, options):
    command = [load, "--pop3", server.pop3, "--lmtp", server.lmtp,
               "--users", server.users[group], "--connections", str(options.connections),
               "--octets", str(options.octets), "--seconds", str(options.seconds)]
    if group == READ and arguments[0] != "fill":
        command += ["--messages", str(MESSAGES)]
    done = subprocess.run(command + arguments, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("%s: %s\n%s\n%s" % (server.name, " ".join(arguments), done.stderr,
                                     server.log_tail()))
    return json.loads(done.stdout)


def measure(load, running, options):
    results = {name: {server.name: [] for server in running} for name, *_ in WORKS}
    for number in range(options.rounds):
        # By turns, and each second round in the other order.
        turn = running if number % 2 == 0 else running[::-1]
        for name, unit, group, arguments, _ in WORKS:
            for server in turn:
                figures = run_load(load, server, group, arguments, options)
                results[name][server.name].append(figures)
                print("round %d of %d: %-17s %-9s %9.0f %-11s p99 %7.1f ms, generator %3.0f %% of a core"
                      % (number + 1, options.rounds, name, server.name, figures["per_second"],
                         unit, figures["p99_ms"], figures["load_cpu_share"] * 100), flush=True)
    for name, by_server in results.items():
        medians = {server: statistics.median(run["per_second"] for run in runs)
                   for server, runs in by_server.items()}
        by_server["ratio"] = medians["restante"] / medians["dovecot"]
        by_server["median"] = medians
    return results


def report(results, running, options):
    machine = describe_machine(options)
    print()
    for key, value in machine.items():
        print("%s: %s" % (key, value))
    print("%d rounds of %g s, %d connections, messages of %d octets, mailboxes of %d messages" % (
        options.rounds, options.seconds, options.connections, options.octets, MESSAGES))
    for server in running:
        print("%s: %s" % (server.name, server.version()))
    print()
    print("| work | unit | Restante | Dovecot | ratio |")
    print("|---|---|---:|---:|---:|")
    for name, unit, _, _, _ in WORKS:
        median = results[name]["median"]
        print("| %s | %s | %.0f | %.0f | %.1f |" % (
            name, unit, median["restante"], median["dovecot"], results[name]["ratio"]))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine, "versions": {s.name: s.version() for s in running},
                       "options": vars(options), "results": results}, file, indent=1)


def describe_machine(options):
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return {
        "processor": "%d x %s" % (os.cpu_count(), models[0] if models else platform.machine()),
        "memory": "%.1f GiB" % memory,
        "kernel": platform.release(),
        "file system": file_system(options.dir),
    }


if __name__ == "__main__":
    sys.exit(main())
