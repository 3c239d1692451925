"""restante-authd: Dovecot's authentication protocol octet by octet, and Postfix with it, as
its README says: senders log in as they do for POP3, and nobody else may send.
"""

import base64
import itertools
import os
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import harness
import snippets
from exim import Exim
from postfix import Postfix

USER, PASSWORD = "ann@example.org", "tulip"


def plain(user, password):
    return base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()


def word(text):
    return base64.b64encode(text.encode()).decode()


class Mta:
    """What an MTA does with the socket."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30 * harness.PATIENCE)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")
        self.hello = []
        while not self.hello or self.hello[-1] != "DONE":
            self.hello.append(self.line())

    def line(self):
        return self._file.readline().decode().rstrip("\n")

    def send(self, *lines):
        self._socket.sendall("".join(line + "\n" for line in lines).encode())

    def greet(self):
        self.send("VERSION\t1\t1", "CPID\t1")
        return self

    def ask(self, line):
        self.send(line)
        return self.line()

    def close(self):
        self._file.close()
        self._socket.close()


class AuthTestCase(harness.StackTest):
    authd_config = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.create_account(USER, PASSWORD)
        cls.path = os.path.join(cls.stack.dir, "auth.sock")
        cls.authd = harness.Server("restante-authd", cls.stack.dir, harness.merged({
            "listen": ["unix:" + cls.path], "unix_socket_mode": "0666",
            "storage": {"address": cls.stack.grpc_address},
            "failed_login_delay": "10ms"}, cls.authd_config)).start()
        cls.addClassCleanup(cls.stop_authd)

    @classmethod
    def stop_authd(cls):
        assert cls.authd.stop() == 0, cls.authd.log_tail()
        assert not cls.authd.sanitizer_found(), cls.authd.log_tail(200)

    def restart_storage(self):
        self.stack.storage.start()
        harness.eventually(
            lambda: self.mta().ask("AUTH\t1\tPLAIN\tresp=" + plain(USER, PASSWORD)),
            20 * harness.PATIENCE, "the storage service")

    def mta(self):
        mta = Mta(self.path)
        self.addCleanup(mta.close)
        return mta.greet()

    def expect_logins_by_swaks(self, port):
        """In the clear: for TLS it would need another module."""
        program = os.path.join(harness.unpacked("swaks"), "usr/bin/swaks")
        for mechanism, password, code in (("PLAIN", PASSWORD, 0), ("LOGIN", PASSWORD, 0),
                                          ("PLAIN", "rose", 28), ("LOGIN", "rose", 28)):
            done = subprocess.run(
                ["perl", program, "--server", "127.0.0.1", "--port", str(port),
                 "--auth", mechanism, "--auth-user", USER, "--auth-password", password,
                 "--from", USER, "--to", USER, "--helo", "client.test", "--quit-after", "AUTH"],
                capture_output=True, text=True, timeout=60 * harness.PATIENCE)
            self.assertEqual(done.returncode, code, done.stdout)


class ProtocolTest(AuthTestCase):
    def test_says_hello_as_dovecot_does(self):
        hello = [line.split("\t")[0] for line in self.mta().hello]
        self.assertEqual(hello, ["VERSION", "MECH", "MECH", "SPID", "CUID", "COOKIE", "DONE"])
        self.assertEqual(self.authd.addresses["X_RESTANTE_AUTH_SOCKET"], "unix:" + self.path)

    def test_plain_with_an_initial_response(self):
        answer = self.mta().ask("AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.9\tresp="
                                + plain("ANN@example.org", PASSWORD))
        self.assertEqual(answer, "OK\t1\tuser=" + USER)

    def test_plain_and_login_with_challenges(self):
        mta = self.mta()
        self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tservice=smtp"), "CONT\t1\t")
        self.assertEqual(mta.ask("CONT\t1\t" + plain(USER, PASSWORD)), "OK\t1\tuser=" + USER)
        self.assertEqual(mta.ask("AUTH\t2\tLOGIN\tservice=smtp"), "CONT\t2\t" + word("Username:"))
        self.assertEqual(mta.ask("CONT\t2\t" + word(USER)), "CONT\t2\t" + word("Password:"))
        self.assertEqual(mta.ask("CONT\t2\t" + word(PASSWORD)), "OK\t2\tuser=" + USER)

    def test_wrong_logins_fail_alike_and_late(self):
        mta = self.mta()
        for user, password in ((USER, "rose"), ("nobody@example.org", PASSWORD), ("a b", "x")):
            self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + plain(user, password)),
                             "FAIL\t1\tuser=" + user)
        begin = time.monotonic()
        mta.ask("AUTH\t1\tPLAIN\tresp=" + plain(USER, "rose"))
        self.assertGreaterEqual(time.monotonic() - begin, 0.010)

    def test_a_disabled_account_is_told_from_a_wrong_password(self):
        self.stack.create_account("off@example.org", PASSWORD)
        self.stack.ctl("accounts", "disable", "off@example.org")
        mta = self.mta()
        self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + plain("off@example.org", PASSWORD)),
                         "FAIL\t1\tuser=off@example.org\tuser_disabled")
        self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + plain("off@example.org", "rose")),
                         "FAIL\t1\tuser=off@example.org")

    def test_nobody_acts_for_somebody_else_and_other_mechanisms_are_not_there(self):
        mta = self.mta()
        other = base64.b64encode(b"bob@example.org\0ann@example.org\0tulip").decode()
        self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + other), "FAIL\t1\tauthz")
        self.assertEqual(mta.ask("AUTH\t1\tCRAM-MD5\tservice=smtp"), "FAIL\t1")
        self.assertEqual(mta.ask("CONT\t9\t" + word("x")), "FAIL\t9")
        latin = base64.b64encode(b"\0ann\xe9@example.org\0tulip").decode()
        mta.send("AUTH\t1\tPLAIN\tresp=" + latin)
        self.assertTrue(mta._file.readline().startswith(b"FAIL\t1"))

    def test_passwords_do_not_reach_the_log(self):
        self.mta().ask("AUTH\t1\tPLAIN\tresp=" + plain(USER, "very-secret"))
        harness.eventually(lambda: "Login failed user=" + USER in self.authd.log(),
                           20 * harness.PATIENCE, "the line in the log")
        for secret in ("very-secret", plain(USER, "very-secret"), PASSWORD):
            self.assertNotIn(secret, self.authd.log())

    def test_what_is_no_client_is_hung_up_on_and_others_are_served(self):
        mta = self.mta()
        for nonsense in (b"AUTH\t1\tPLAIN\n", b"VERSION\t2\t0\n", b"VERSION\t1\t1\nAUTH\tx\n",
                         b"x" * 100_000):
            hostile = Mta(self.path)
            try:
                hostile._socket.sendall(nonsense)
                self.assertEqual(hostile.line(), "")
            except (BrokenPipeError, ConnectionResetError):
                pass
            hostile.close()
        self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + plain(USER, PASSWORD)),
                         "OK\t1\tuser=" + USER)

    def test_exchanges_that_nobody_ends_are_bounded(self):
        mta = self.mta()
        for number in range(1, 17):
            self.assertEqual(mta.ask("AUTH\t%d\tPLAIN" % number), "CONT\t%d\t" % number)
        self.assertEqual(mta.ask("AUTH\t17\tPLAIN"), "FAIL\t17\ttemp")
        mta.send("CANCEL\t1")
        self.assertEqual(mta.ask("AUTH\t17\tPLAIN"), "CONT\t17\t")

    def test_while_the_storage_service_is_away_the_connection_ends(self):
        mta = self.mta()
        self.stack.storage.stop()
        try:
            # Of a connection that ends MTAs make a temporary failure, of FAIL not all.
            self.assertEqual(mta.ask("AUTH\t1\tPLAIN\tresp=" + plain(USER, PASSWORD)), "")
        finally:
            self.restart_storage()


class ReadmeTest(unittest.TestCase):
    def test_shows_the_examples_that_are_run_here(self):
        snippets.assert_in_readme(self, "auth")


@unittest.skipIf(os.geteuid() != 0, "Postfix' master has to be root")
class SubmissionTest(AuthTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.stack.dir, 0o755)
        cls.port, cls.clear_port = harness.free_port(), harness.free_port()
        submission = "plugins/auth/examples/master.cf"
        cls.postfix = Postfix(
            tempfile.mkdtemp(prefix="postfix-", dir=cls.stack.dir),
            snippets.snippet("plugins/auth/examples/main.cf", {
                "/etc/ssl/certs/mx.pem": cls.stack.certificate,
                "/etc/ssl/private/mx.pem": cls.stack.key})
            + "virtual_mailbox_domains = example.org\n"
            + "virtual_transport = lmtp:unix:" + cls.stack.lmtp_socket + "\n",
            snippets.snippet(submission, {
                "submission inet": "127.0.0.1:%d inet" % cls.port,
                "/run/restante/auth.sock": cls.path})
            # For swaks.
            + snippets.snippet(submission, {
                "submission inet": "127.0.0.1:%d inet" % cls.clear_port,
                "tls_security_level=encrypt": "tls_security_level=none",
                "/run/restante/auth.sock": cls.path}))
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    def submission(self):
        smtp = smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=60)
        self.addCleanup(smtp.close)
        self.assertNotIn("auth", self.extensions(smtp))
        smtp.starttls(context=ssl.create_default_context(cafile=self.stack.certificate))
        self.assertIn("PLAIN", self.extensions(smtp)["auth"])
        return smtp

    @staticmethod
    def extensions(smtp):
        smtp.ehlo()
        return smtp.esmtp_features

    def test_right_passwords_may_send_by_each_mechanism(self):
        for mechanism in ("PLAIN", "LOGIN"):
            smtp = self.submission()
            smtp.user, smtp.password = USER, PASSWORD
            code, _ = smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism.lower()))
            self.assertEqual(code, 235)
            self.assertEqual(smtp.sendmail(USER, [USER], b"Subject: %s\r\n\r\nx\r\n"
                                           % mechanism.encode()), {})
        harness.eventually(lambda: "sasl_username=" + USER in self.postfix.log(),
                           20 * harness.PATIENCE, "the line in Postfix' log")

    def test_wrong_passwords_may_not(self):
        smtp = self.submission()
        with self.assertRaises(smtplib.SMTPAuthenticationError) as raised:
            smtp.login(USER, "rose")
        self.assertEqual(raised.exception.smtp_code, 535)
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail(USER, [USER], b"x")

    def test_swaks_sees_the_same(self):
        self.expect_logins_by_swaks(self.clear_port)

    def test_while_the_storage_service_is_away_the_client_is_to_come_back(self):
        smtp = self.submission()
        self.stack.storage.stop()
        try:
            with self.assertRaises(smtplib.SMTPAuthenticationError) as raised:
                smtp.login(USER, PASSWORD)
            self.assertEqual(raised.exception.smtp_code, 454)
        finally:
            self.restart_storage()


@unittest.skipIf(os.geteuid() != 0, "Exim has to be root to start")
class EximTest(AuthTestCase):
    def exim(self, more):
        os.chmod(self.stack.dir, 0o755)
        exim = Exim(tempfile.mkdtemp(prefix="exim-", dir=self.stack.dir),
                    snippets.snippet("plugins/auth/examples/exim.conf",
                                     {"/run/restante/auth.sock": self.path, **more}),
                    self.stack.certificate, self.stack.key)
        self.addCleanup(exim.stop)
        return exim.start()

    def test_swaks_sees_the_same(self):
        self.expect_logins_by_swaks(self.exim({"${if def:tls_in_cipher}": "true"}).port)

    def test_logins_are_taken_and_refused(self):
        exim = self.exim({})
        for mechanism, initial, (password, code) in itertools.product(
                ("PLAIN", "LOGIN"), (True, False), ((PASSWORD, 235), ("rose", 535))):
            smtp = exim.connect()
            self.addCleanup(smtp.close)
            smtp.ehlo()
            self.assertNotIn("auth", smtp.esmtp_features)
            smtp.starttls(context=ssl.create_default_context(cafile=self.stack.certificate))
            smtp.ehlo()
            smtp.user, smtp.password = USER, password
            try:
                answer = smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism.lower()),
                                   initial_response_ok=initial)
            except smtplib.SMTPAuthenticationError as error:
                answer = error.args
            self.assertEqual(answer[0], code, exim.log())


if __name__ == "__main__":
    harness.main()
