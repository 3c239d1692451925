"""restantectl from the outside: every verb, its --json, its exit codes, and errors
that name what is wrong.
"""

import crypt
import json
import os

import harness
from clients import Lmtp, Pop3

# Exit codes.
OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3


class Ctl(harness.StackTest):
    counter = 0

    def address(self):
        Ctl.counter += 1
        return "ctl%d@example.org" % Ctl.counter

    def account(self, password="tulip", *options):
        address = self.address()
        self.stack.create_account(address, password, *options)
        return address

    def json(self, *arguments, **options):
        return self.stack.ctl_json(*arguments, **options)

    def assert_fails(self, *arguments, code=FAILED, words=(), stdin=""):
        got, out, err = self.stack.ctl(*arguments, stdin=stdin, check=False)
        self.assertEqual(got, code, (arguments, out, err))
        self.assertEqual(out, "", arguments)
        for word in words:
            self.assertIn(word, err, arguments)
        return err

    def can_log_in(self, address, password):
        with Pop3(self.stack.pop3) as pop3:
            reply = pop3.try_log_in(address, password)
            if reply.startswith(b"+OK"):
                pop3.quit()
            return reply.startswith(b"+OK")

    def file(self, text, name="import.tsv"):
        path = os.path.join(self.stack.dir, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def addresses(self):
        return {account["address"] for account in self.json("accounts", "list")["accounts"]}

    # accounts -------------------------------------------------------------------

    def test_create_takes_the_password_from_standard_input(self):
        for password in ("tulip", "with spaces ", "Grüße 🌷", "x" * 200):
            address = self.account(password)
            self.assertTrue(self.can_log_in(address, password))
            self.assertFalse(self.can_log_in(address, password + "x"))

    def test_create_answers_the_account(self):
        address = self.address()
        account = self.json("accounts", "create", address, "--password-stdin", "--quota", "10MB",
                            stdin="tulip\n")
        self.assertEqual(account["address"], address)
        self.assertEqual(int(account["quota_octets"]), 10_000_000)

    def test_create_refuses_what_is_there_and_what_is_no_address(self):
        address = self.account()
        for again in (address, address.upper()):
            self.assert_fails("accounts", "create", again, "--password-stdin",
                              stdin="x\n", words=["exists"])
        for bad in ("", "@", "a@", "@b", "a b@example.org", "a@b@c", "a@exa mple.org"):
            self.assert_fails("accounts", "create", bad, "--password-stdin", stdin="x\n")

    def test_create_refuses_an_empty_password(self):
        address = self.address()
        self.assert_fails("accounts", "create", address, "--password-stdin", stdin="\n",
                          words=["password"])
        self.assert_fails("accounts", "create", address, "--password-stdin", stdin="",
                          words=["password"])
        self.assertNotIn(address, self.addresses())

    def test_list_and_show(self):
        address = self.account()
        self.assertIn(address, self.addresses())
        self.assertIn(address, self.stack.ctl("accounts", "list")[1])
        shown = self.json("accounts", "show", address)
        self.assertEqual(shown["address"], address)
        self.assertFalse(shown.get("disabled", False))
        self.assertIn(address, self.stack.ctl("accounts", "show", address)[1])
        self.assert_fails("accounts", "show", "nobody@example.org", words=["nobody@example.org"])

    def test_disable_and_enable(self):
        address = self.account()
        self.stack.ctl("accounts", "disable", address)
        self.assertFalse(self.can_log_in(address, "tulip"))
        self.assertTrue(self.json("accounts", "show", address)["disabled"])
        self.stack.ctl("accounts", "enable", address)
        self.assertTrue(self.can_log_in(address, "tulip"))
        for verb in ("disable", "enable"):
            self.assert_fails("accounts", verb, "nobody@example.org", words=["nobody@example.org"])

    def test_passwd_changes_the_password_at_once(self):
        address = self.account("old")
        self.assertTrue(self.can_log_in(address, "old"))
        self.stack.ctl("accounts", "passwd", address, "--password-stdin", stdin="new\n")
        self.assertTrue(self.can_log_in(address, "new"))
        self.assertFalse(self.can_log_in(address, "old"))

    def test_delete_takes_the_mail_along(self):
        address = self.account()
        self.deliver(address)
        self.stack.ctl("accounts", "delete", address, "--yes")
        self.assertNotIn(address, self.addresses())
        self.assertFalse(self.can_log_in(address, "tulip"))
        self.stack.create_account(address, "tulip")
        with Pop3(self.stack.pop3) as pop3:
            self.assertEqual(pop3.log_in(address, "tulip").stat(), (0, 0))
        self.assert_fails("accounts", "delete", "nobody@example.org", "--yes")

    def test_no_verb_takes_a_password_as_an_argument(self):
        self.assert_fails("accounts", "create", self.address(), "--password", "tulip", code=USAGE)
        self.assert_fails("accounts", "create", self.address(), "tulip", code=USAGE)

    # import -----------------------------------------------------------------------

    def test_import_of_passwords_and_hashes(self):
        hashed = crypt.crypt("hashed", "$6$rounds=1000$garden")
        md5 = crypt.crypt("md5", "$1$garden")
        first, second, third, fourth = (self.address() for _ in range(4))
        self.stack.ctl("accounts", "import", self.file(
            "%s\tplain\n%s\t{CRYPT}%s\r\n%s\t{CRYPT}%s\n%s\twith a space" % (
                first, second, hashed, third, md5, fourth)))
        for address, password in ((first, "plain"), (second, "hashed"), (third, "md5"),
                                  (fourth, "with a space")):
            self.assertTrue(self.can_log_in(address, password), address)

    def test_a_bad_line_is_named_and_nothing_is_imported(self):
        taken = self.account()
        before = self.addresses()
        good = self.address()
        for bad, word in (("no tab here", "4"), ("\tpassword", "4"), ("a@b@c\tx", "4"),
                          ("ok@example.org\t", "4"), ("ok@example.org\ta\ttab", "4"),
                          ("ok@example.org\t{CRYPT}nonsense", "4"),
                          (taken + "\tx", "4"), (good.upper() + "\tx", "4")):
            path = self.file("%s\tx\n%s\tx\n%s\tx\n%s\n%s\tx\n" % (
                self.address(), self.address(), good, bad, self.address()))
            err = self.assert_fails("accounts", "import", path)
            self.assertRegex(err, r"(line |:)%s\b" % word, bad)
            self.assertEqual(self.addresses(), before, bad)

    def test_import_of_3000_accounts(self):
        hashed = crypt.crypt("tulip", "$5$rounds=1000$garden")
        before = len(self.addresses())
        self.stack.ctl("accounts", "import", self.file("".join(
            "bulk%d@example.net\t{CRYPT}%s\n" % (i, hashed) for i in range(3000))))
        self.assertEqual(len(self.addresses()), before + 3000)
        self.assertTrue(self.can_log_in("bulk2999@example.net", "tulip"))

    def test_import_of_a_file_that_is_not_there(self):
        self.assert_fails("accounts", "import", "/nonexistent.tsv", words=["/nonexistent.tsv"])

    # mailboxes, messages, deliver ---------------------------------------------------

    def deliver(self, address, text=b"Subject: tulips\r\n\r\nhello\r\n"):
        with Lmtp(self.stack.lmtp) as lmtp:
            self.assertEqual(lmtp.lhlo().deliver(text, [address])[0][0], 250)
        return text

    def test_mailboxes_status(self):
        address = self.account()
        octets = len(self.deliver(address))
        inbox = self.json("mailboxes", "status", address)["mailboxes"][0]
        self.assertEqual(inbox["name"], "INBOX")
        self.assertEqual(int(inbox["message_count"]), 1)
        self.assertEqual(int(inbox["octets"]), octets)
        self.assertGreater(int(inbox["uid_next"]), 1)
        self.assertIn("INBOX", self.stack.ctl("mailboxes", "status", address)[1])
        self.assert_fails("mailboxes", "status", "nobody@example.org")

    def test_messages_list_and_show(self):
        address = self.account()
        text = self.deliver(address, b"Subject: one\r\n\r\nfirst\r\n.\r\n")
        self.deliver(address)
        rows = self.json("messages", "list", address)["messages"]
        self.assertEqual(len(rows), 2)
        self.assertEqual(int(rows[0]["octets"]), len(text))
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(address, "tulip")
            self.assertEqual([row["uidl"] for row in rows], pop3.uidls())
        uid = str(rows[0]["uid"])
        self.assertIn("Subject: one", self.stack.ctl("messages", "show", address, uid)[1])
        # Text mode of this test's pipe makes LF of CRLF.
        raw = self.stack.ctl("messages", "show", address, uid, "--raw")[1]
        self.assertEqual(raw.encode(), text.replace(b"\r\n", b"\n"))
        self.assert_fails("messages", "show", address, "4000000000")
        self.assert_fails("messages", "list", "nobody@example.org")

    def test_deliver_a_file(self):
        first, second = self.account(), self.account()
        path = self.file(b"Subject: file\n\nbare line feeds\n", "message.eml")
        self.stack.ctl("deliver", path, "--to", first, "--to", second)
        for address in (first, second):
            with Pop3(self.stack.pop3) as pop3:
                pop3.log_in(address, "tulip")
                self.assertEqual(pop3.retr(1), b"Subject: file\r\n\r\nbare line feeds\r\n")
        self.assert_fails("deliver", path, "--to", "nobody@example.org",
                          words=["nobody@example.org"])
        self.assert_fails("deliver", "/nonexistent.eml", "--to", first,
                          words=["/nonexistent.eml"])

    # aliases, lookup -----------------------------------------------------------------

    def test_aliases_take_mail_and_are_shown(self):
        first, second = self.account(), self.account()
        alias = "team%d@example.org" % Ctl.counter
        self.stack.ctl("aliases", "add", alias, first, second.upper())
        shown = self.json("aliases", "list", alias)["aliases"][0]
        self.assertEqual([target["address"] for target in shown["targets"]], [first, second])
        self.assertIn(alias, [a["address"] for a in self.json("aliases", "list")["aliases"]])
        self.assertIn(second, self.stack.ctl("aliases", "list")[1])
        with Lmtp(self.stack.lmtp) as lmtp:
            replies = lmtp.lhlo().deliver(b"Subject: to all\r\n\r\nx\r\n", [alias])
        self.assertEqual([code for code, _ in replies], [250], "one reply for the recipient")
        for address in (first, second):
            with Pop3(self.stack.pop3) as pop3:
                self.assertEqual(pop3.log_in(address, "tulip").stat()[0], 1)
        self.stack.ctl("aliases", "remove", alias, first)
        self.assertEqual(len(self.json("aliases", "list", alias)["aliases"][0]["targets"]), 1)
        self.stack.ctl("aliases", "remove", alias)
        self.assert_fails("aliases", "list", alias, words=["NO_SUCH_ALIAS", alias])

    def test_aliases_that_can_not_be(self):
        address = self.account()
        self.assert_fails("aliases", "add", address, address, words=["ACCOUNT_EXISTS"])
        self.assert_fails("aliases", "add", "a@example.org", "nobody@example.org",
                          words=["nobody@example.org", "NO_SUCH_ACCOUNT"])
        self.stack.ctl("aliases", "add", "loop-a@example.org", address)
        self.stack.ctl("aliases", "add", "loop-b@example.org", "loop-a@example.org")
        self.assert_fails("aliases", "add", "loop-a@example.org", "loop-b@example.org",
                          words=["leads back to itself", "BAD_ALIAS"])
        self.assert_fails("aliases", "add", address, code=USAGE)

    def test_lookup_tells_where_mail_goes_and_what_rcpt_answers(self):
        address = self.account("tulip", "--quota", "100")
        domain = "catch%d.example" % Ctl.counter
        self.stack.ctl("aliases", "add", "@" + domain, address)
        detail = address.replace("@", "+x@")
        found = self.json("lookup", detail, "who@" + domain)["recipients"]
        self.assertEqual(found[0]["accounts"], [{"address": address, "disabled": False}])
        self.assertEqual(found[1]["alias"], "@" + domain)
        code, out, _ = self.stack.ctl("--json", "lookup", address, "--size", "1MB", check=False)
        self.assertEqual(code, FAILED)
        self.assertEqual(json.loads(out)["recipients"][0]["enhanced_status_code"], "4.2.2")
        self.assertIn("550 5.1.1", self.stack.ctl("lookup", "nobody@example.org", check=False)[1])

    # quotas, names, protocols ----------------------------------------------------------

    def test_quotas_of_accounts_and_domains(self):
        domain = "quota%d.example" % Ctl.counter
        addresses = ["a@" + domain, "b@" + domain]
        for address in addresses:
            self.stack.create_account(address, "tulip")
        self.stack.ctl("accounts", "quota", addresses[0], "1MB", "--messages", "1")
        shown = self.json("accounts", "show", addresses[0])
        self.assertEqual(shown["quota"], {"octets": 1_000_000, "messages": 1})
        self.stack.ctl("accounts", "quota", addresses[0], "inherit")
        self.stack.ctl("domains", "quota", domain, "--messages", "2", "--account-octets", "2MB")
        shown = self.json("accounts", "show", addresses[0])
        self.assertEqual(shown["quota"], {"octets": None, "messages": 1})
        self.assertEqual(shown["effective_quota"], {"octets": 2_000_000, "messages": 1})
        self.assertIn("1 messages", self.stack.ctl("accounts", "show", addresses[0])[1])
        taken = []
        for address in (addresses[0], addresses[0], addresses[1], addresses[1]):
            with Lmtp(self.stack.lmtp) as lmtp:
                taken.append(lmtp.lhlo().envelope([address])[0][0])
                if taken[-1] == 250:
                    self.assertEqual(lmtp.data(b"Subject: x\r\n\r\nx\r\n")[0][0], 250)
        self.assertEqual(taken, [250, 452, 250, 452])
        counted = self.json("domains", "show", domain)["domains"][0]
        self.assertEqual(counted["message_count"], 2)
        self.assertEqual(counted["total"], {"octets": None, "messages": 2})
        self.assertIn(domain, self.stack.ctl("domains", "show")[1])
        self.assert_fails("domains", "quota", domain, code=USAGE)
        self.assert_fails("domains", "quota", domain, "--octets", "many", code=USAGE,
                          words=["--octets", "many"])
        self.stack.ctl("domains", "quota", domain, "--messages", "none",
                       "--account-octets", "inherit")

    def test_rename_keeps_mail_and_uidls(self):
        address, other = self.account(), self.account()
        self.deliver(address)
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(address, "tulip")
            before = pop3.uidls()
        new = "renamed-" + address
        self.assertEqual(self.json("accounts", "rename", address, new)["address"], new)
        self.assertFalse(self.can_log_in(address, "tulip"))
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(new, "tulip")
            self.assertEqual(pop3.uidls(), before)
        self.assert_fails("accounts", "rename", new, other, words=["ACCOUNT_EXISTS", other])
        self.stack.ctl("accounts", "rename", new, address, "--keep-alias")
        [found] = self.json("lookup", new)["recipients"]
        self.assertEqual(found["accounts"], [{"address": address, "disabled": False}])

    def test_a_protocol_is_switched_off_alone(self):
        address = self.account()
        self.stack.ctl("accounts", "disable", address, "--protocol", "pop3")
        with Pop3(self.stack.pop3) as pop3:
            self.assertTrue(
                pop3.try_log_in(address, "tulip").startswith(b"-ERR [SYS/PERM]"))
        with Pop3(self.stack.pop3) as pop3:
            self.assertTrue(pop3.try_log_in(address, "wrong").startswith(b"-ERR [AUTH]"))
        shown = self.json("accounts", "show", address)
        self.assertTrue(shown["pop3_disabled"])
        self.assertFalse(shown["imap_disabled"] or shown["disabled"])
        self.assertIn("no POP3", self.stack.ctl("accounts", "show", address)[1])
        self.stack.ctl("accounts", "enable", address, "--protocol", "pop3")
        self.assertTrue(self.can_log_in(address, "tulip"))
        self.assert_fails("accounts", "disable", address, "--protocol", "smtp", code=USAGE,
                          words=["smtp"])

    # verify, stats ------------------------------------------------------------------

    def test_verify_of_a_sound_store(self):
        self.deliver(self.account())
        self.stack.ctl("verify")
        summary = self.json("verify", "--bodies")
        self.assertEqual(int(summary["summary"].get("errors", 0)), 0)
        self.assertGreater(int(summary["summary"]["messages"]), 0)

    def test_stats(self):
        self.assertGreater(len(self.json("stats")), 0)
        self.assertTrue(self.stack.ctl("stats")[1].strip())

    # the tool itself ------------------------------------------------------------------

    def test_help_of_every_verb(self):
        for verb in ("accounts create", "accounts list", "accounts show", "accounts disable",
                     "accounts enable", "accounts delete", "accounts passwd", "accounts import",
                     "accounts rename", "accounts quota", "aliases add", "aliases remove",
                     "aliases list", "domains show", "domains quota", "lookup",
                     "mailboxes status", "messages list", "messages show", "deliver", "verify",
                     "stats"):
            code, out, _ = harness.run_ctl([*verb.split(), "--help"])
            self.assertEqual(code, OK, verb)
            self.assertIn("--help", out, verb)

    def test_wrong_usage(self):
        for arguments in ([], ["accounts"], ["acounts", "list"], ["accounts", "show"],
                          ["accounts", "list", "--no-such-option"], ["deliver"]):
            code, _, err = self.stack.ctl(*arguments, check=False)
            self.assertEqual(code, USAGE, (arguments, err))
            self.assertTrue(err, arguments)

    def test_an_unreachable_server_is_named(self):
        address = "127.0.0.1:%d" % harness.free_port()
        for arguments in (["accounts", "list"], ["stats"], ["verify"]):
            code, out, err = harness.run_ctl(["--server", address, *arguments])
            self.assertEqual(code, UNREACHABLE, (arguments, err))
            self.assertEqual(out, "")
            self.assertIn(address, err)

    def test_the_server_from_the_environment(self):
        environment = dict(os.environ, RESTANTE_SERVER=self.stack.grpc_address)
        code, out, err = harness.run_ctl(["--json", "accounts", "list"], environment=environment)
        self.assertEqual(code, OK, err)
        json.loads(out)


if __name__ == "__main__":
    harness.main()
