"""What must not be learnt or smuggled in over POP3 and LMTP: whether a user exists,
passwords in the clear, commands injected before TLS, and anything of our inside.
"""

import re
import ssl
import subprocess
import time

import harness
from clients import Closed, Lmtp, Pop3

USER = "guarded@example.org"
PASSWORD = "right horse"
DELAY = 0.8

# Words that only our own code, files and libraries would say.
INTERNALS = re.compile(
    rb"grpc|rocksdb|protobuf|absl|status(code)?\b|exception|errno|\.cc\b|/tmp|/var|/home|"
    rb"127\.0\.0\.1:\d|deadline|unavailable|restante[-_.]|0x[0-9a-f]{6}", re.I)


class Guarded(harness.StackTest):
    configs = {"pop3d": {"failed_login_delay": "%dms" % (DELAY * 1000)}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The real hash, as an operator would have it.
        cls.stack.create_account(USER, PASSWORD)
        cls.stack.create_account("disabled@example.org", PASSWORD)
        cls.stack.ctl("accounts", "disable", "disabled@example.org")

    def open(self, tls=False):
        pop3 = Pop3(self.stack.pop3s if tls else self.stack.pop3, tls)
        self.addCleanup(pop3.close)
        return pop3

    def refusal(self, user, password):
        pop3 = self.open()
        begin = time.monotonic()
        first = pop3.command("USER " + user)
        second = pop3.command("PASS " + password) if first.startswith(b"+OK") else b""
        return (first, second), time.monotonic() - begin

    def test_unknown_user_and_wrong_password_look_alike_in_text(self):
        wrong, _ = self.refusal(USER, "wrong")
        unknown, _ = self.refusal("nobody@example.org", "wrong")
        self.assertEqual(wrong, unknown)
        self.assertTrue(wrong[1].startswith(b"-ERR [AUTH]"), wrong)
        for user in ("nobody", "nobody@nowhere.example", "@", "a@b@c",
                     "x" * 200, "../../etc/passwd", "%s%n", "nobody@-bad-.example"):
            replies, _ = self.refusal(user, "wrong")
            self.assertEqual(replies[-1] or replies[0], wrong[1], user)

    def test_unknown_user_and_wrong_password_look_alike_in_time(self):
        wrong, unknown = [], []
        for _ in range(5):
            wrong.append(self.refusal(USER, "wrong")[1])
            unknown.append(self.refusal("nobody@example.org", "wrong")[1])
        for seconds in wrong + unknown:
            self.assertGreaterEqual(seconds, DELAY * 0.95)
        # What else the machine does only adds time, so the shortest tell most.
        difference = abs(min(wrong) - min(unknown))
        print("At least %.1f ms for a wrong password, %.1f ms for an unknown user" % (
            min(wrong) * 1000, min(unknown) * 1000))
        self.assertLess(difference, 0.1 * harness.PATIENCE)

    def test_a_right_password_of_a_disabled_account_is_refused(self):
        (_, reply), _ = self.refusal("disabled@example.org", PASSWORD)
        self.assertTrue(reply.startswith(b"-ERR"), reply)
        wrong, _ = self.refusal("disabled@example.org", "wrong")
        self.assertEqual(wrong[1], self.refusal(USER, "wrong")[0][1])

    def test_a_flood_of_wrong_passwords_does_not_stop_good_logins(self):
        self.open().log_in(USER, PASSWORD).quit()  # now it is known
        flood = [self.open() for _ in range(64)]
        for pop3 in flood:
            pop3.send(b"USER %s\r\nPASS wrong\r\n" % USER.encode())
        begin = time.monotonic()
        self.open().log_in(USER, PASSWORD).quit()
        self.assertLess(time.monotonic() - begin, 2 * harness.PATIENCE)
        for pop3 in flood:
            pop3.line()
            # A server that is too busy says so; it must never be a success.
            self.assertTrue(pop3.line().startswith(b"-ERR"))

    def test_after_stls_what_came_in_the_clear_is_forgotten(self):
        for injected in (b"USER %s\r\n" % USER.encode(), b"CAPA\r\nNOOP\r\n", b"USE", b"\r\n"):
            pop3 = self.open()
            pop3.send(b"STLS\r\n" + injected)
            reply = pop3.line()
            if not reply.startswith(b"+OK"):
                continue
            try:
                pop3.start_tls()
                # Two commands of ours have two replies; what was injected has none.
                pop3.send(b"XYZZY\r\nQUIT\r\n")
                replies = pop3.rest().split(b"\r\n")
                self.assertEqual([reply[:4] for reply in replies], [b"-ERR", b"+OK ", b""], replies)
            except (Closed, ConnectionError, ssl.SSLError):
                pass  # dropped and closed: right

    def test_a_user_given_before_stls_is_forgotten(self):
        pop3 = self.open()
        pop3.ok("USER " + USER)
        pop3.ok("STLS")
        pop3.start_tls()
        self.assertTrue(pop3.command("PASS " + PASSWORD).startswith(b"-ERR"))
        pop3.log_in(USER, PASSWORD)

    def test_stls_is_listed_and_taken_once_and_before_login_only(self):
        pop3 = self.open()
        pop3.ok("CAPA")
        self.assertIn(b"STLS\r\n", pop3.multiline())
        pop3.ok("STLS")
        pop3.start_tls()
        pop3.ok("CAPA")
        self.assertNotIn(b"STLS", pop3.multiline())
        self.assertTrue(pop3.command("STLS").startswith(b"-ERR"))
        clear = self.open().log_in(USER, PASSWORD)
        self.assertTrue(clear.command("STLS").startswith(b"-ERR"))

    def test_old_tls_is_refused_and_new_is_taken(self):
        for version, works in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True),
                               ("-tls1_3", True)):
            done = subprocess.run(
                ["openssl", "s_client", "-quiet", "-connect", "%s:%d" % self.stack.pop3s, version,
                 "-cipher", "ALL:@SECLEVEL=0", "-CAfile", self.stack.certificate],
                input=b"QUIT\r\n", capture_output=True, timeout=30)
            self.assertEqual(b"+OK" in done.stdout, works, (version, done.stderr[-500:]))

    def test_no_reply_of_pop3_shows_the_inside(self):
        said = []
        pop3 = self.open()
        said.append(pop3.greeting)
        for command in ("", " ", "USER", "PASS", "PASS x", "USER " + "x" * 300, "FOO", "A" * 10000,
                        "STAT", "AUTH", "AUTH FOO", "AUTH PLAIN ====", "AUTH PLAIN dGVzdA==",
                        "APOP a b", "STLS x", "USER " + USER):
            try:
                said.append(pop3.command(command))
                if command == "AUTH" and said[-1].startswith(b"+OK"):
                    said.append(pop3.multiline())
                if said[-1].startswith(b"+ "):
                    said.append(pop3.command("*"))
            except (Closed, ConnectionError):
                pop3 = self.open()
        logged_in = self.open(tls=True).log_in(USER, PASSWORD)
        for command in ("RETR 99", "RETR", "TOP 1", "TOP 1 -1", "TOP x y", "DELE 9999999999999999",
                        "UIDL x", "LIST 0", "USER x", "\x00\x01\xff", "XYZZY"):
            said.append(logged_in.command(command))
        self.stack.storage.kill9()
        try:
            for tls in (False, True):
                said.append(self.open(tls).try_log_in(USER, PASSWORD))
            for command in ("RETR 1", "QUIT"):
                try:
                    said.append(logged_in.command(command))
                except (Closed, ConnectionError):
                    break
        finally:
            self.stack.storage.start()
        self.check(said)

    def test_no_reply_of_lmtp_shows_the_inside(self):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            said = []
            for command in ("FOO", "MAIL", "MAIL FROM:<a@b> SIZE=x", "RCPT TO:<%s>" % USER,
                            "MAIL FROM:<a@b>", "RCPT TO:<nobody@example.org>", "RCPT TO:<@>",
                            "RCPT TO:<" + "x" * 400 + "@example.org>", "RCPT TO:<%s>" % USER):
                said.append(lmtp.command(command)[1].encode())
            self.assertEqual(lmtp.command("DATA")[0], 354)
            self.stack.storage.kill9()
            try:
                lmtp.send(b"x\r\n.\r\n")
                said.append(lmtp.reply()[1].encode())
            finally:
                self.stack.storage.start()
        self.check(said)

    def check(self, said):
        for reply in said:
            self.assertIsNone(INTERNALS.search(reply), reply)
            for line in reply.split(b"\r\n"):
                self.assertLessEqual(len(line), 510)

    def test_no_password_and_no_content_is_logged(self):
        secret = "a-secret-password"
        self.stack.create_account("logged@example.org", secret)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo().deliver(b"Subject: private-subject\r\n\r\nprivate-text\r\n",
                                ["logged@example.org"])
        pop3 = self.open().log_in("logged@example.org", secret)
        pop3.retr(1)
        pop3.quit()
        self.refusal("logged@example.org", "a-wrong-password")
        self.open().command("PASS early-password")
        for server in self.stack.servers():
            for word in (secret, "a-wrong-password", "early-password", "private-subject",
                         "private-text"):
                self.assertNotIn(word, server.log(), server.name)
        self.assertIn("logged@example.org", self.stack.pop3d.log())


    def test_a_maildrop_in_use_is_not_logged_as_a_failed_password(self):
        """Tools ban addresses for "auth failed"."""
        self.stack.import_accounts(["busy@example.org"], PASSWORD)
        holder = self.open().log_in("busy@example.org", PASSWORD)
        with Pop3(self.stack.pop3) as second:
            self.assertIn(b"[IN-USE]", second.try_log_in("busy@example.org", PASSWORD))
            second.quit()
        holder.quit()
        self.stack.pop3d.stop()  # all lines are written
        self.stack.pop3d.start()
        lines = [line for line in self.stack.pop3d.log().splitlines() if "<busy@" in line]
        self.assertTrue(any("login refused" in line for line in lines), lines)
        self.assertFalse(any("auth failed" in line for line in lines), lines)


class CleartextRefused(harness.StackTest):
    configs = {"pop3d": {"allow_cleartext_passwords": False, "failed_login_delay": "10ms"}}

    def test_a_password_in_the_clear_is_refused_and_taken_over_tls(self):
        self.stack.import_accounts([USER], PASSWORD)
        with Pop3(self.stack.pop3) as pop3:
            pop3.ok("CAPA")
            self.assertNotIn(b"PLAIN", pop3.multiline())
            self.assertTrue(pop3.command("USER " + USER).startswith(b"-ERR"))
            self.assertTrue(pop3.command("PASS " + PASSWORD).startswith(b"-ERR"))
            self.assertTrue(pop3.command("AUTH PLAIN AGEAYg==").startswith(b"-ERR"))
            pop3.ok("STLS")
            pop3.start_tls()
            pop3.log_in(USER, PASSWORD).quit()
        with Pop3(self.stack.pop3s, tls=True) as pop3:
            pop3.log_in(USER, PASSWORD).quit()


if __name__ == "__main__":
    harness.main()
