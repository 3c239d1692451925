"""The load generators against the real programs: what is right passes, and a wrong octet, a
lost message, one too many or an error makes a run invalid. And what the bench makes of
figures: a ratio under its bar is told.
"""

import argparse
import json
import os
import poplib
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import report  # noqa: E402
import resources  # noqa: E402
from servers import harness  # noqa: E402
from works import WORKS  # noqa: E402

PASSWORD = "tulip"
USERS = ["load%02d@example.org" % i for i in range(8)]
BRIEF = ["--seconds", "0.15", "--warm-up", "0.05", "--connections", "4"]


class LoadTest(harness.StackTest):
    # A run that is invalid ends in the middle of its sessions.
    configs = {"pop3d": {"lock_wait": "20s"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.import_accounts(USERS, PASSWORD)
        cls.load("--messages", "2", "fill")

    @classmethod
    def users_file(cls, name, users, password=PASSWORD):
        path = os.path.join(cls.stack.dir, name)
        with open(path, "w") as file:
            file.writelines("%s\t%s\n" % (user, password) for user in users)
        return path

    @classmethod
    def command(cls, *arguments, pop3=None, users=USERS[:6], password=PASSWORD):
        return [harness.program("restante-load"), "--pop3", pop3 or cls.stack.pop3_address,
                "--lmtp", cls.stack.lmtp_address,
                "--users", cls.users_file("users", users, password), *BRIEF, *arguments]

    @classmethod
    def load(cls, *arguments, **where):
        done = subprocess.run(cls.command(*arguments, **where), capture_output=True, text=True,
                              timeout=60 * harness.PATIENCE)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    def expect_invalid(self, why, *arguments, **where):
        with self.assertRaisesRegex(AssertionError, "this run is invalid: .*" + why):
            self.load(*arguments, **where)

    # What is right --------------------------------------------------------------------

    def test_sessions_that_read(self):
        for work in (["poll"], ["stat"], ["fetch"], ["fetch", "--pipelined"]):
            self.assertGreater(self.load("--messages", "2", *work)["operations"], 0, work)

    def test_deliveries_are_found_again_and_leave_nothing(self):
        for work in ([], ["--recipients", "2"], ["--octets", "50000"]):
            self.load("deliver", *work, users=USERS[6:])
            self.load("poll", users=USERS[6:])

    def test_a_drain_leaves_nothing(self):
        figures = self.load("drain", "--messages", "3", users=USERS[6:])
        self.assertEqual(figures["operations"] % 6, 0)
        self.load("poll", users=USERS[6:])

    def test_handshakes_full_and_resumed(self):
        tls = ["--tls", "handshake"]
        self.assertEqual(self.load(*tls, pop3=self.stack.pop3s_address)["resumed_share"], 0)
        resumed = self.load(*tls, "--resume", pop3=self.stack.pop3s_address)
        self.assertEqual(resumed["resumed_share"], 1)

    def test_sessions_wait_until_they_are_told_to_end(self):
        with self.marked("idle", "--messages", "2", "--tls",
                         pop3=self.stack.pop3s_address) as process:
            self.go_on_at(process, "begin wait")
            self.await_mark(process, "end wait")
            self.assertIsNone(process.poll())
            figures = self.finish(process)
        self.assertEqual(figures["operations"], 6)

    def test_maildirs_have_what_a_delivery_would_have_brought(self):
        maildirs = os.path.join(self.stack.dir, "maildirs")
        os.mkdir(maildirs)
        figures = self.load("--maildirs", maildirs, "--messages", "3", "--octets", "1000",
                            "--unread", "fill")
        self.assertEqual(figures["operations"], 18)
        for user in USERS[:6]:
            new = os.path.join(maildirs, user, "new")
            self.assertEqual(len(os.listdir(new)), 3)
            for name in os.listdir(new):
                with open(os.path.join(new, name), "rb") as file:
                    octets = file.read()
                self.assertNotIn(b"\r", octets)
                self.assertEqual(len(octets.replace(b"\n", b"\r\n")), 1000)
                self.assertTrue(octets.startswith(b"X-Load: " + user.encode()))
                self.assertIn(b"\n.this line begins with a dot\n", octets)

    def test_the_contract_and_a_bare_stream(self):
        api = [harness.program("restante-load-api"), "--seconds", "0.15", "--warm-up", "0.05"]
        users = self.users_file("api", USERS[:1])
        written = self.users_file("written", USERS[6:])
        of_stack = ["--server", self.stack.grpc_address]
        for work in (["deliver", *of_stack, "--users", written, "--streams", "2"],
                     ["deliver", *of_stack, "--users", written, "--under-way", "8"]):
            self.assertGreater(run_json(api + work)["operations"], 0)
        with subprocess.Popen(api + ["bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as bare:
            address = bare.stdout.readline().strip()
            bare_fetch = ["fetch", "--server", address, "--bare-messages", "50"]
            self.assertGreater(run_json(api + bare_fetch)["operations"], 0)
            bare.stdin.close()
        # What lmtpd has put in front of a message isn't what the contract's reader expects.
        failed = subprocess.run(api + ["fetch", *of_stack, "--users", users, "--octets", "600"],
                                capture_output=True, text=True)
        self.assertIn("this run is invalid", failed.stderr)

    # What is wrong --------------------------------------------------------------------

    def test_a_wrong_octet(self):
        with Forger(self.stack.pop3, b"tulips, roses", b"tulips. roses") as forger:
            self.expect_invalid("wrong octets", "--messages", "2", "fetch",
                                pop3=forger.address)

    def test_a_list_that_lies(self):
        with Forger(self.stack.pop3, b"\r\n2 ", b"\r\n2 9") as forger:
            self.expect_invalid("LIST announced", "--messages", "2", "fetch",
                                pop3=forger.address)

    def test_a_uidl_that_changes(self):
        with Forger(self.stack.pop3, b"\r\n2 ", b"\r\n2 x", every=5) as forger:
            self.expect_invalid("UIDL has changed", "--messages", "2", "--seconds", "5", "poll",
                                pop3=forger.address)

    def test_fewer_messages_than_there_should_be(self):
        for work in ("poll", "fetch"):
            self.expect_invalid("", "--messages", "3", work)

    def test_an_error(self):
        self.expect_invalid("PASS", "poll", password="wrong", users=USERS[6:])

    def test_an_unknown_recipient(self):
        self.expect_invalid("LMTP", "deliver", users=["nobody@example.org"])

    def test_an_acknowledged_message_that_is_lost(self):
        with self.marked("deliver", users=USERS[6:7]) as process:
            self.await_mark(process, "over wait")
            pop3 = self.log_in(USERS[6])
            pop3.dele(1)
            pop3.quit()
            self.expect_end(process, "is missing")
        self.empty(USERS[6])

    def test_a_message_that_is_there_twice(self):
        with self.marked("deliver", "--unread", users=USERS[6:7]) as process:
            self.go_on_at(process, "over wait")
            self.finish(process)
        with self.marked("deliver", users=USERS[6:7]) as process:
            self.go_on_at(process, "over wait")
            self.expect_end(process, "is there twice, or was never acknowledged")
        self.empty(USERS[6])

    # ----------------------------------------------------------------------------------

    def marked(self, *arguments, **where):
        return subprocess.Popen(self.command("--marks", *arguments, **where), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def await_mark(self, process, mark):
        for line in process.stdout:
            if line.strip() == mark:
                return
        self.fail("no %s: %s" % (mark, process.stderr.read()))

    def go_on_at(self, process, mark):
        self.await_mark(process, mark)
        process.stdin.write("\n")
        process.stdin.flush()

    def finish(self, process):
        out, errors = process.communicate("\n", timeout=60 * harness.PATIENCE)
        self.assertEqual(process.returncode, 0, errors)
        return json.loads(out.splitlines()[-1])

    def expect_end(self, process, why):
        _, errors = process.communicate("\n", timeout=60 * harness.PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn(why, errors)

    def log_in(self, user):
        pop3 = poplib.POP3(*self.stack.pop3, timeout=60)
        pop3.user(user)
        pop3.pass_(PASSWORD)
        return pop3

    def empty(self, user):
        pop3 = self.log_in(user)
        for number in range(1, pop3.stat()[0] + 1):
            pop3.dele(number)
        pop3.quit()


class Forger:
    """Relays connections, and forges what the server says: `old` becomes `new`, once in
    each `every`th connection."""

    def __init__(self, server, old, new, every=1):
        self._server, self._old, self._new, self._every = server, old, new, every
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self):
        connections = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            forge = (len(connections) + 1) % self._every == 0
            connections.append(threading.Thread(target=self._serve, args=(client, forge)))
            connections[-1].start()
        for connection in connections:
            connection.join()

    def _serve(self, client, forge):
        with client, socket.create_connection(self._server) as server:
            upward = threading.Thread(target=self._relay, args=(client, server, False))
            upward.start()
            self._relay(server, client, forge)
            upward.join()

    def _relay(self, source, to, forge):
        try:
            while octets := source.recv(65536):
                if forge:
                    octets = octets.replace(self._old, self._new, 1)
                to.sendall(octets)
        except OSError:
            pass  # the generator ends in the middle
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already


class ReportTest(unittest.TestCase):
    OPTIONS = argparse.Namespace(large=1000)

    def row(self, key, connections, **values):
        work = next(work for work in WORKS if work.key == key)
        return report.row(work, connections, {
            server.replace("_", "-"): [
                {"value": value, "cpu_us": 1, "load_cpu_share": 0.1} for value in of_rounds]
            for server, of_rounds in values.items()}, self.OPTIONS)

    def test_the_ratio_is_against_the_best_dovecot_by_medians(self):
        row = self.row("poll", 32, restante=[40, 42, 900], dovecot_maildir=[10, 9, 11],
                       dovecot_sdbox=[14, 2, 15], courier=[100])
        self.assertEqual(row["best_dovecot"], "dovecot-sdbox")
        self.assertEqual(row["ratio"], 3)
        self.assertTrue(row["met"])

    def test_a_ratio_under_its_bar_is_missed(self):
        row = self.row("poll", 32, restante=[29], dovecot_maildir=[10])
        self.assertFalse(row["met"])
        self.assertEqual(report.missed({"rows": [row], "limits": []}), [row["title"]])

    def test_less_time_is_better(self):
        row = self.row("big-warm", 1, restante=[10], dovecot_maildir=[50], dovecot_sdbox=[40])
        self.assertEqual(row["ratio"], 4)
        self.assertTrue(row["met"])

    def test_bars_hold_at_their_number_of_connections_only(self):
        row = self.row("poll", 256, restante=[10], dovecot_maildir=[10])
        self.assertIsNone(row["met"])

    def test_no_ratio_without_a_dovecot(self):
        row = self.row("poll", 32, restante=[10], courier=[1])
        self.assertIsNone(row["ratio"])
        self.assertIsNone(row["met"])


class ResourcesTest(unittest.TestCase):
    # A shell whose child has burnt CPU time and ended, and whose other child waits.
    SHELL = """
i=0
(while [ $i -lt 200000 ]; do i=$((i + 1)); done)
exec 3<&0
cat <&3 &
echo $!
wait"""

    def test_all_processes_of_a_tree_count_also_those_that_have_ended(self):
        with subprocess.Popen(["sh", "-c", self.SHELL], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as shell:
            child = int(shell.stdout.readline())
            self.assertEqual(set(resources.tree([shell.pid])), {shell.pid, child})
            self.assertGreater(resources.cpu_seconds([shell.pid]),
                               resources.cpu_seconds([child]) + 0.02)
            self.assertGreater(resources.memory_octets([shell.pid]),
                               resources.memory_octets([child]))
            os.kill(child, 9)
            shell.stdin.close()


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=60 * harness.PATIENCE)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    harness.main()
