"""restante-mta-lookup: socketmap, tcp_table and policy delegation octet by octet, and Postfix
with them, as its README says: it refuses at RCPT what restante-lmtpd would refuse later.
"""

import os
import socket
import tempfile
import unittest

import harness
import snippets
from clients import Pop3
from exim import Exim
from opensmtpd import OpenSmtpd
from postfix import Postfix

PASSWORD = "tulip"
MESSAGE = b"From: ada.ferri@example.org\r\nSubject: tulips\r\n\r\nThe parcel has arrived.\r\n"


class Asker:
    """A connection of an MTA's, to a path or to host and port."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.settimeout(30 * harness.PATIENCE)
        self._socket.connect(address)
        self._file = self._socket.makefile("rb")

    def send(self, octets):
        self._socket.sendall(octets)

    def socketmap(self, name, key):
        request = ("%s %s" % (name, key)).encode()
        self.send(b"%d:%s," % (len(request), request))
        digits = b""
        while not digits.endswith(b":"):
            octet = self._file.read(1)
            assert octet, "hung up"
            digits += octet
        answer = self._file.read(int(digits[:-1]) + 1)
        assert answer.endswith(b","), answer
        return answer[:-1].decode()

    def tcp(self, line):
        self.send(line.encode() + b"\n")
        return self._file.readline().decode().rstrip("\n")

    def policy(self, recipient, **attributes):
        attributes = dict(request="smtpd_access_policy", protocol_state="RCPT",
                          recipient=recipient, **attributes)
        self.send("".join("%s=%s\n" % item for item in attributes.items()).encode() + b"\n")
        line = self._file.readline().decode().rstrip("\n")
        assert self._file.readline() in (b"\n", b"")
        return line.removeprefix("action=")

    def ended(self):
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self._file.close()
        self._socket.close()


class LookupTestCase(harness.StackTest):
    configs = {"storage": {"quota": {"grace_percent": 0}}}
    lookup_config = {}
    counter = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.stack.dir, 0o755)
        cls.paths = {name: os.path.join(cls.stack.dir, name + ".sock")
                     for name in ("lookup", "policy")}
        cls.lookup = harness.Server("restante-mta-lookup", cls.stack.dir, harness.merged({
            "listen_socketmap": ["unix:" + cls.paths["lookup"]],
            "listen_policy": ["unix:" + cls.paths["policy"], "127.0.0.1:0"],
            "listen_tcp_recipients": ["127.0.0.1:0"],
            "listen_tcp_aliases": ["127.0.0.1:0"],
            "cache": {"missing_lifetime": "1ms", "room_lifetime": "1ms"},
            "storage": {"address": cls.stack.grpc_address}}, cls.lookup_config)).start()
        cls.addClassCleanup(cls.stop_lookup)

    @classmethod
    def stop_lookup(cls):
        assert cls.lookup.stop() == 0, cls.lookup.log_tail()
        assert not cls.lookup.sanitizer_found(), cls.lookup.log_tail(200)

    def account(self, *options):
        LookupTestCase.counter += 1
        address = "lookup%d@example.org" % LookupTestCase.counter
        self.stack.create_account(address, PASSWORD, *options)
        return address

    def asker(self, name):
        address = self.paths.get(name)
        if address is None:
            address = harness.split_address(self.lookup.addresses["X_RESTANTE_" + name])
        asker = Asker(address)
        self.addCleanup(asker.close)
        return asker


class ProtocolsTest(LookupTestCase):
    def test_socketmap_knows_recipients_in_all_their_forms(self):
        user = self.account()
        asker = self.asker("lookup")
        for key in (user, user.upper(), user.replace("@", "+lists@")):
            self.assertEqual(asker.socketmap("recipients", key), "OK " + user)
        for key in ("nobody@example.org", "@example.org", "", "a b@example.org", "x" * 2000):
            self.assertEqual(asker.socketmap("recipients", key), "NOTFOUND ")
        self.assertTrue(asker.socketmap("users", user).startswith("PERM no such map"))

    def test_socketmap_leads_aliases_to_their_accounts(self):
        first, second = self.account(), self.account()
        self.stack.ctl("aliases", "add", "team@example.org", first, second)
        asker = self.asker("lookup")
        self.assertEqual(asker.socketmap("aliases", "team@example.org"),
                         "OK %s, %s" % (first, second))
        self.assertEqual(asker.socketmap("aliases", first), "NOTFOUND ")
        self.assertTrue(asker.socketmap("recipients", "team@example.org").startswith("OK "))

    def test_tcp_tables_speak_of_the_same(self):
        user = self.account()
        self.stack.ctl("aliases", "add", "tcp@example.org", user)
        recipients = self.asker("TCP_RECIPIENTS")
        self.assertEqual(recipients.tcp("get " + user), "200 " + user)
        self.assertEqual(recipients.tcp("get " + user.replace("@", "%40")), "200 " + user)
        self.assertEqual(recipients.tcp("get nobody@example.org"), "500 not%20found")
        self.assertEqual(recipients.tcp("put a b"), "500 not%20found")
        aliases = self.asker("TCP_ALIASES")
        self.assertEqual(aliases.tcp("get tcp@example.org"), "200 " + user)
        self.assertEqual(aliases.tcp("get " + user), "500 not%20found")

    def test_policies_know_who_exists_and_who_has_room(self):
        full = self.account("--quota", "1000")
        asker = self.asker("policy")
        self.assertEqual(asker.policy(full), "DUNNO")
        self.assertEqual(asker.policy(full, size=900), "DUNNO")
        self.assertEqual(asker.policy(full, size=1001), "452 4.2.2 Mailbox full.")
        self.assertEqual(asker.policy("nobody@example.org"), "550 5.1.1 No such recipient.")
        self.assertEqual(asker.policy(self.account(), size=1 << 40),
                         "552 5.3.4 Message too large.")
        self.assertEqual(asker.policy(""), "DUNNO")

    def test_several_requests_may_come_at_once_and_in_pieces(self):
        user = self.account()
        asker = self.asker("lookup")
        request = ("recipients " + user).encode()
        wire = b"%d:%s," % (len(request), request)
        asker.send(wire + wire[:7])
        asker.send(wire[7:])
        answer = b"%d:OK %s," % (len(user) + 3, user.encode())
        self.assertEqual(asker._file.read(2 * len(answer)), 2 * answer)

    def test_what_is_no_client_is_hung_up_on_and_others_are_served(self):
        user = self.account()
        other = self.asker("lookup")
        for name, nonsense in (("lookup", b"x"), ("lookup", b"99999:"), ("lookup", b"1:xy"),
                               ("lookup", b"3:abc,"), ("policy", b"\n\n"), ("policy", b"x\n\n"),
                               ("policy", b"request=other\n\n"), ("policy", b"x" * 100_000),
                               ("TCP_ALIASES", b"get\n"), ("TCP_ALIASES", b"get %4\n"),
                               ("TCP_ALIASES", b"x" * 100_000)):
            hostile = self.asker(name)
            try:
                hostile.send(nonsense)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertTrue(hostile.ended(), (name, nonsense[:20]))
        self.assertEqual(other.socketmap("recipients", user), "OK " + user)


class FollowingTest(LookupTestCase):
    """What is remembered ends when it changes, not when its lifetime does."""

    lookup_config = {"cache": {"lifetime": "1h", "missing_lifetime": "1h",
                               "room_lifetime": "1h"}}

    def becomes(self, answer, ask, *question):
        harness.eventually(lambda: ask(*question) == answer, 10 * harness.PATIENCE,
                           "%s is answered %s" % (question, answer))

    def follow(self, asker):
        """Until all that has happened before is known."""
        marker = "marker%d@example.org" % LookupTestCase.counter
        self.assertEqual(asker.socketmap("recipients", marker), "NOTFOUND ")
        self.stack.create_account(marker, PASSWORD)
        self.becomes("OK " + marker, asker.socketmap, "recipients", marker)

    def test_accounts_come_and_go(self):
        asker = self.asker("lookup")
        self.follow(asker)
        user = self.account()
        self.becomes("OK " + user, asker.socketmap, "recipients", user)
        detail = user.replace("@", "+x@")
        self.assertEqual(asker.socketmap("recipients", detail), "OK " + user)
        self.stack.ctl("accounts", "delete", user, "--yes")
        self.becomes("NOTFOUND ", asker.socketmap, "recipients", user)
        self.becomes("NOTFOUND ", asker.socketmap, "recipients", detail)

    def test_aliases_come_and_go(self):
        asker = self.asker("lookup")
        first, second = self.account(), self.account()
        self.assertEqual(asker.socketmap("aliases", "crew@example.org"), "NOTFOUND ")
        self.stack.ctl("aliases", "add", "crew@example.org", first)
        self.becomes("OK " + first, asker.socketmap, "aliases", "crew@example.org")
        self.stack.ctl("aliases", "add", "crew@example.org", second)
        self.becomes("OK %s, %s" % (first, second), asker.socketmap, "aliases",
                     "crew@example.org")
        self.stack.ctl("aliases", "remove", "crew@example.org")
        self.becomes("NOTFOUND ", asker.socketmap, "aliases", "crew@example.org")

    def test_quotas_change(self):
        user = self.account("--quota", "1000")
        asker = self.asker("policy")
        self.becomes("452 4.2.2 Mailbox full.", lambda: asker.policy(user, size=1001))
        self.stack.ctl("accounts", "quota", user, "2000")
        self.becomes("DUNNO", lambda: asker.policy(user, size=1001))

    def test_while_the_storage_service_is_away_it_is_a_temporary_failure(self):
        known, unknown = self.account(), self.account()
        lookup, policy, tcp = (self.asker(n) for n in ("lookup", "policy", "TCP_RECIPIENTS"))
        self.follow(lookup)
        self.assertEqual(lookup.socketmap("recipients", known), "OK " + known)
        self.stack.storage.stop()
        try:
            # What is remembered is still answered.
            self.assertEqual(lookup.socketmap("recipients", known), "OK " + known)
            self.assertTrue(lookup.socketmap("recipients", unknown).startswith("TEMP 451 4.3.0"))
            self.assertTrue(policy.policy(unknown).startswith("451 4.3.0 "))
            self.assertTrue(tcp.tcp("get " + unknown).startswith("400 451%204.3.0"))
        finally:
            self.stack.storage.start()
        harness.eventually(lambda: lookup.socketmap("recipients", unknown) == "OK " + unknown,
                           20 * harness.PATIENCE, "the storage service")


class PolicyConfigurationTest(LookupTestCase):
    lookup_config = {"over_quota": "reject", "policy_domains": ["Example.org"]}

    def test_over_quota_may_be_for_good_and_other_domains_are_let_pass(self):
        user = self.account("--quota", "1000")
        asker = self.asker("policy")
        self.assertEqual(asker.policy(user, size=1001), "552 5.2.2 Mailbox full.")
        self.assertEqual(asker.policy("nobody@EXAMPLE.ORG"), "550 5.1.1 No such recipient.")
        self.assertEqual(asker.policy("nobody@example.net"), "DUNNO")
        self.assertEqual(asker.policy("nobody"), "DUNNO")


class CacheTest(LookupTestCase):
    lookup_config = {"cache": {"lifetime": "1h", "missing_lifetime": "1h", "room_lifetime": "1h",
                               "octets": "64KiB"}}

    def test_what_was_not_asked_for_the_longest_is_forgotten(self):
        lookup = self.asker("lookup")
        user = self.account()
        self.assertEqual(lookup.socketmap("recipients", user), "OK " + user)
        for number in range(500):
            lookup.socketmap("recipients", "nobody%d@example.org" % number)
        self.stack.storage.stop()
        try:
            self.assertEqual(lookup.socketmap("recipients", "nobody499@example.org"),
                             "NOTFOUND ")
            self.assertTrue(lookup.socketmap("recipients", user).startswith("TEMP 451 4.3.0"))
        finally:
            self.stack.storage.start()


class ReadmeTest(unittest.TestCase):
    def test_shows_the_examples_that_are_run_here(self):
        snippets.assert_in_readme(self, "postfix")


class MtaTestCase(LookupTestCase):
    """Tests of an MTA as its users see it; `mta` is one of Postfix and Exim."""

    mta = None

    @classmethod
    def start_postfix(cls):
        return cls.start_postfix_of("main.cf", {
            "/run/restante/lookup.sock": cls.paths["lookup"],
            "/run/restante/policy.sock": cls.paths["policy"],
            "/run/restante/lmtp.sock": cls.stack.lmtp_socket})

    @classmethod
    def start_postfix_of(cls, example, replaced, more=""):
        postfix = Postfix(tempfile.mkdtemp(prefix="postfix-", dir=cls.stack.dir),
                          snippets.snippet("plugins/postfix/examples/" + example, replaced) + more)
        cls.addClassCleanup(postfix.stop)
        return postfix.start()

    @classmethod
    def start_exim(cls, policy=False):
        """`policy`: with that in place of callouts."""
        text = snippets.snippet("plugins/postfix/examples/exim.conf", {
            "port = 24": "port = %d" % cls.stack.lmtp[1]})
        if policy:
            text = text[:text.index("# In the access control list")] + snippets.snippet(
                "plugins/postfix/examples/exim-policy.conf", {
                    "/run/restante/policy.sock": cls.paths["policy"]})
        exim = Exim(tempfile.mkdtemp(prefix="exim-", dir=cls.stack.dir), text)
        cls.addClassCleanup(exim.stop)
        return exim.start()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and self.mta is not None:
            print(self.mta.log())

    def rcpt(self, recipient, options=()):
        with self.mta.connect() as smtp:
            smtp.ehlo()
            code, text = smtp.mail("sender@example.net", options)
            self.assertEqual(code, 250, text)
            code, text = smtp.rcpt(recipient)
            return code, text.decode()

    def count(self, user):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            return pop3.stat()[0]

    def mail_for_accounts_and_aliases_arrives(self, alias="crew@example.org"):
        user, other = self.account(), self.account()
        self.stack.ctl("aliases", "add", alias, user)
        with self.mta.connect() as smtp:
            sent = [other.replace("@", "+lists@"), alias]
            self.assertEqual(smtp.sendmail("sender@example.net", sent, MESSAGE), {})
        for one in (user, other):
            harness.eventually(lambda one=one: self.count(one), 30 * harness.PATIENCE, "mail")

    def unknown_recipients_are_refused_with_550_at_rcpt(self):
        code, text = self.rcpt("nobody@example.org")
        self.assertEqual(code, 550)
        self.assertTrue(text.startswith("5.1.1 "), text)

    def over_quota_recipients_are_refused_at_rcpt(self, expected, beginning):
        # Exim's callout asks for 1,024 octets more.
        user = self.account("--quota", "10000")
        self.assertEqual(self.rcpt(user, ["SIZE=8000"])[0], 250)
        code, text = self.rcpt(user, ["SIZE=20000"])
        self.assertEqual((code, text[:len(beginning)]), (expected, beginning), text)


@unittest.skipIf(os.geteuid() != 0, "Postfix' master has to be root")
class PostfixTest(MtaTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mta = cls.start_postfix()

    def test_mail_for_accounts_and_aliases_arrives(self):
        self.mail_for_accounts_and_aliases_arrives()

    def test_unknown_recipients_are_refused_with_550_at_rcpt(self):
        self.unknown_recipients_are_refused_with_550_at_rcpt()

    def test_over_quota_recipients_are_refused_with_452_at_rcpt(self):
        self.over_quota_recipients_are_refused_at_rcpt(452, "4.2.2 ")

    def test_while_the_store_is_away_rcpt_is_a_temporary_failure(self):
        user = self.account()
        self.stack.storage.stop()
        try:
            code, _ = self.rcpt(user)
            self.assertEqual(code // 100, 4)
        finally:
            self.stack.storage.start()
        harness.eventually(lambda: self.rcpt(user)[0] == 250, 20 * harness.PATIENCE, "the store")


    def test_over_tcp_and_with_aliases_of_its_own_it_is_the_same(self):
        cls, postfix = type(self), self.mta
        addresses = cls.lookup.addresses
        aliases = snippets.snippet("plugins/postfix/examples/main-alias-maps.cf", {
            "/run/restante/lookup.sock": cls.paths["lookup"]})
        cls.mta = cls.start_postfix_of("main-tcp.cf", {
            "127.0.0.1:10023": addresses["X_RESTANTE_TCP_RECIPIENTS"],
            "127.0.0.1:10024": addresses["X_RESTANTE_POLICY"],
            "127.0.0.1:24": cls.stack.lmtp_address}, aliases)
        try:
            self.unknown_recipients_are_refused_with_550_at_rcpt()
            self.over_quota_recipients_are_refused_at_rcpt(452, "4.2.2 ")
            self.mail_for_accounts_and_aliases_arrives("staff@example.org")
            self.assertRegex(self.mta.log(), r"to=<lookup\d+@example.org>, orig_to=<staff@")
        finally:
            cls.mta = postfix


@unittest.skipIf(os.geteuid() != 0, "Exim has to be root to deliver")
class EximTest(MtaTestCase):
    def test_with_callouts_to_restante_lmtpd_it_is_the_same(self):
        type(self).mta = self.start_exim()
        self.mail_for_accounts_and_aliases_arrives()
        code, text = self.rcpt("nobody@example.org")
        self.assertEqual(code, 550, text)
        # Whatever 4xx a callout got, Exim makes it this one.
        self.over_quota_recipients_are_refused_at_rcpt(451, "")

    def test_with_policies_it_is_the_same(self):
        type(self).mta = self.start_exim(policy=True)
        self.mail_for_accounts_and_aliases_arrives("squad@example.org")
        self.unknown_recipients_are_refused_with_550_at_rcpt()
        self.over_quota_recipients_are_refused_at_rcpt(452, "4.2.2 ")
        user = self.account()
        self.stack.storage.stop()
        try:
            code, text = self.rcpt(user)
            self.assertEqual((code, text[:6]), (451, "4.3.0 "), text)
        finally:
            self.stack.storage.start()
        harness.eventually(lambda: self.rcpt(user)[0] == 250, 20 * harness.PATIENCE, "the store")


@unittest.skipIf(os.geteuid() != 0, "MTAs have to be root to start")
class OverQuotaForGoodTest(MtaTestCase):
    lookup_config = {"over_quota": "reject"}

    def test_postfix_and_exim_refuse_over_quota_recipients_with_552_at_rcpt(self):
        for mta in (self.start_postfix(), self.start_exim(policy=True)):
            type(self).mta = mta
            self.over_quota_recipients_are_refused_at_rcpt(552, "5.2.2 ")


@unittest.skipIf(os.geteuid() != 0, "OpenSMTPD has to be root")
class OpenSmtpdTest(MtaTestCase):
    def test_mail_arrives_and_an_unknown_recipient_is_found_out_at_delivery(self):
        smtpd = OpenSmtpd(tempfile.mkdtemp(prefix="opensmtpd-", dir=self.stack.dir),
                          snippets.snippet("plugins/postfix/examples/smtpd.conf", {
                              "/run/restante/lmtp.sock": self.stack.lmtp_socket}))
        self.addCleanup(smtpd.stop)
        type(self).mta = smtpd.start()
        self.mail_for_accounts_and_aliases_arrives()
        self.assertEqual(self.rcpt("nobody@example.org")[0], 250)
        with smtpd.connect() as smtp:
            smtp.sendmail("sender@example.net", ["nobody@example.org"], MESSAGE)
        harness.eventually(lambda: "to=<nobody@example.org>" in smtpd.log()
                           and "result=TempFail" in smtpd.log(), 30 * harness.PATIENCE, "a try")

if __name__ == "__main__":
    harness.main()
