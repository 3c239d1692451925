"""Mail for user+detail over LMTP: it goes to the mailbox that the detail names, and to
INBOX, which is all that POP3 shows, if there is none. What a spam filter has marked goes
where the rules of the account or its domain say.
"""

import harness
from clients import Lmtp, Pop3

PASSWORD = "tulip"
MESSAGE = b"From: ada.ferri@example.org\r\nSubject: tulips\r\n\r\nThe parcel has arrived.\r\n"
SPAM = b"X-Spam-Flag: NO\r\nX-Spam-Flag:\r\n YES\r\n" + MESSAGE
RECEIVED = (b"Received: from client.test (unknown [192.0.2.1])\r\n\tby mx.test (Postfix) with "
            b"ESMTP id BD8F9A780FB; Sat, 28 Nov 2026 05:48:51 +0000\r\n")


class FoldersTest(harness.StackTest):
    counter = 0

    def account(self, *mailboxes, domain="example.org"):
        FoldersTest.counter += 1
        address = "folders%d@%s" % (FoldersTest.counter, domain)
        self.stack.import_accounts([address], PASSWORD)
        for mailbox in mailboxes:
            self.stack.ctl("mailboxes", "create", address, mailbox)
        return address

    def deliver(self, *recipients, message=MESSAGE):
        with Lmtp(self.stack.lmtp) as lmtp:
            replies = lmtp.lhlo().deliver(message, recipients)
        self.assertEqual([code for code, _ in replies], [250] * len(recipients))

    def counts(self, address):
        """How many messages each mailbox holds, of those that hold any."""
        listed = self.stack.ctl_json("mailboxes", "status", address)["mailboxes"]
        return {box["name"]: box["message_count"] for box in listed if box["message_count"]}

    def in_pop3(self, address):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(address, PASSWORD)
            count = pop3.stat()[0]
            pop3.quit()
        return count

    def test_a_detail_names_a_mailbox(self):
        address = self.account("Lists/Debian")
        for detail in ("Lists/Debian", "lists/debian", "nothing", "Lists/Debian/x"):
            self.deliver(detailed(address, detail))
        self.assertEqual(self.counts(address), {"Lists/Debian": 2, "INBOX": 2})
        self.assertEqual(self.in_pop3(address), 2)
        self.assertEqual(self.stack.ctl("messages", "show", address, "1", "--raw", "--mailbox",
                                        "Lists/Debian")[1].encode(),
                         MESSAGE.replace(b"\r\n", b"\n"))

    def test_an_alias_passes_the_detail_on(self):
        address = self.account("Lists")
        alias, list_alias = "alias-" + address, "list-" + address
        self.stack.ctl("aliases", "add", alias, address)
        self.stack.ctl("aliases", "add", list_alias, detailed(address, "lists"))
        self.deliver(detailed(alias, "lists"), alias)
        self.deliver(list_alias)
        self.assertEqual(self.counts(address), {"Lists": 2, "INBOX": 1})

    def test_a_retried_delivery_is_stored_once_in_each_mailbox(self):
        address = self.account("Lists")
        for _ in range(2):
            self.deliver(address, detailed(address, "lists"), message=RECEIVED + MESSAGE)
        self.deliver(detailed(address, "Lists"), message=RECEIVED + MESSAGE)
        self.assertEqual(self.counts(address), {"Lists": 1, "INBOX": 1})
        self.stack.restart()
        self.deliver(detailed(address, "lists"), message=RECEIVED + MESSAGE)
        self.assertEqual(self.counts(address), {"Lists": 1, "INBOX": 1})

    def test_spam_goes_to_junk_as_the_account_says(self):
        address = self.account("Lists")
        self.deliver(address, message=SPAM)
        self.stack.ctl("filing", "set", address, "--spam", "--rule", "X-Virus: Yes... -> Bad")
        self.deliver(address, detailed(address, "lists"), message=SPAM)
        self.deliver(address, detailed(address, "lists"))
        self.deliver(address, message=b"X-Virus: yes, Eicar\r\n" + MESSAGE)
        self.assertEqual(self.counts(address), {"INBOX": 2, "Lists": 1, "Junk": 2, "Bad": 1})
        self.assertEqual(self.in_pop3(address), 2)
        made = {box["name"]: box["special_use"]
                for box in self.stack.ctl_json("mailboxes", "status", address)["mailboxes"]}
        self.assertEqual(made["Junk"], ["\\Junk"])
        self.assertIn("X-Virus: Yes...", self.stack.ctl("filing", "show", address)[1])

    def test_a_domain_has_rules_and_an_account_its_own(self):
        domain = "spam.example"
        address, own, none = (self.account(domain=domain) for _ in range(3))
        self.stack.ctl("filing", "set", "--domain", domain, "--spam")
        self.stack.ctl("filing", "set", own, "--rule", "X-Spam-Flag: YES -> Mine")
        self.stack.ctl("filing", "set", none, "--none")
        self.stack.restart()
        for _ in range(2):
            self.deliver(address, own, none, message=RECEIVED + SPAM)
        self.assertEqual(self.counts(address), {"Junk": 1})
        self.assertEqual(self.counts(own), {"Mine": 1})
        self.assertEqual(self.counts(none), {"INBOX": 1})
        self.stack.ctl("filing", "unset", none)
        self.stack.ctl("filing", "unset", "--domain", domain)
        self.deliver(address, none, message=SPAM)
        self.assertEqual(self.counts(address), {"Junk": 1, "INBOX": 1})
        self.assertEqual(self.counts(none), {"INBOX": 2})

    def test_what_can_not_be_a_rule_is_refused(self):
        address = self.account()
        for rule, word in (("X Spam: YES -> Junk", "field"), ("X-Spam: y -> \\Sent", "mailbox"),
                           ("X-Spam: y -> a//b", "mailbox")):
            code, _, err = self.stack.ctl("filing", "set", address, "--rule", rule, check=False)
            self.assertEqual(code, 1, err)
            self.assertIn(word, err)


def detailed(address, detail):
    local, domain = address.split("@")
    return "%s+%s@%s" % (local, detail, domain)


if __name__ == "__main__":
    harness.main()
