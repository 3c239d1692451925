"""./dev bench: Restante and other POP3 servers side by side on this machine, under the same
load, by turns. Prints tables of medians, CPU time and ratios against the best Dovecot, and
fails when a ratio is under its bar.

The servers are Debian's, tuned as their documentation says (servers/). The load generator
checks all that it receives: one wrong octet ends the bench. Memory and CPU time are those
of all processes of a server together.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import tempfile

import measure
import own_works
import plot
import report
import sizes
import works as all_works
from measure import say
from servers import CannotRun, courier, cyrus, dovecot, harness, restante

RIVALS = {server.key: server
          for server in (dovecot.Maildir, dovecot.Sdbox, cyrus.Cyrus, courier.Courier)}


def main():
    options = parse_options()
    harness.BIN = options.bin
    # Ten thousand sessions are as many descriptors, in the servers as well.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = tempfile.mkdtemp(prefix="restante-bench-", dir=options.dir)
    os.chmod(directory, 0o755)  # servers' processes have users of their own
    # Whoever ends the bench leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    running = []
    try:
        refuse_tmpfs(directory)
        if options.sizes:
            return bench_sizes(directory, running, options)
        return bench_works(directory, running, options)
    except measure.InvalidRun as error:
        say("This bench is invalid: %s" % error)
        return 1
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def bench_works(directory, running, options):
    works, own = options.selected
    groups = all_works.groups_for(works, options)
    absent = start(directory, running, groups, own_works.groups_for(own),
                   options.rivals if works else [])
    if options.quick and not {server.key for server in running} & set(report.DOVECOTS):
        say("There is no Dovecot to compare with: %s" % absent)
        return 1
    bench = measure.Bench(os.path.join(options.bin, "restante-load"), running, options)
    bench.fill(groups)
    results = measure.measure(bench, works, options)
    syncs = {} if options.quick else count_syncs(bench, works)
    own_results = own_works.OwnWorks(bench, running[0], options).measure(own)
    summary = report.summarise(results, own_results, syncs, bench, absent, options)
    show(summary, report.markdown(summary), options)
    if options.plot:
        plot.draw(summary, options.plot)
    under = report.missed(summary)
    if under:
        say("Under the bar: " + "; ".join(under))
    return 1 if under else 0


def bench_sizes(directory, running, options):
    absent = start(directory, running, sizes.groups(), {}, options.rivals)
    for title, why in absent.items():
        say("%s isn't in it: %s" % (title, why))
    bench = measure.Bench(os.path.join(options.bin, "restante-load"), running, options)
    results = sizes.measure(bench, options)
    show(results, sizes.markdown(results), options)
    return 0


def start(directory, running, groups, own_groups, rivals):
    """Restante, and those of the rivals that can run here; why the others can't."""
    running.append(restante.Restante(directory, groups | own_groups))
    absent = {}
    for key in rivals:
        try:
            running.append(RIVALS[key](directory, groups))
        except (CannotRun, RuntimeError, AssertionError, OSError) as error:
            absent[RIVALS[key].title] = str(error)
    return absent


def parse_options():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default=os.environ.get("RESTANTE_BIN"),
                        help="the bin directory of a release build (or RESTANTE_BIN)")
    parser.add_argument("--dir", default="/var/tmp",
                        help="where the mail is stored meanwhile; not on tmpfs")
    parser.add_argument("--quick", action="store_true",
                        help="under 3 minutes: works with a bar, Dovecot alone, 1 round of 1.5 s")
    parser.add_argument("--works", type=names, default=[], metavar="KEY,…",
                        help="beginnings of: %s" % ", ".join(
                            [work.key for work in all_works.WORKS] + list(all_works.OWN_WORKS)))
    parser.add_argument("--rivals", type=names, metavar="KEY,…",
                        help="of %s (default: all)" % ", ".join(RIVALS))
    parser.add_argument("--connections", type=numbers, default=[32], metavar="N,…",
                        help="at once, for works that are rates (default: 32; all: 1,8,32,256)")
    parser.add_argument("--idle", type=numbers, metavar="N,…",
                        help="sessions that wait (default: 1000,10000; --quick: 1000)")
    parser.add_argument("--large", type=int, help="messages of the large mailbox "
                        "(default: 100000; --quick: 20000)")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--seconds", type=float, help="of each measurement (default: 4)")
    parser.add_argument("--sizes", action="store_true",
                        help="instead: what an operation costs as mailbox and store grow")
    parser.add_argument("--json", help="write the figures there too")
    parser.add_argument("--markdown", help="write the tables there too")
    parser.add_argument("--plot", help="write a plot of the ratios there, as SVG")
    options = parser.parse_args()
    try:
        options.selected = all_works.select(options.works, options.quick)
    except ValueError as error:
        parser.error(str(error))
    if not options.bin:
        parser.error("--bin or RESTANTE_BIN is needed")
    options.bin = os.path.abspath(options.bin)
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs Debian's python3-matplotlib")
    if options.rivals is None:
        options.rivals = (list(report.DOVECOTS) if options.quick or options.sizes
                          else list(RIVALS))
    for key in options.rivals:
        if key not in RIVALS:
            parser.error("no such rival: %s; there are %s" % (key, ", ".join(RIVALS)))
    for name, quick, usual in (("rounds", 1, 3), ("seconds", 1.5, 4), ("large", 20000, 100000),
                               ("idle", [1000], [1000, 10000])):
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else usual)
    return options


def names(text):
    return [name for name in text.split(",") if name]


def numbers(text):
    found = [int(part) for part in text.split(",")]
    if not found or min(found) < 1:
        raise ValueError
    return found


def refuse_tmpfs(directory):
    kind = report.file_system(directory)
    if kind in ("tmpfs", "ramfs"):
        sys.exit("%s is on %s, where fsync costs nothing: give --dir on a disk" % (
            directory, kind))


def count_syncs(bench, works):
    work = next((work for work in works if work.key == "deliver"), None)
    counts = {}
    if work is not None:
        for server in bench.servers:
            if server.lmtp is not None:
                count = bench.syncs(server, work, all_works.BAR_CONNECTIONS)
                if count is not None:
                    counts[server.key] = count
    return counts


def show(figures, tables, options):
    print(tables)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=1)
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(tables)


if __name__ == "__main__":
    sys.exit(main())
