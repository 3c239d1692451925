"""Plays every case of this folder against our own programs; none may fail, and none
may be left out.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

import dialogue
import front_ends
import run
import servers
from store import Store


class Conformance(unittest.TestCase):
    def test_every_case_holds(self):
        cases = dialogue.load()
        server = front_ends.Restante()
        try:
            begin = time.monotonic()
            results = run.run(cases, server, 10 * servers.harness.PATIENCE,
                              report=lambda result: result.outcome != "ok"
                              and run.print_result(result))
            failures = run.print_summary(results, time.monotonic() - begin)
            if failures:
                sys.stdout.write(server.log_tails())
        except BaseException:
            server.stop(check=False)
            raise
        server.stop()
        self.assertEqual(failures, 0)
        left_out = [result.case.id for result in results
                    if result.outcome == "skipped" and not result.case.needs & servers.LONG]
        self.assertEqual(left_out, [])

    def test_the_runner_plays_against_a_server_given_by_addresses(self):
        store = Store()
        self.addCleanup(store.stop)
        store.create_accounts({"plain": 40, "spaces": 4})
        directory = tempfile.mkdtemp(dir=store.stack.dir)
        accounts, junit = (os.path.join(directory, name) for name in ("accounts", "junit"))
        with open(accounts, "w") as file:
            for kind, count in (("plain", 40), ("spaces", 4)):
                for _ in range(count):
                    file.write("%s\t%s\t%s\n" % (*store.account(kind), kind))
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(dialogue.FOLDER, "run.py"),
             "--pop3", store.stack.pop3_address, "--pop3s", store.stack.pop3s_address,
             "--accounts", accounts, "--deliver-to", "lmtp:" + store.stack.lmtp_address,
             "--junit", junit, "rfc1939/5-stat-list", "*password-with-spaces", "*outage*",
             "rfc3206/codes/store-away-is-never-auth"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Tests run: \d+, Failures: 0, Skipped: 1,")
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual(len(suite), int(suite.get("tests")))
        self.assertEqual(len(suite.findall("testcase/skipped")), 1)

    def test_ours_and_dovecot_are_printed_side_by_side(self):
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(dialogue.FOLDER, "compare.py"),
             "--against", "dovecot", "rfc1939/5-retr/first", "rfc1939/5-retr/message-is-a-dot",
             "rfc1939/5-retr/retr-sends-the-message", "rfc6856/2-utf8/utf8-twice"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^case +rule +restante +dovecot *$")
        rows = dict(re.findall(r"(?m)^(rfc\S+) +(?:must|ours) +(\S+ +\S+) *$", done.stdout))
        # What Dovecot is known for shows, what it has right too, and what it hasn't at all.
        self.assertEqual({case: outcomes.split() for case, outcomes in rows.items()}, {
            "rfc1939/5-retr/first-octet-is-a-dot": ["ok", "FAILED"],
            "rfc1939/5-retr/first-line-is-a-dot": ["ok", "FAILED"],
            "rfc1939/5-retr/first-line-is-two-dots": ["ok", "FAILED"],
            "rfc1939/5-retr/message-is-a-dot": ["ok", "FAILED"],
            "rfc1939/5-retr/retr-sends-the-message": ["ok", "ok"],
            "rfc6856/2-utf8/utf8-twice": ["ok", "skipped"]})
        self.assertRegex(done.stdout, r"(?m)^restante +0 of 5 ")
        self.assertRegex(done.stdout, r"(?m)^dovecot +4 of 5 ")


if __name__ == "__main__":
    servers.harness.main()
