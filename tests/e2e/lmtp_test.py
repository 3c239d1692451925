"""What restante-lmtpd promises to an MTA, against the real services: one reply per
recipient, the right codes, and that only CRLF.CRLF ends a message.
"""

import smtplib
import threading

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
MESSAGE = b"From: ada.ferri@example.org\r\nSubject: tulips\r\n\r\nThe parcel has arrived.\r\n"


class LmtpTest(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.counter = 0

    def account(self, *options):
        LmtpTest.counter += 1
        address = "lmtp%d@example.org" % self.counter
        self.stack.create_account(address, PASSWORD, *options)
        return address

    def lmtp(self, address=None):
        lmtp = Lmtp(address or self.stack.lmtp)
        self.addCleanup(lmtp.close)
        return lmtp.lhlo()

    def maildrop(self, user):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            messages = pop3.retr_all(pop3.stat()[0])
            pop3.quit()
        return messages

    def test_lhlo_announces_what_it_serves(self):
        extensions = {line.split()[0] for line in self.lmtp().extensions}
        self.assertLessEqual({"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE",
                              "ENHANCEDSTATUSCODES", "CHUNKING"}, extensions)

    def test_helo_and_ehlo_are_refused(self):
        with Lmtp(self.stack.lmtp) as lmtp:
            for greeting in ("HELO a.example.org", "EHLO a.example.org"):
                self.assertEqual(lmtp.command(greeting)[0], 500)

    def test_python_smtplib_delivers(self):
        user = self.account()
        with smtplib.LMTP(*self.stack.lmtp) as lmtp:
            self.assertEqual(lmtp.sendmail("ada.ferri@example.org", [user], MESSAGE), {})
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_the_unix_socket_takes_mail(self):
        user = self.account()
        self.assertEqual(self.lmtp(self.stack.lmtp_socket).deliver(MESSAGE, [user])[0][0], 250)
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_an_unknown_recipient_is_550_and_the_others_get_the_message(self):
        first, second = self.account(), self.account()
        lmtp = self.lmtp()
        replies = lmtp.envelope([first, "nobody@example.org", second, "nobody@elsewhere.net"])
        self.assertEqual([code for code, _ in replies], [250, 550, 250, 550])
        self.assertTrue(replies[1][1].startswith("5.1.1"), replies[1])
        self.assertEqual([code for code, _ in lmtp.data(MESSAGE, 2)], [250, 250])
        self.assertEqual(self.maildrop(first), [MESSAGE])
        self.assertEqual(self.maildrop(second), [MESSAGE])

    def test_without_a_valid_recipient_data_is_refused(self):
        lmtp = self.lmtp()
        lmtp.envelope(["nobody@example.org"])
        self.assertEqual(lmtp.command("DATA")[0], 503)

    def test_a_full_mailbox_is_452_and_the_others_get_the_message(self):
        full = self.account("--quota", "1000")
        other = self.account()
        lmtp = self.lmtp()
        self.assertEqual(lmtp.deliver(MESSAGE, [full])[0][0], 250)
        large = MESSAGE + b"x" * 1500 + b"\r\n"
        replies = lmtp.deliver(large, [full, other])
        self.assertEqual(replies[0][0], 452)
        self.assertTrue(replies[0][1].startswith("4.2.2"), replies[0])
        self.assertEqual(replies[1][0], 250)
        self.assertEqual(self.maildrop(full), [MESSAGE])
        self.assertEqual(self.maildrop(other), [large])

    def test_room_is_back_after_deletion(self):
        user = self.account("--quota", str(len(MESSAGE)))
        lmtp = self.lmtp()
        self.assertEqual(lmtp.deliver(MESSAGE, [user])[0][0], 250)
        replies = lmtp.envelope([user])
        if replies[0][0] == 250:
            replies = lmtp.data(MESSAGE)
        self.assertEqual(replies[0][0], 452)
        lmtp.command("RSET")
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            pop3.ok("DELE 1")
            pop3.quit()
        self.assertEqual(lmtp.deliver(MESSAGE, [user])[0][0], 250)

    def test_quotas_are_exact_under_many_deliveries_at_once(self):
        user = self.account("--quota", str(10 * len(MESSAGE)))
        codes = []

        def deliver():
            with Lmtp(self.stack.lmtp) as lmtp:
                lmtp.lhlo()
                for _ in range(5):
                    code, _ = lmtp.envelope([user])[0]
                    if code == 250:
                        code, _ = lmtp.data(MESSAGE)[0]
                    else:
                        lmtp.command("RSET")
                    codes.append(code)

        threads = [threading.Thread(target=deliver) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes.count(250), 10)
        self.assertEqual(codes.count(452), 30)

    def test_50_recipients_share_one_body(self):
        users = ["fifty%02d@example.org" % i for i in range(50)]
        self.stack.import_accounts(users, PASSWORD)
        replies = self.lmtp().deliver(MESSAGE, users)
        self.assertEqual([code for code, _ in replies], [250] * 50)
        for user in users:
            self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_one_recipient_twice_gets_a_reply_each(self):
        user = self.account()
        self.assertEqual(len(self.lmtp().deliver(MESSAGE, [user, user])), 2)
        self.assertIn(len(self.maildrop(user)), (1, 2))

    def test_a_retry_with_the_mtas_queue_id_is_stored_once(self):
        user, other = self.account(), self.account()
        received = (b"Received: from client.test (unknown [192.0.2.1])\r\n\tby mx.test (Postfix) "
                    b"with ESMTP id BD8F9A780FB\r\n\tfor <%s>; Sat, 28 Nov 2026 05:48:51 +0000\r\n"
                    % user.encode())
        large = received + MESSAGE + b"y" * 300_000 + b"\r\n"
        for message in (received + MESSAGE, large):
            for on_top in (b"", b"Delivery-date: now\r\n"):
                self.assertEqual(self.lmtp().deliver(on_top + message, [user])[0][0], 250)
        self.assertEqual(self.lmtp().deliver(received + MESSAGE, [user, other])[1][0], 250)
        self.assertEqual(self.maildrop(user), [received + MESSAGE, large])
        self.assertEqual(self.maildrop(other), [received + MESSAGE])

    def test_without_a_queue_id_two_equal_messages_are_two(self):
        user = self.account()
        for _ in range(2):
            self.assertEqual(self.lmtp().deliver(MESSAGE, [user])[0][0], 250)
        self.assertEqual(self.maildrop(user), [MESSAGE, MESSAGE])

    def test_address_forms(self):
        user = self.account()
        local, domain = user.split("@")
        self.stack.create_account("bare", PASSWORD)
        lmtp = self.lmtp()
        for form in (user, user.upper(), local + "+detail@" + domain, local + "+a+b@" + domain,
                     '"%s"@%s' % (local, domain)):
            self.assertEqual(lmtp.deliver(MESSAGE, [form])[0][0], 250, form)
        self.assertEqual(self.maildrop(user), [MESSAGE] * 5)
        for form in ("bare", "BARE", "bare+detail"):
            self.assertEqual(lmtp.deliver(MESSAGE, [form])[0][0], 250, form)
        self.assertEqual(self.maildrop("bare"), [MESSAGE] * 3)

    def test_a_null_sender_delivers(self):
        user = self.account()
        lmtp = self.lmtp()
        self.assertEqual(lmtp.envelope([user], sender="")[0][0], 250)
        self.assertEqual(lmtp.data(MESSAGE)[0][0], 250)

    def test_parameters_for_notifications_are_taken(self):
        user = self.account()
        lmtp = self.lmtp()
        self.assertEqual(lmtp.command("MAIL FROM:<a@example.org> RET=FULL ENVID=a+2Bb")[0], 250)
        for parameters, code in (("NOTIFY=NEVER,SUCCESS", 501), ("ORCPT=nobody", 501),
                                 ("NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org", 250)):
            self.assertEqual(lmtp.command("RCPT TO:<%s> %s" % (user, parameters))[0], code)
        self.assertEqual(lmtp.data(MESSAGE)[0][0], 250)
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_several_messages_over_one_connection_pipelined(self):
        user = self.account()
        lmtp = self.lmtp()
        one = (b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n"
               % user.encode())
        for _ in range(20):
            lmtp.send(one)
            self.assertEqual([lmtp.reply()[0] for _ in range(4)], [250, 250, 550, 354])
            lmtp.send(MESSAGE + b".\r\n" + b"NOOP\r\n")
            self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        self.assertEqual(self.maildrop(user), [MESSAGE] * 20)

    def test_commands_one_octet_at_a_time(self):
        user = self.account()
        lmtp = self.lmtp()
        dialogue = (b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.encode(),
                    b"a\r\n..\r\n.\r\n")
        for part, replies in zip(dialogue, (3, 1)):
            for octet in part:
                lmtp.send(bytes([octet]))
            for _ in range(replies):
                self.assertIn(lmtp.reply()[0], (250, 354))
        self.assertEqual(self.maildrop(user), [b"a\r\n.\r\n"])

    def test_bdat_takes_any_octets_in_any_chunks(self):
        user = self.account()
        lmtp = self.lmtp()
        message = b"Subject: chunks\r\n\r\n.\r\n..\r\n.\r\nDATA\r\nQUIT\r\n\x00\xff"
        for chunk in (1, 2, 3, 7, 1000):
            self.assertEqual(lmtp.deliver(message, [user], bdat=True, chunk=chunk)[0][0], 250)
        self.assertEqual(self.maildrop(user), [message + b"\r\n"] * 5)

    def test_an_empty_last_chunk_ends_a_message(self):
        user = self.account()
        lmtp = self.lmtp()
        lmtp.envelope([user])
        lmtp.send(b"BDAT %d\r\n" % len(MESSAGE) + MESSAGE + b"BDAT 0 LAST\r\n")
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_nothing_but_crlf_dot_crlf_ends_a_message(self):
        """SMTP smuggling: a second message in the first, behind a false end."""
        victim = self.account()
        hidden = b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\nsmuggled\r\n" % victim.encode()
        for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n",
                    b"\n.\r", b"\r\n.\x00\r\n", b"\r\n.\r\r\n", b"\x00\r\n.\n"):
            # Whole, and cut into segments at every octet of the false end.
            for cut in range(len(end)):
                user = self.account() if cut == 0 else user
                lmtp = self.lmtp()
                lmtp.envelope([user])
                self.assertEqual(lmtp.command("DATA")[0], 354)
                lmtp.send(b"Subject: first\r\n\r\nfirst" + end[:cut])
                lmtp.send(end[cut:] + hidden)
                lmtp.send(b".\r\nNOOP\r\n")
                self.assertEqual(lmtp.reply()[0], 250)
                code, text = lmtp.reply()
                self.assertEqual(code, 250, (end, text))
                self.assertEqual(len(self.maildrop(user)), cut + 1, end)
                lmtp.close()
        self.assertEqual(self.maildrop(victim), [])

    def test_a_connection_that_ends_inside_a_message_delivers_nothing(self):
        user = self.account()
        for bdat in (False, True):
            lmtp = self.lmtp()
            lmtp.envelope([user])
            if bdat:
                lmtp.send(b"BDAT 1000 LAST\r\n" + MESSAGE)
            else:
                self.assertEqual(lmtp.command("DATA")[0], 354)
                lmtp.send(MESSAGE + b".")
            lmtp.close()
        # A delivery behind them shows that they have been dealt with.
        self.assertEqual(self.lmtp().deliver(MESSAGE, [user])[0][0], 250)
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_rset_forgets_the_transaction(self):
        first, second = self.account(), self.account()
        lmtp = self.lmtp()
        lmtp.envelope([first])
        self.assertEqual(lmtp.command("RSET")[0], 250)
        self.assertEqual(lmtp.deliver(MESSAGE, [second])[0][0], 250)
        self.assertEqual(self.maildrop(first), [])

    def test_a_declared_size_over_the_limit_is_refused_at_once(self):
        code, text = self.lmtp().command("MAIL FROM:<a@example.org> SIZE=99999999999999")
        self.assertEqual(code, 552, text)

    def test_equal_messages_without_an_id_are_two_messages(self):
        user = self.account()
        lmtp = self.lmtp()
        for _ in range(2):
            self.assertEqual(lmtp.deliver(MESSAGE, [user])[0][0], 250)
        self.assertEqual(self.maildrop(user), [MESSAGE] * 2)

    def test_mail_for_a_disabled_account_is_taken(self):
        user = self.account()
        self.stack.ctl("accounts", "disable", user)
        self.assertEqual(self.lmtp().deliver(MESSAGE, [user])[0][0], 250)
        self.stack.ctl("accounts", "enable", user)
        self.assertEqual(self.maildrop(user), [MESSAGE])

    def test_garbage_is_answered_and_does_no_harm(self):
        lmtp = self.lmtp()
        for command in (b"\x00\xff\xfe", b"MAIL", b"RCPT TO:", b"A" * 5000, b"MAIL FROM:<a@b> X=1",
                        b"BDAT", b"BDAT -1", b"BDAT 99999999999999999999 LAST"):
            self.assertIn(lmtp.command(command)[0] // 100, (4, 5), command)
        self.assertEqual(lmtp.command("NOOP")[0], 250)


class SmallLimit(harness.StackTest):
    configs = {"lmtpd": {"max_message_octets": 10000}}

    def test_a_message_that_grows_over_the_limit_is_552_and_the_connection_lives(self):
        self.stack.create_account("limit@example.org", PASSWORD)
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for bdat in (False, True):
                replies = lmtp.deliver(MESSAGE + b"x" * 20000 + b"\r\n", ["limit@example.org"],
                                       bdat=bdat)
                self.assertEqual(replies[0][0], 552, replies)
                lmtp.command("RSET")
            self.assertEqual(lmtp.deliver(MESSAGE, ["limit@example.org"])[0][0], 250)


class TraceFields(harness.StackTest):
    configs = {"lmtpd": {"trace_fields": {"return_path": True, "delivered_to": True,
                                          "received": True}}}

    def test_each_recipient_finds_the_fields_on_top_and_the_message_once(self):
        users = ["trace%d@example.org" % i for i in range(3)]
        self.stack.import_accounts(users, PASSWORD)
        queued = b"Received: from a by mx.test with ESMTP id 5A780FB; now\r\n"
        large = queued + b"Subject: large\r\n\r\n" + b"tulips and daffodils\r\n" * 20_000
        for message in (MESSAGE, queued + MESSAGE, queued + MESSAGE, large, large):
            with Lmtp(self.stack.lmtp) as lmtp:
                replies = lmtp.lhlo().deliver(message, users)
                self.assertEqual([code for code, _ in replies], [250] * 3)
        for user in users:
            with Pop3(self.stack.pop3) as pop3:
                pop3.log_in(user, PASSWORD)
                stored = pop3.retr_all(pop3.stat()[0])
                pop3.quit()
            self.assertEqual(len(stored), 3)
            for octets, message in zip(stored, (MESSAGE, queued + MESSAGE, large)):
                fields = octets[:-len(message)]
                self.assertEqual(octets[-len(message):], message)
                self.assertRegex(
                    fields.decode(),
                    "\\AReturn-Path: <ada.ferri@example.org>\r\nDelivered-To: %s\r\n"
                    "Received: from client.example.org \\(\\[127.0.0.1\\]\\)\r\n\tby .* with LMTP "
                    "id .*\r\n\tfor <%s>;\r\n\t.* \\+0000\r\n\\Z" % (user, user))


class OneDeliveryAtOnce(harness.StackTest):
    configs = {"lmtpd": {"max_deliveries_per_recipient": 1}}

    def test_a_second_delivery_to_one_recipient_waits_for_the_first(self):
        for user in ("busy@example.org", "free@example.org"):
            self.stack.create_account(user, PASSWORD)
        with Lmtp(self.stack.lmtp) as first, Lmtp(self.stack.lmtp) as second:
            self.assertEqual(first.lhlo().envelope(["busy@example.org"])[0][0], 250)
            replies = second.lhlo().envelope(["Busy+tag@example.org", "free@example.org"])
            self.assertEqual([code for code, _ in replies], [451, 250])
            self.assertEqual(first.data(MESSAGE)[0][0], 250)
            self.assertEqual(second.command("RCPT TO:<busy@example.org>")[0], 250)
            self.assertEqual([code for code, _ in second.data(MESSAGE, 2)], [250, 250])


class BehindALoadBalancer(harness.StackTest):
    configs = {"lmtpd": {"proxy": {"networks": ["127.0.0.0/8"]},
                         "xclient_networks": ["198.51.100.0/24"]}}

    def connect(self, source):
        lmtp = Lmtp(self.stack.lmtp,
                    header=b"PROXY TCP4 %s 198.51.100.1 4000 24\r\n" % source.encode())
        self.addCleanup(lmtp.close)
        return lmtp.lhlo()

    def assert_logged(self, text):
        harness.eventually(lambda: text in self.stack.lmtpd.log(), 10 * harness.PATIENCE,
                           text + " is in the log")

    def test_the_log_tells_whose_mail_it_was(self):
        user = "proxied@example.org"
        self.stack.create_account(user, PASSWORD)
        lmtp = self.connect("203.0.113.5")
        self.assertFalse([line for line in lmtp.extensions if line.startswith("XCLIENT")])
        self.assertEqual(lmtp.command("XCLIENT ADDR=192.0.2.9")[0], 550)
        self.assertEqual(lmtp.deliver(MESSAGE, [user])[0][0], 250)
        self.assert_logged("Message client=203.0.113.5:4000 ")
        lmtp = self.connect("198.51.100.7")
        self.assertTrue([line for line in lmtp.extensions if line.startswith("XCLIENT ")])
        code, text = lmtp.command("XCLIENT NAME=mx.sender.example ADDR=192.0.2.9 PORT=2525")
        self.assertEqual(code, 220, text)
        self.assertEqual(lmtp.command("MAIL FROM:<>")[0], 503)
        self.assertEqual(lmtp.lhlo().deliver(MESSAGE, [user])[0][0], 250)
        self.assert_logged("Message client=192.0.2.9:2525 ")


if __name__ == "__main__":
    harness.main()
