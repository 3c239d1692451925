#!/usr/bin/env python3
"""Plays the cases of this folder against a POP3 server that is running somewhere.

    run.py --pop3 127.0.0.1:110 --accounts accounts.tsv --deliver-to lmtp:127.0.0.1:24

README.md has the format of the cases; --help the rest.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import sys
import time
import traceback
from xml.sax.saxutils import escape, quoteattr

import dialogue
import foreign
import player
from wire import Failure

WORKERS = 16
FAILURES = ("FAILED", "BROKEN")


@dataclasses.dataclass
class Result:
    case: dialogue.Case
    outcome: str  # ok, FAILED, skipped; BROKEN: the suite itself didn't work
    text: str
    seconds: float


def matching(cases, patterns):
    """Those whose name, or the beginning of it, matches one of the patterns."""
    if not patterns:
        return cases
    return [case for case in cases
            if any(fnmatch.fnmatch(case.id, p) or fnmatch.fnmatch(case.id, p + "/*")
                   or fnmatch.fnmatch(case.id, p + "*") for p in patterns)]


def run_one(case, server, patience):
    begin = time.monotonic()
    outcome, text = "ok", ""
    try:
        player.play(case, server, patience)
    except player.Skipped as skipped:
        outcome, text = "skipped", str(skipped)
    except Failure as failure:
        outcome, text = "FAILED", str(failure)
    except Exception:  # of the suite itself; the other cases still run
        outcome, text = "BROKEN", traceback.format_exc()
    return Result(case, outcome, text, time.monotonic() - begin)


def run(cases, server, patience=10, workers=WORKERS, report=lambda result: None):
    """All cases, many at once; those that cut the storage service off one by one.
    Results in the order of the cases; `report` gets each as it comes."""
    server.prepare(cases)
    alone = [case for case in cases if "outage" in case.needs]

    def group(members):
        results = []
        for case in members:
            results.append(run_one(case, server, patience))
            report(results[-1])
        return results

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(group, alone)]
        futures += [pool.submit(group, [case]) for case in cases if case not in alone]
        results = [result for future in futures for result in future.result()]
    order = {case.id: number for number, case in enumerate(cases)}
    return sorted(results, key=lambda result: order[result.case.id])


def print_result(result):
    # In one piece: cases end at the same time.
    sys.stdout.write("%-7s %-6s %s%s\n" % (
        result.outcome, result.case.level, result.case.id,
        ": " + result.text if result.text else ""))
    sys.stdout.flush()


def print_summary(results, seconds):
    """The closing lines; the number of failures."""
    failed = [result for result in results if result.outcome in FAILURES]
    skipped = sum(result.outcome == "skipped" for result in results)
    for level in dialogue.LEVELS:
        of_level = [result for result in results if result.case.level == level]
        print("%-6s %3d cases, %d failed, %d skipped" % (
            level, len(of_level), sum(r.outcome in FAILURES for r in of_level),
            sum(r.outcome == "skipped" for r in of_level)))
    print("Tests run: %d, Failures: %d, Skipped: %d, Time elapsed: %.1f s" % (
        len(results), len(failed), skipped, seconds), flush=True)
    return len(failed)


def write_junit(path, results, name):
    with open(path, "w", encoding="utf-8") as file:
        file.write('<testsuite name=%s tests="%d">\n' % (quoteattr(name), len(results)))
        for result in results:
            group, _, case = result.case.id.rpartition("/")
            file.write('<testcase classname=%s name=%s time="%.3f">' % (
                quoteattr(group), quoteattr(case), result.seconds))
            if result.outcome in FAILURES:
                file.write("<failure>%s</failure>" % escape(result.text))
            elif result.outcome == "skipped":
                file.write("<skipped message=%s/>" % quoteattr(result.text))
            file.write("</testcase>\n")
        file.write("</testsuite>\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="such as rfc1939, rfc1939/dele, '*stuff*'")
    parser.add_argument("--pop3", metavar="HOST:PORT", required=True)
    parser.add_argument("--pop3s", metavar="HOST:PORT", help="TLS from the start")
    parser.add_argument("--accounts", metavar="FILE", required=True,
                        help="lines of user, password and kind, with tabs between; see README.md")
    parser.add_argument("--deliver-to", metavar="WAY", required=True,
                        help="lmtp:HOST:PORT, or a command that takes the message on standard "
                             "input and {user} as an argument")
    parser.add_argument("--name", default="server", help="what to call it")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a reply")
    parser.add_argument("--workers", type=int, default=WORKERS, help="cases at once")
    parser.add_argument("--junit", metavar="FILE", help="write the results there as well")
    return parser.parse_args()


def main():
    options = arguments()
    cases = matching(dialogue.load(), options.cases)
    address = foreign.servers.harness.split_address
    server = foreign.Foreign(options.name, address(options.pop3),
                             options.pop3s and address(options.pop3s),
                             options.accounts, options.deliver_to)
    begin = time.monotonic()
    results = run(cases, server, options.patience, options.workers, print_result)
    if options.junit:
        write_junit(options.junit, results, options.name)
    return 1 if print_summary(results, time.monotonic() - begin) else 0


if __name__ == "__main__":
    sys.exit(main())
