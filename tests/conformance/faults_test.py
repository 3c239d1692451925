"""The suite has teeth: a build of the front-end with faults that can be switched on
fails with each of them, and holds without any.

Played are only the cases that are about a fault; which of them notice it is printed.
"""

import concurrent.futures
import os
import re
import sys
import threading
import unittest

import dialogue
import front_ends
import run
import servers
from store import Store

PROGRAM = "restante-pop3d-faulty"
# Which cases are about which fault.
ABOUT = {
    "keywords-in-capitals-only": ["rfc1939/3-replies/keywords*"],
    "unfinished-line-is-a-command": ["rfc2449/6.6-pipelining/*segment*"],
    "long-line-runs-its-end": ["rfc2449/4-lengths/*hides*"],
    "pass-trims-spaces": ["rfc1939/4-authorization/password*"],
    "number-zero-is-one": ["rfc1939/5-*/*zero*"],
    "numbers-wrap": ["rfc1939/5-*/*overflow*"],
    "signed-numbers": ["rfc1939/5-*/*signed*"],
    "more-arguments-are-passed-over": ["rfc1939/5-*/*two-numbers"],
    "bare-line-feeds": ["rfc1939/3-replies/reply*"],
    "small-letters": ["rfc1939/3-replies/reply*"],
    "no-response-codes": ["rfc3206/codes/*-is-auth", "rfc2449/8-*"],
    "in-use-is-auth": ["rfc2449/8-*"],
    "sys-temp-is-auth": ["rfc3206/codes/store-away*"],
    "reply-per-write": ["rfc2449/6.6-pipelining/*together"],
    "echoes-input": ["rfc1939/3-replies/*echoed"],
    "capa-differs-by-state": ["rfc2449/5-capa/same*"],
    "capa-lacks-top-before-login": ["rfc2449/5-capa/announces*"],
    "capa-lists-stls-under-tls": ["rfc2595/4-stls/capa*", "rfc2449/5-capa/*stls*"],
    "pass-without-user-again": ["rfc1939/4-authorization/pass-*"],
    "passwords-in-the-clear": ["rfc1939/4-authorization/passwords-in-the-clear*"],
    "challenge-without-space": ["rfc5034/4-auth/plain*"],
    "acts-for-anybody": ["rfc5034/4-auth/with-*"],
    "transaction-before-login": ["rfc1939/3-replies/*before-login"],
    "stls-takes-clear-text": ["rfc2595/4-stls/*in-the-clear-behind*"],
    "stls-keeps-user": ["rfc2595/4-stls/user*"],
    "list-octets-off-by-one": ["rfc1939/5-stat-list/list*"],
    "stat-octets-off-by-one": ["rfc1939/5-stat-list/stat*"],
    "stat-counts-marked": ["rfc1939/5-stat-list/stat*"],
    "list-shows-marked": ["rfc1939/5-stat-list/list*"],
    "marked-can-be-retrieved": ["rfc1939/5-*/*marked*"],
    "uidl-changes": ["rfc1939/7-uidl"],
    "first-dot-unstuffed": ["rfc1939/5-retr/first*", "rfc1939/5-retr/message-is-a-dot"],
    "dot-unstuffed-at-border": ["rfc1939/5-retr/*border*", "rfc1939/5-retr/every*"],
    "extra-line-end": ["rfc1939/5-retr/retr*"],
    "top-takes-one-line-less": ["rfc1939/7-top"],
    "top-sends-whole": ["rfc1939/7-top"],
    "retr-marks": ["rfc1939/5-retr/retr*"],
    "rset-keeps-marks": ["rfc1939/5-dele-rset/*rset*"],
    "drop-deletes": ["rfc1939/6-update/*deletes-nothing"],
    "quit-answers-first": ["rfc1939/6-update/refused-commit*"],
    "quit-hides-failure": ["rfc1939/6-update/refused-commit*"],
    "quit-deletes-nothing": ["rfc1939/6-update/delet*"],
    "no-close-notify": ["rfc2595/4-stls/end*"],
}
# Enough for a reply on loopback; a fault that shows as silence costs so much.
PATIENCE = 3 * servers.harness.PATIENCE
# Faults at once, each with front-ends of its own.
AT_ONCE = 4


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = dialogue.load()
        cls.store = Store()
        cls.addClassCleanup(cls.store.stop)

    def play(self, fault, cases, workers):
        server = front_ends.Restante(self.store, PROGRAM, {"RESTANTE_FAULT": fault})
        try:
            return run.run(cases, server, PATIENCE, workers)
        finally:
            server.stop()

    def test_without_a_fault_every_case_holds(self):
        results = self.play("none", self.cases, run.WORKERS)
        for result in results:
            if result.outcome in run.FAILURES:
                run.print_result(result)
        self.assertEqual([r.case.id for r in results if r.outcome in run.FAILURES], [])

    def test_each_fault_is_noticed(self):
        lock = threading.Lock()

        def noticed_by(fault):
            cases = run.matching(self.cases, ABOUT[fault])
            results = self.play(fault, cases, 4)
            # A case that couldn't be played has noticed nothing.
            unplayed = [r.case.id + ": " + r.text for r in results
                        if r.outcome in ("BROKEN", "skipped")]
            self.assertEqual(unplayed, [])
            failed = [r.case.id for r in results if r.outcome == "FAILED"]
            with lock:
                print("%-30s noticed by %2d of %2d: %s" % (
                    fault, len(failed), len(cases), failed[0] if failed else "NONE"))
            return fault, failed

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            unnoticed = [fault for fault, failed in pool.map(noticed_by, ABOUT) if not failed]
        self.assertEqual(unnoticed, [])

    def test_every_fault_is_tried(self):
        path = os.path.join(dialogue.FOLDER, "faults.cc")
        with open(path, encoding="utf-8") as file:
            names = re.findall(r'\{"([a-z-]+)", Fault::', file.read())
        self.assertEqual(sorted(names), sorted(["none"] + list(ABOUT)))
        self.assertGreaterEqual(len(ABOUT), 30)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    servers.harness.main()
