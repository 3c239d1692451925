"""./dev run and ./dev stop, as people use them, on programs that are built already
($RESTANTE_BIN), free ports and a temporary directory."""

import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

DEV = pathlib.Path(__file__).resolve().parent.parent.parent / "dev"
sys.path.insert(0, str(DEV.parent / ".dev"))
import service  # noqa: E402

FREE_PORTS = [w for name in ("pop3", "pop3s", "lmtp", "grpc") for w in (f"--{name}-port", "0")]
TIMEOUT = 240
READY = re.compile(
    r"^READY pop3=(127\.0\.0\.1:\d+) pop3s=(127\.0\.0\.1:\d+) lmtp=(127\.0\.0\.1:\d+) "
    r"grpc=(127\.0\.0\.1:\d+) dir=(.+)$",
    re.MULTILINE,
)


def dev(*arguments, **options):
    return subprocess.run(
        [DEV, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False,
        stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


class DevRunTest(unittest.TestCase):
    def setUp(self):
        # With a space: paths of people have some.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="restante dev run "))
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(dev, "stop", "--dir", self.dir)

    def run_in_background(self, *arguments):
        done = dev("run", "--background", "--dir", self.dir, *FREE_PORTS, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, READY)
        return done.stdout

    def stop(self):
        done = dev("stop", "--dir", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)

    def curl_hints(self, output):
        hints = re.findall(r"^ +(curl .*)$", output, re.MULTILINE)
        self.assertEqual(len(hints), 2, output)
        return hints

    def fetch(self, output):
        """What the first curl command of the hints prints."""
        return subprocess.run(
            self.curl_hints(output)[0] + " -sS", shell=True, check=True, capture_output=True,
            timeout=TIMEOUT,
        ).stdout  # fmt: skip

    def listing(self, output, command):
        address = READY.search(output)[1]
        return subprocess.run(
            ["curl", "-sS", "-u", "demo@example.org:demo", "-X", command, f"pop3://{address}/"],
            check=True, capture_output=True, timeout=TIMEOUT, text=True,
        ).stdout.splitlines()  # fmt: skip

    def test_the_printed_commands_work_when_pasted(self):
        output = self.run_in_background()
        self.assertEqual(READY.search(output)[5], str(self.dir.resolve()))
        for hint in self.curl_hints(output):
            with self.subTest(hint):
                done = subprocess.run(
                    hint, shell=True, capture_output=True, text=True, timeout=TIMEOUT,
                    check=False,
                )  # fmt: skip
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Subject: Welcome to Restante", done.stdout)

    def test_a_restart_keeps_the_data_and_delivers_no_sample_twice(self):
        first = self.run_in_background()
        message, uidls = self.fetch(first), self.listing(first, "UIDL")
        self.assertEqual(len(uidls), 3)
        certificate = (self.dir / "tls" / "cert.pem").read_bytes()
        self.stop()
        second = self.run_in_background()
        self.assertEqual(self.fetch(second), message)
        self.assertEqual(self.listing(second, "UIDL"), uidls)
        self.assertEqual((self.dir / "tls" / "cert.pem").read_bytes(), certificate)

    def test_a_second_run_in_the_same_directory_is_refused(self):
        output = self.run_in_background()
        second = dev("run", "--background", "--dir", self.dir, *FREE_PORTS)
        self.assertEqual(second.returncode, 1)
        self.assertIn("already runs in", second.stderr)
        self.assertNotIn("READY", second.stdout)
        self.fetch(output)

    def test_stop_ends_everything(self):
        output = self.run_in_background()
        self.stop()
        for address in READY.search(output).groups()[:4]:
            host, port = address.split(":")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((host, int(port)), timeout=10)
        again = dev("stop", "--dir", self.dir)
        self.assertEqual(again.returncode, 0)
        self.assertIn("nothing runs in", again.stdout)

    def test_in_the_foreground_it_runs_until_it_is_interrupted(self):
        with subprocess.Popen(
            [DEV, "run", "--dir", self.dir, *FREE_PORTS], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            start_new_session=True,
        ) as run:  # fmt: skip
            self.assertRegex(run.stdout.readline(), READY)
            # As the terminal does it: to all of the foreground.
            os.killpg(run.pid, signal.SIGINT)
            _, errors = run.communicate(timeout=TIMEOUT)
        self.assertEqual(run.returncode, 0, errors)
        self.assertIn("stopped", errors)
        self.assertNotIn("killed", errors)

    def test_a_program_that_dies_ends_the_run_with_an_error(self):
        with subprocess.Popen(
            [DEV, "run", "--dir", self.dir, *FREE_PORTS], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        ) as run:  # fmt: skip
            self.assertRegex(run.stdout.readline(), READY)
            children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text()
            lmtpd = next(
                pid for pid in map(int, children.split())
                if os.readlink(f"/proc/{pid}/exe").endswith("/restante-lmtpd")
            )  # fmt: skip
            os.kill(lmtpd, signal.SIGKILL)
            _, errors = run.communicate(timeout=TIMEOUT)
        self.assertEqual(run.returncode, 1)
        self.assertIn("restante-lmtpd ended by SIGKILL", errors)

    def test_a_program_that_does_not_start_shows_the_end_of_its_log(self):
        (self.dir / "data").write_text("not a directory\n")
        # The directory itself is refused first; a store that isn't one comes next.
        done = dev("run", "--background", "--dir", self.dir, *FREE_PORTS)
        self.assertEqual(done.returncode, 1)
        (self.dir / "data").unlink()
        (self.dir / "data").mkdir()
        (self.dir / "data" / "CURRENT").write_text("not a store\n")
        done = dev("run", "--background", "--dir", self.dir, *FREE_PORTS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("restante-storage ended with status 1; the end of", done.stderr)

    def test_without_the_demo_there_is_no_account(self):
        output = self.run_in_background("--no-demo")
        address = READY.search(output)[1]
        done = subprocess.run(
            ["curl", "-sS", "-u", "demo@example.org:demo", f"pop3://{address}/"],
            capture_output=True, check=False, timeout=TIMEOUT,
        )  # fmt: skip
        self.assertEqual(done.returncode, 67)  # login denied

    def test_a_port_that_is_taken_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            arguments = [*FREE_PORTS, "--lmtp-port", port]
            done = dev("run", "--background", "--dir", self.dir, *arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {port} for lmtp can't be used", done.stderr)
        self.assertIn("--lmtp-port N", done.stderr)

    def test_a_directory_that_cannot_be_made_is_named(self):
        blocked = self.dir / "file"
        blocked.write_text("")
        done = dev("run", "--background", "--dir", blocked / "run", *FREE_PORTS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("can't be used", done.stderr)

    def test_wrong_arguments_are_refused_before_anything_starts(self):
        for arguments in (["--pop3-port", "x"], ["--pop3-port", "70000"], ["--bogus"],
                          ["--pop3-port", "5", "--lmtp-port", "5"]):  # fmt: skip
            with self.subTest(arguments):
                done = dev("run", "--dir", self.dir, *arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn("usage:", done.stderr)

    def test_a_relative_directory_is_the_callers(self):
        done = dev("run", "--background", "--dir", "here", *FREE_PORTS, cwd=self.dir)
        self.addCleanup(dev, "stop", "--dir", self.dir / "here")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.dir / "here" / "data").is_dir())


class Interrupted(Exception):
    """What the handler of ServiceTest's signal raises, wherever it strikes."""


class ServiceTest(unittest.TestCase):
    def test_a_signal_at_any_moment_leaves_a_program_that_can_be_awaited(self):
        def interrupt(signum, frame):
            raise Interrupted

        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "program"
            program.write_text("#!/bin/sh\nexec sleep 600\n")
            program.chmod(0o755)
            started = service.Service(program, "none", pathlib.Path(folder) / "log")
            before = signal.signal(signal.SIGALRM, interrupt)
            self.addCleanup(signal.signal, signal.SIGALRM, before)
            for number in range(20_000):
                try:
                    # At another place of what is asked each time.
                    signal.setitimer(signal.ITIMER_REAL, (1 + number % 50) * 1e-6)
                    while True:
                        self.assertFalse(started.has_ended())
                except Interrupted:
                    pass
            started.ask_to_stop()
            select.select([started.exited], [], [], TIMEOUT)
            self.assertTrue(started.has_ended())
            self.assertIn("SIGTERM", started.await_end(TIMEOUT))


class DevTest(unittest.TestCase):
    def test_alone_it_lists_its_verbs_with_a_line_each(self):
        listed = dev()
        self.assertEqual(listed.returncode, 0)
        for verb in ("run", "stop", "test", "build", "format", "lint", "asan", "tsan",
                     "ci-full", "bench", "fuzz", "clean"):  # fmt: skip
            self.assertRegex(listed.stdout, rf"(?m)^  {verb} +\S+")

    def test_an_unknown_verb_is_refused_with_the_list(self):
        done = dev("start")
        self.assertEqual(done.returncode, 2)
        self.assertIn("'start' isn't a verb", done.stderr)
        self.assertIn("  run ", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
