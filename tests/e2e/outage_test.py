"""The storage service dies in the middle of sessions and deliveries and comes back:
clients are told of a temporary failure, front-ends recover by themselves, and
nothing that was acknowledged is missing.
"""

import threading

import harness
from clients import Closed, Lmtp, Pop3
from harness import eventually
from ledger import Ledger, make_message

PASSWORD = "tulip"
USERS = ["outage%d@example.org" % i for i in range(4)]
RECOVERY_SECONDS = 5 * harness.PATIENCE
BROKEN = (Closed, ConnectionError)


class Outage(harness.StackTest):
    def setUp(self):
        for server in self.stack.servers()[::-1]:
            if not server.running():
                server.start()
        missing = set(USERS) - {account["address"] for account in
                                self.stack.ctl_json("accounts", "list")["accounts"]}
        if missing:
            self.stack.import_accounts(sorted(missing), PASSWORD)

    def pop3(self):
        pop3 = Pop3(self.stack.pop3)
        self.addCleanup(pop3.close)
        return pop3

    def lmtp(self):
        lmtp = Lmtp(self.stack.lmtp)
        self.addCleanup(lmtp.close)
        return lmtp.lhlo()

    def log_in(self, user):
        pop3 = self.pop3()
        eventually(lambda: pop3.try_log_in(user, PASSWORD).startswith(b"+OK"),
                   RECOVERY_SECONDS + 5, "log-in")
        return pop3

    def deliver(self, user, count=1):
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for number in range(count):
                replies = lmtp.deliver(make_message(number, 2000), [user])
                self.assertEqual(replies[0][0], 250, replies)

    def assert_temporary(self, reply):
        """A reply line, or None for a closed connection."""
        if reply is not None:
            self.assertTrue(reply.startswith(b"-ERR [SYS/TEMP]"), reply)
            self.assertNotIn(b"AUTH", reply)

    def reply_or_none(self, pop3, command):
        try:
            return pop3.command(command)
        except BROKEN:
            return None

    def assert_recovers(self):
        """Both front-ends serve again within 5 s of the storage service being ready."""
        user = USERS[3]

        def log_in():
            with Pop3(self.stack.pop3) as pop3:
                reply = pop3.try_log_in(user, PASSWORD)
                self.assertTrue(reply.startswith((b"+OK", b"-ERR [SYS/TEMP]", b"-ERR [IN-USE]")), reply)
                if reply.startswith(b"+OK"):
                    pop3.quit()
                return reply.startswith(b"+OK")

        def deliver():
            with Lmtp(self.stack.lmtp) as lmtp:
                lmtp.lhlo()
                code, text = lmtp.envelope([user])[0]
                if code == 250:
                    code, text = lmtp.data(make_message(0, 100))[0]
                self.assertIn(code, (250, 451), text)
                return code == 250

        _, pop3_seconds = eventually(log_in, RECOVERY_SECONDS, "POP3 after the outage")
        _, lmtp_seconds = eventually(deliver, RECOVERY_SECONDS - pop3_seconds, "LMTP after the outage")
        print("Recovered after %.2f s (POP3) and %.2f s more (LMTP)." % (pop3_seconds, lmtp_seconds))

    def test_log_in_during_an_outage_is_a_temporary_failure(self):
        before = self.pop3()
        self.stack.storage.kill9()
        self.assert_temporary(before.try_log_in(USERS[0], PASSWORD))
        self.assert_temporary(self.pop3().try_log_in(USERS[0], "wrong"))
        self.assert_temporary(self.pop3().try_log_in("nobody@example.org", "wrong"))
        self.stack.storage.start()
        self.assert_recovers()

    def test_a_session_in_which_the_storage_dies_is_told_so_or_closed(self):
        self.deliver(USERS[0], 3)
        pop3 = self.log_in(USERS[0])
        count = pop3.stat()[0]
        pop3.ok("RETR 1")
        pop3.multiline()
        pop3.ok("DELE 1")
        self.stack.storage.kill9()
        self.assert_temporary(self.reply_or_none(pop3, "RETR 2"))
        self.assert_temporary(self.reply_or_none(pop3, "QUIT"))
        self.stack.storage.start()
        self.assert_recovers()
        self.assertEqual(self.log_in(USERS[0]).stat()[0], count)

    def test_a_storage_that_dies_inside_a_message_never_ends_it(self):
        """A client must not take half a message for a whole one."""
        user = USERS[1]
        large = b"Subject: large\r\n\r\n" + b"a line of a large message, which goes on\r\n" * 1_500_000
        with Lmtp(self.stack.lmtp) as lmtp:
            replies = lmtp.lhlo().deliver(large, [user])
            self.assertEqual(replies[0][0], 250)
        pop3 = self.log_in(user)
        pop3.send(b"RETR 1\r\n")
        self.assertTrue(pop3.line().startswith(b"+OK"))
        self.stack.storage.kill9()
        self.assertFalse(pop3.rest().endswith(b"\r\n.\r\n"))
        self.stack.storage.start()
        self.assert_recovers()
        pop3 = self.log_in(user)
        self.assertTrue(pop3.retr(1) == large)
        pop3.ok("DELE 1")
        pop3.quit()

    def test_deliveries_during_an_outage_are_deferred(self):
        after_rcpt = self.lmtp()
        self.assertEqual(after_rcpt.envelope([USERS[0]])[0][0], 250)
        in_data = self.lmtp()
        self.assertEqual(in_data.envelope([USERS[0], USERS[1]])[1][0], 250)
        self.assertEqual(in_data.command("DATA")[0], 354)
        in_data.send(b"Subject: half\r\n\r\n" + b"half of it\r\n" * 20000)
        in_bdat = self.lmtp()
        in_bdat.envelope([USERS[0]])
        in_bdat.send(b"BDAT 10\r\n0123456789")
        self.assertEqual(in_bdat.reply()[0], 250)

        self.stack.storage.kill9()
        for replies in (after_rcpt.data(b"Subject: late\r\n\r\n"),
                        self.end_of_data(in_data, 2)):
            for code, text in replies:
                self.assertEqual((code, text[:5]), (451, "4.3.0"), text)
        in_bdat.send(b"BDAT 4 LAST\r\nend\n")
        code, text = in_bdat.reply()
        self.assertEqual((code, text[:5]), (451, "4.3.0"), text)
        # A transaction that begins in the outage, and the connection stays usable.
        code, text = after_rcpt.envelope([USERS[0]])[0]
        if code == 250:
            code, text = after_rcpt.data(b"x\r\n")[0]
        self.assertEqual((code, text[:5]), (451, "4.3.0"), text)
        self.assertEqual(after_rcpt.command("RSET")[0], 250)

        self.stack.storage.start()
        self.assert_recovers()
        self.assertEqual(after_rcpt.deliver(b"Subject: now\r\n\r\n", [USERS[0]])[0][0], 250)

    def end_of_data(self, lmtp, recipients):
        lmtp.send(b"the end\r\n.\r\n")
        return [lmtp.reply() for _ in range(recipients)]

    def test_what_was_acknowledged_around_an_outage_is_there(self):
        user = USERS[2]
        ledger = Ledger([user])
        problems = []
        over = threading.Event()

        def deliver():
            """Goes on after failures, as a queue would, with new messages."""
            while not over.is_set():
                try:
                    with Lmtp(self.stack.lmtp) as lmtp:
                        lmtp.lhlo()
                        while not over.is_set():
                            identity = ledger.new_identity()
                            ledger.sent(identity, [user])
                            code, text = lmtp.envelope([user])[0]
                            if code == 250:
                                code, text = lmtp.data(make_message(identity, 3000))[0]
                            if code == 250:
                                ledger.acknowledged(identity, user)
                            elif code == 451:
                                lmtp.command("RSET")
                            else:
                                problems.append((code, text))
                except BROKEN as error:
                    problems.append(("LMTP closed the connection", error))
                    return

        threads = [threading.Thread(target=deliver) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            ledger.wait_for_acknowledgements(100, 30 * harness.PATIENCE)
            self.stack.storage.kill9()
            self.stack.storage.start()
            # The same connections deliver again.
            ledger.wait_for_acknowledgements(100, 30 * harness.PATIENCE)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(problems, [])
        pop3 = self.log_in(user)
        uidls = pop3.uidls()
        ledger.check(user, uidls, pop3.retr_all(len(uidls)))
        pop3.quit()

    def test_front_ends_that_start_before_the_storage_wait_for_it(self):
        for server in (self.stack.pop3d, self.stack.lmtpd):
            self.assertEqual(server.stop(), 0)
        self.assertEqual(self.stack.storage.stop(), 0)
        self.stack.pop3d.start(wait=False)
        self.stack.lmtpd.start(wait=False)
        self.stack.storage.start()
        self.stack.pop3d.wait_ready()
        self.stack.lmtpd.wait_ready()
        self.assert_recovers()


if __name__ == "__main__":
    harness.main()
