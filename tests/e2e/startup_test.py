"""How the programs refuse to start: each with a clear error that names what is
wrong, an exit code that a script can use, and nothing broken behind.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import Server, Stack, program

SERVERS = ("restante-storage", "restante-pop3d", "restante-lmtpd")
BAD_CONFIGURATION = 2
FAILED = 1


class Startup(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="restante-startup-")
        self.addCleanup(shutil.rmtree, self.dir)

    def run_program(self, name, *arguments, timeout=30):
        done = subprocess.run(
            [program(name), *arguments], capture_output=True, text=True, cwd=self.dir,
            stdin=subprocess.DEVNULL, timeout=timeout * harness.PATIENCE,
            preexec_fn=harness.die_with_parent)
        return done.returncode, done.stdout, done.stderr

    def file(self, text, name="config.yaml"):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def assert_refused(self, name, *arguments, words, code=BAD_CONFIGURATION):
        got, out, err = self.run_program(name, *arguments)
        self.assertEqual(got, code, (name, arguments, out, err))
        for word in words:
            self.assertIn(word, err, (name, arguments))

    def test_help_and_version(self):
        for name in SERVERS + ("restantectl",):
            code, out, _ = self.run_program(name, "--help")
            self.assertEqual(code, 0, name)
            self.assertIn("--help", out)
            code, out, _ = self.run_program(name, "--version")
            self.assertEqual(code, 0, name)
            self.assertRegex(out, r"\d+\.\d+\.\d+")

    def test_an_unknown_key_is_named_with_file_and_line(self):
        for name in SERVERS:
            path = self.file("# comment\nno_such_key: 1\n")
            self.assert_refused(name, "--config", path, words=["config.yaml:2", "no_such_key"])

    def test_a_value_of_a_wrong_type_is_named_with_file_and_line(self):
        for name in SERVERS:
            path = self.file("log:\n  level: [loud]\n")
            self.assert_refused(name, "--config", path, words=["config.yaml:2", "level"])

    def test_a_file_that_is_no_yaml(self):
        for name in SERVERS:
            path = self.file("listen: [unclosed\n")
            self.assert_refused(name, "--config", path, words=["config.yaml"])

    def test_a_file_that_is_not_there(self):
        for name in SERVERS:
            self.assert_refused(name, "--config", "/nonexistent.yaml", words=["/nonexistent.yaml"])

    def test_unknown_options(self):
        for name in SERVERS:
            self.assert_refused(name, "--no-such-option", words=["no-such-option"])

    def test_a_wrong_override_is_named(self):
        for name in SERVERS:
            self.assert_refused(name, "--set", "log.lavel=info", words=["lavel"])

    def test_check_config_starts_nothing(self):
        for name in SERVERS:
            path = self.file("log: {level: debug}\n")
            self.assertEqual(self.run_program(name, "--config", path, "--check-config")[0], 0)
            path = self.file("log: {lavel: debug}\n")
            self.assertEqual(self.run_program(name, "--config", path, "--check-config")[0],
                             BAD_CONFIGURATION)
        self.assertEqual(os.listdir(self.dir), ["config.yaml"])

    def test_an_autologout_under_10_minutes_is_refused(self):
        path = self.file("transaction_timeout: 9m\n")
        self.assert_refused("restante-pop3d", "--config", path,
                            words=["transaction_timeout", "10"])

    def test_tls_without_its_files_is_refused(self):
        path = self.file("listen_tls: ['127.0.0.1:0']\n")
        self.assert_refused("restante-pop3d", "--config", path, words=["tls"])
        path = self.file("tls: {certificate_file: /no/cert.pem, key_file: /no/key.pem}\n"
                         "listen: ['127.0.0.1:0']\n")
        code, _, err = self.run_program("restante-pop3d", "--config", path)
        self.assertNotEqual(code, 0)
        self.assertIn("/no/cert.pem", err)

    def test_a_bad_address_to_listen_on(self):
        for name in SERVERS:
            for address in ("127.0.0.1", "nowhere.example.org:1", "127.0.0.1:99999"):
                path = self.file("listen: ['%s']\n" % address)
                code, _, err = self.run_program(name, "--config", path)
                self.assertNotEqual(code, 0, (name, address))
                self.assertIn(address, err, name)


class TakenPorts(unittest.TestCase):
    def test_a_port_that_is_taken_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            stack = Stack().start()
            self.addCleanup(stack.stop)
            for name, config in (
                    ("restante-storage", {"listen": [address],
                                          "data_dir": os.path.join(stack.dir, "other")}),
                    ("restante-pop3d", {"listen": [address],
                                        "storage": {"address": stack.grpc_address}}),
                    ("restante-lmtpd", {"listen": [address],
                                        "storage": {"address": stack.grpc_address}})):
                directory = tempfile.mkdtemp(dir=stack.dir)
                server = Server(name, directory, config)
                with self.assertRaisesRegex(RuntimeError, "ended with [1-9]"):
                    server.start()
                self.assertIn(address, server.log(), name)


class DataDirectory(unittest.TestCase):
    def setUp(self):
        self.stack = Stack().start()
        self.addCleanup(self.stack.stop)

    def test_a_second_process_on_one_directory_is_refused(self):
        second = Server("restante-storage", tempfile.mkdtemp(dir=self.stack.dir),
                        self.stack._storage_config("127.0.0.1:0"))
        with self.assertRaisesRegex(RuntimeError, "ended with [1-9]"):
            second.start()
        self.assertIn(os.path.join(self.stack.dir, "data"), second.log())
        self.assertRegex(second.log(), "in use|lock")
        # The first one didn't notice.
        self.stack.create_account("still@example.org")

    def test_an_unknown_format_version_is_refused(self):
        self.stack.storage.stop()
        path = os.path.join(self.stack.dir, "data", "FORMAT")
        with open(path) as file:
            known = file.read()
        with open(path, "w") as file:
            file.write("restante-store 4711\n")
        with self.assertRaisesRegex(RuntimeError, "ended with [1-9]"):
            self.stack.storage.start()
        self.assertIn("4711", self.stack.storage.log())
        # Refusing has changed nothing.
        with open(path, "w") as file:
            file.write(known)
        self.stack.storage.start()

    def test_a_directory_that_holds_something_else_is_refused(self):
        other = tempfile.mkdtemp(dir=self.stack.dir)
        with open(os.path.join(other, "letters.txt"), "w") as file:
            file.write("not mail of ours")
        config = self.stack._storage_config("127.0.0.1:0")
        config["data_dir"] = other
        server = Server("restante-storage", tempfile.mkdtemp(dir=self.stack.dir), config)
        with self.assertRaisesRegex(RuntimeError, "ended with [1-9]"):
            server.start()
        self.assertIn(other, server.log())
        self.assertEqual(os.listdir(other), ["letters.txt"])

    def test_data_outlive_a_clean_end(self):
        self.stack.create_account("kept@example.org")
        self.stack.restart()
        addresses = [account["address"]
                     for account in self.stack.ctl_json("accounts", "list")["accounts"]]
        self.assertEqual(addresses, ["kept@example.org"])

    def test_a_directory_that_cannot_be_made_is_named(self):
        blocker = os.path.join(self.stack.dir, "a-file")
        open(blocker, "w").close()
        config = self.stack._storage_config("127.0.0.1:0")
        config["data_dir"] = os.path.join(blocker, "data")
        server = Server("restante-storage", tempfile.mkdtemp(dir=self.stack.dir), config)
        with self.assertRaisesRegex(RuntimeError, "ended with [1-9]"):
            server.start()
        self.assertIn(blocker, server.log())


if __name__ == "__main__":
    harness.main()
