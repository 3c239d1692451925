"""The same random sessions against Restante and Debian's Dovecot, with the same mail:
each difference in what their replies mean is explained by a rule (rules.py), or is a
bug. A script that fails is made as short as it can be and printed with its seed.

RESTANTE_LONG=1 plays thousands of scripts instead of some hundred. By hand:

    differential_test.py [--seed N] [--scripts N]
"""

import argparse
import base64
import collections
import copy
import itertools
import os
import queue
import sys
import threading
import time

import servers  # first: it knows the way to the others
import compare
import rules
from scripts import make_script

import messages  # noqa: E402  of tests/e2e

LONG = bool(os.environ.get("RESTANTE_LONG"))
SCRIPTS = 3000 if LONG else 300
# For tries to make a failing script shorter.
SPARE_ACCOUNTS = 300
THREADS = 4
# Messages over this size are for other tests.
LARGEST = 200_000


def corpus():
    """What is delivered: messages as they are stored. Dovecot ends the reply at once
    when a message begins with a line that is a dot alone, and what follows can't be
    told from replies: those are left out."""
    found = [messages.after_ingest(m) for _, m in messages.stored() + messages.corpus()]
    return [m for m in dict.fromkeys(found) if len(m) <= LARGEST and not m.startswith(b".\r\n")]


class Comparison:
    def __init__(self, first_seed, count):
        self.corpus = corpus()
        self.scripts = {}
        self._spare = queue.SimpleQueue()
        for number in range(count):
            user = "u%06d@example.org" % number
            self.scripts[user] = make_script(first_seed + number, len(self.corpus), user)
        spare = ["s%06d@example.org" % i for i in range(SPARE_ACCOUNTS)]
        for user in spare:
            self._spare.put(user)
        accounts = list(self.scripts) + spare
        self.dovecot = servers.Dovecot(accounts)
        try:
            self.restante = servers.Restante(accounts)
        except BaseException:
            self.dovecot.stop()
            raise
        self._numbers = itertools.count(1)
        self._deliveries = threading.Lock()

    def stop(self):
        self.dovecot.stop()
        self.restante.stop()

    def deliver_all(self):
        """Each message to all who have it, in their first or second half."""
        for half in range(2):
            wanted = collections.defaultdict(list)
            for user, script in self.scripts.items():
                for index in halves(script.mail)[half]:
                    wanted[index].append(user)
            for index in sorted(wanted):
                self._deliver(index, wanted[index])

    def _deliver(self, index, users):
        with self._deliveries:
            number = next(self._numbers)
            for server in (self.restante, self.dovecot):
                server.deliver(number, self.corpus[index], users)

    def run_all(self):
        """(user, script, outcome) in the order in which they were done."""
        todo = queue.SimpleQueue()
        for item in self.scripts.items():
            todo.put(item)
        done = []

        def work():
            while True:
                try:
                    user, script = todo.get_nowait()
                except queue.Empty:
                    return
                outcome = compare.run(script, self.restante, self.dovecot)
                done.append((user, script, outcome))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    def rerun(self, script, user):
        """The outcome with an account that nobody has used; None without one."""
        try:
            fresh = self._spare.get_nowait()
        except queue.Empty:
            return None
        script = renamed(script, user, fresh)
        for index in script.mail:
            self._deliver(index, [fresh])
        return compare.run(script, self.restante, self.dovecot)

    def shorten(self, script, user, kind):
        """The script with all left out that it fails without in the same way, and how
        it fails."""
        outcome = None
        progress = True
        while progress:
            progress = False
            for smaller in shorter(script):
                result = self.rerun(smaller, user)
                if result is None:
                    return script, outcome
                if kind in map(kind_of, result.unexplained):
                    script, outcome, progress = smaller, result, True
                    break
        return script, outcome


def shorter(script):
    """Scripts with something less, the largest steps first."""
    for number, session in enumerate(script.sessions):
        if len(script.sessions) > 1:
            smaller = copy.deepcopy(script)
            del smaller.sessions[number]
            yield smaller
        size = len(session.lines) // 2
        while size:
            for first in range(0, len(session.lines), size):
                smaller = copy.deepcopy(script)
                del smaller.sessions[number].lines[first:first + size]
                yield smaller
            size //= 2
        if session.segments or not session.in_turn:
            smaller = copy.deepcopy(script)
            smaller.sessions[number].segments = []
            smaller.sessions[number].in_turn = True
            yield smaller


def renamed(script, user, fresh):
    """The same script for another account, whose name is as long."""
    script = copy.deepcopy(script)
    user, fresh = user.encode(), fresh.encode()
    for session in script.sessions:
        session.lines = [b" ".join(_renamed_word(word, user, fresh) for word in line.split(b" "))
                         for line in session.lines]
    return script


def _renamed_word(word, user, fresh):
    try:
        decoded = base64.b64decode(word, validate=True)
    except ValueError:
        decoded = b""
    if user in decoded:
        return base64.b64encode(decoded.replace(user, fresh))
    return word.replace(user, fresh)


def kind_of(difference):
    return (difference.keyword, difference.logged_in, difference.ours.status,
            difference.theirs.status, difference.ours.code, difference.theirs.code)


def halves(mail):
    """Where a script's mail begins anew with a smaller number."""
    cut = next((i for i in range(1, len(mail)) if mail[i] < mail[i - 1]), len(mail))
    return mail[:cut], mail[cut:]


def report(done, began):
    used = collections.Counter(rule.name for _, _, outcome in done for rule, _ in outcome.explained)
    commands = sum(outcome.commands for _, _, outcome in done)
    print("%d scripts, %d commands in %.0f s; differences by rule:" % (
        len(done), commands, time.monotonic() - began))
    for rule in rules.RULES:
        print("  %6d  %s (right: %s; %s)" % (used[rule.name], rule.name, rule.right,
                                            rule.reference))
    return [rule.name for rule in rules.RULES if not used[rule.name]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scripts", type=int, default=SCRIPTS)
    parser.add_argument("--briefly", action="store_true", help="don't shorten what fails")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    began = time.monotonic()
    comparison = Comparison(options.seed, options.scripts)
    try:
        comparison.deliver_all()
        done = comparison.run_all()
        failed = [item for item in done if not item[2].ok]
        # One of each kind.
        kinds = {kind_of(outcome.unexplained[0]): (user, script, outcome)
                 for user, script, outcome in reversed(failed)}
        for kind, (user, script, outcome) in kinds.items():
            print("\nFAILED: seed %d" % script.seed)
            for difference in outcome.unexplained:
                print(difference.describe())
            if options.briefly:
                continue
            script, shortened = comparison.shorten(script, user, kind)
            if shortened is None:
                print("It didn't fail a second time.")
                continue
            print("As short as it fails:\n%s" % script.describe())
            for difference in shortened.unexplained:
                print(difference.describe())
        if failed:
            print(comparison.restante.log_tails())
            print(comparison.dovecot.log_tails())
    finally:
        comparison.stop()
    stale = report(done, began)
    if stale and options.scripts >= 3000:
        print("Rules that explain nothing any more: " + ", ".join(stale))
        return 1
    if failed:
        print("%d scripts failed" % len(failed))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
