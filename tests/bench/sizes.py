"""What an operation costs as a mailbox grows, and as the store does: ./dev bench --sizes.

Mailboxes of 10 messages to a million are measured over POP3 and LMTP by one connection,
next to Dovecot's of up to 100,000; the store, of one account to 100,000, by scale_bench,
which works inside it.
"""

import os

import own_works
from measure import say

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
# Files in one directory: more would take hours to make.
MOST_OF_A_RIVAL = 100_000
STORES = (1, 1_000, 100_000)
OCTETS = 512
REPEATED = 20


def groups():
    return {"n%d" % size: 1 for size in SIZES}


def measure(bench, options):
    """{"mailboxes": {server's title: {operation: {size: ms}}},
    "stores": {operation: {accounts: ms}}}"""
    load = os.path.join(options.bin, "restante-load")
    mailboxes = {}
    for server in bench.servers:
        server.prepare(load)
        of_server = mailboxes.setdefault(server.title, {})
        for size in SIZES:
            if server.key != "restante" and size > MOST_OF_A_RIVAL:
                continue
            group = "n%d" % size
            say("%s: a mailbox of %d messages" % (server.title, size))
            server.make_large(group, load, OCTETS, size)
            bench.settle()
            work = ["--connections", "1", "--messages", str(size)]
            bench.run(server, group, work + ["--operations", "1", "poll"])  # it is indexed
            bench.settle()
            for name, arguments in (("log in, STAT", ["stat"]),
                                    ("log in, STAT, UIDL", ["poll"]),
                                    # It changes the mailbox, so it comes last.
                                    ("deliver", ["deliver", "--unread", "--octets",
                                                 str(OCTETS)])):
                if name == "deliver" and server.lmtp is None:
                    continue
                figures = bench.run(server, group, [*work, "--operations", str(REPEATED),
                                                    *arguments])
                of_server.setdefault(name, {})[size] = figures["p50_ms"]
    return {"mailboxes": mailboxes, "stores": measure_stores(options)}


def measure_stores(options):
    stores = {}
    for accounts in STORES:
        say("a store of %d accounts" % accounts)
        figures = own_works.run_json([
            os.path.join(options.bin, "scale_bench"), "--json", "--directory", options.dir,
            "--accounts", str(accounts), "--messages", "1000", "--listings", "1"])
        for name, figure in figures.items():
            if isinstance(figure, dict):
                stores.setdefault(name, {})[accounts] = figure["large_us"] / 1000
    return stores


def markdown(results):
    text = ["| ms each, by messages in the mailbox | server | " +
            " | ".join("{:,}".format(size) for size in SIZES) + " |",
            "|---|---|" + "---:|" * len(SIZES)]
    names = next(iter(results["mailboxes"].values()))
    for name in names:
        for title, operations in results["mailboxes"].items():
            times = operations.get(name, {})
            text.append("| %s | %s | %s |" % (name, title, " | ".join(
                "%.2f" % times[size] if size in times else "—" for size in SIZES)))
    text += ["", "| ms each, by accounts in the store (Restante, inside the store) | " +
             " | ".join("{:,}".format(count) for count in STORES) + " |",
             "|---|" + "---:|" * len(STORES)]
    for name, times in results["stores"].items():
        text.append("| %s | %s |" % (name, " | ".join("%.3f" % times[count]
                                                      for count in STORES)))
    return "\n".join(text) + "\n"
