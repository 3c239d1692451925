"""The works of the bench: what the load generator does, with which accounts, and the bars:
how many times better than the best Dovecot Restante has to be at it.

Accounts come in groups, each named by one letter:
    r  14 messages of 4 KB, read over and over      w, o, m  written to, and emptied
    e  empty                                        d        filled and drained
    f  4 messages of 1 MB                           i        one message; sessions wait
    b  one with many messages                       s, t     a million messages, and ten
"""

import dataclasses

MESSAGES = 14
LARGE_OCTETS = 1 << 20
LARGE_MESSAGES = 4
DRAINED = 25


@dataclasses.dataclass
class Bar:
    at_least: float
    aim: float = 0  # 0: as good as it gets


@dataclasses.dataclass
class Work:
    key: str
    title: str
    unit: str
    group: str
    arguments: list
    bar: Bar | None = None
    kind: str = "rate"  # or "large", "cold", "idle"
    less_is_better: bool = False
    tls: bool = False
    lmtp: bool = False
    quick: bool = True  # is in the quick run
    most_connections: int = 10**6


WORKS = [
    Work("poll", "poll, 14 messages", "sessions/s", "r",
         ["poll", "--messages", str(MESSAGES)], Bar(3, 5)),
    Work("poll-empty", "poll, empty mailbox", "sessions/s", "e", ["poll"], Bar(3, 6)),
    Work("fetch", "fetch 4 KB", "messages/s", "r",
         ["fetch", "--messages", str(MESSAGES)], quick=False),
    Work("fetch-pipelined", "fetch 4 KB, pipelined", "messages/s", "r",
         ["fetch", "--messages", str(MESSAGES), "--pipelined"], Bar(3, 5)),
    Work("fetch-1mb", "fetch 1 MB", "messages/s", "f",
         ["fetch", "--messages", str(LARGE_MESSAGES), "--octets", str(LARGE_OCTETS)],
         Bar(1.5), most_connections=32),
    Work("drain", "drain", "messages/s", "d", ["drain", "--messages", str(DRAINED)],
         Bar(3, 6)),
    Work("deliver", "deliver 4 KB", "messages/s", "w", ["deliver"], Bar(5, 10), lmtp=True),
    Work("deliver-50kb", "deliver 50 KB", "messages/s", "w", ["deliver", "--octets", "51200"],
         lmtp=True, quick=False),
    Work("deliver-one", "deliver, all to one mailbox", "messages/s", "o", ["deliver"],
         Bar(5, 10), lmtp=True),
    Work("deliver-50", "deliver to 50 recipients", "copies/s", "m",
         ["deliver", "--recipients", "50"], Bar(5, 20), lmtp=True, most_connections=8),
    Work("tls-full", "TLS connections, full handshake", "connections/s", "e", ["handshake"],
         tls=True, quick=False),
    Work("tls-resumed", "TLS connections, resumed", "connections/s", "e",
         ["handshake", "--resume"], tls=True, quick=False),
    Work("big-warm", "UIDL of {large:,} messages, warm", "ms", "b", ["poll"], Bar(3, 10),
         kind="large", less_is_better=True),
    Work("big-cold", "UIDL of {large:,} messages, cold", "ms", "b", ["poll"], Bar(3, 10),
         kind="cold", less_is_better=True, quick=False),
    Work("idle", "memory of an idle session", "KiB", "i", ["idle", "--messages", "1"],
         Bar(20, 40), kind="idle", less_is_better=True),
    Work("idle-tls", "memory of an idle TLS session", "KiB", "i",
         ["idle", "--messages", "1"], Bar(8, 16), kind="idle", less_is_better=True, tls=True),
]

# Restante alone (own_works.py): against the limits of the machine, and against itself.
OWN_WORKS = {
    "stat": ("STAT login on 1,000,000 messages, against on 10", 1.5),
    "api-deliver": ("durable deliveries over the contract, 64 under way on one stream", 0.5),
    "api-deliver-64": ("durable deliveries over the contract, 64 streams", 0.5),
    "api-fetch": ("messages over the contract, one stream", 0.5),
}

# Bars hold at so many connections.
BAR_CONNECTIONS = 32


def select(names, quick):
    """The works whose keys begin with one of the names; all if there are none."""
    known = [work.key for work in WORKS] + list(OWN_WORKS)
    wrong = [name for name in names if not any(key.startswith(name) for key in known)]
    if wrong:
        raise ValueError("no such work: %s; there are %s" % (", ".join(wrong),
                                                            ", ".join(known)))
    works = [work for work in WORKS
             if (not names or any(work.key.startswith(name) for name in names))
             and (work.quick or not quick or names)]
    own = [key for key in OWN_WORKS
           if any(key.startswith(name) for name in names) or not names and not quick]
    return works, own


def groups_for(works, options):
    """Which accounts the servers need."""
    most = max(options.connections)
    sizes = {"r": max(128, most), "e": max(128, most), "f": 32, "w": max(64, most), "o": 1,
             "m": 400, "d": 64, "b": 1, "i": max(options.idle)}
    return {group: sizes[group] for group in sorted({work.group for work in works})}
