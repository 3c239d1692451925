#!/usr/bin/env python3
"""./dev conformance: plays all cases against our programs, and against Dovecot if
asked for, and prints what came out side by side.
"""

import argparse
import sys
import time

import dialogue
import dovecot
import front_ends
import run

# Dovecot waits 10 s for a lock before it says IN-USE.
PATIENCE = 15


def arguments():
    parser = argparse.ArgumentParser(prog="./dev conformance")
    parser.add_argument("cases", nargs="*", help="such as rfc1939, rfc1939/5-retr, '*dot*'")
    parser.add_argument("--against", choices=["dovecot"], help="and another server beside ours")
    parser.add_argument("--verbose", action="store_true",
                        help="what each failure was, with what was said before it")
    parser.add_argument("--junit", metavar="FILE", help="write our results there as well")
    return parser.parse_args()


def play(start, cases):
    """Results by case, and the version of the server."""
    server = start()
    try:
        begin = time.monotonic()
        results = run.run(cases, server, PATIENCE)
        sys.stderr.write("== %s: %.0f s\n" % (server.version(), time.monotonic() - begin))
        return results, server.version()
    finally:
        server.stop(check=False)


def print_table(columns, cases):
    """A row for each case, a column for each server."""
    width = max(len(case.id) for case in cases)
    names = [name for name, _ in columns]
    print("%-*s  %-6s  %s" % (width, "case", "rule", "  ".join("%-9s" % n for n in names)))
    for index, case in enumerate(cases):
        outcomes = [results[index].outcome for _, results in columns]
        print("%-*s  %-6s  %s" % (
            width, case.id, case.level, "  ".join("%-9s" % o for o in outcomes)))


def print_failures(columns, verbose):
    for name, results in columns:
        for result in results:
            if result.outcome in run.FAILURES:
                text = result.text if verbose else result.text.split("\n")[0]
                print("%s, %s, %s\n  %s\n  %s" % (
                    name, result.case.level, result.case.id,
                    "; ".join(result.case.sources), text))


def print_totals(columns):
    print("\n%-9s  %s" % ("failed of", "  ".join("%-13s" % level for level in dialogue.LEVELS)))
    for name, results in columns:
        cells = []
        for level in dialogue.LEVELS:
            played = [r for r in results if r.case.level == level and r.outcome != "skipped"]
            failed = sum(r.outcome in run.FAILURES for r in played)
            cells.append("%-13s" % ("%d of %d" % (failed, len(played))))
        print("%-9s  %s" % (name, "  ".join(cells)))


def main():
    options = arguments()
    cases = run.matching(dialogue.load(), options.cases)
    if not cases:
        sys.exit("no case is named so")
    ours, version = play(front_ends.Restante, cases)
    columns = [("restante", ours)]
    versions = [version]
    if options.against:
        theirs, version = play(dovecot.Dovecot, cases)
        columns.append((options.against, theirs))
        versions.append(version)
    print_table(columns, cases)
    print()
    print_failures(columns, options.verbose)
    print_totals(columns)
    print("\n" + "\n".join(versions))
    print("must: an RFC's; should: an RFC's advice, or its plain reading; ours: what RFCs leave "
          "open.\nskipped: needs a part that the server hasn't, or has no way to set up.")
    if options.junit:
        run.write_junit(options.junit, ours, "restante")
    return 1 if any(result.outcome in run.FAILURES for result in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
