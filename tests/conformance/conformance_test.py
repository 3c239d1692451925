"""Plays every case of this folder against our own programs; none may fail, and none
may be left out.
"""

import sys
import time
import unittest

import dialogue
import run
import servers


class Conformance(unittest.TestCase):
    def test_every_case_holds(self):
        cases = dialogue.load()
        server = servers.Restante()
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
                    if result.outcome == "skipped" and not result.case.needs & servers.PENDING]
        self.assertEqual(left_out, [])


if __name__ == "__main__":
    servers.harness.main()
