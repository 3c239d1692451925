"""LMTP over TLS against the real services: by STARTTLS with Python's own client and with
Postfix, from the first octet, with certificates that change while mail comes in, and with
clients that have to show one of theirs.
"""

import os
import shutil
import smtplib
import ssl
import sys
import tempfile
import unittest

import harness
from clients import Lmtp, Pop3
from postfix import Postfix

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
from certificates import Authority  # noqa: E402

PASSWORD = "tulip"
USER = "secure@example.org"
MESSAGE = b"From: ada.ferri@example.org\r\nSubject: tulips\r\n\r\nThe parcel has arrived.\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"tulips and daffodils\r\n" * 50_000


class LmtpTlsTest(unittest.TestCase):
    def setUp(self):
        self.authority = Authority()
        self.addCleanup(self.authority.close)
        directory = tempfile.mkdtemp(prefix="restante-lmtp-tls-")
        self.addCleanup(shutil.rmtree, directory)
        certificate, key = harness.make_certificate(directory)
        self.lmtpd = {
            "listen_tls": ["127.0.0.1:0"],
            "tls": {"certificate_file": certificate, "key_file": key,
                    "client_ca_file": self.authority.certificate_file,
                    "reload_interval": "20ms"}}
        self.stack = harness.Stack(directory, lmtpd=self.lmtpd).start()
        self.addCleanup(self.stack.stop)
        self.stack.create_account(USER, PASSWORD)

    def lmtps(self):
        return harness.split_address(self.stack.lmtpd.addresses["X_RESTANTE_LMTPS"])

    def maildrop(self):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(USER, PASSWORD)
            messages = pop3.retr_all(pop3.stat()[0])
            pop3.quit()
        return messages

    def test_pythons_client_delivers_by_starttls_and_from_the_first_octet(self):
        trusting = ssl.create_default_context(cafile=self.stack.certificate)
        with smtplib.LMTP(*self.stack.lmtp) as lmtp:
            lmtp.starttls(context=trusting)
            for message in (MESSAGE, LARGE):
                self.assertEqual(lmtp.sendmail("ada.ferri@example.org", [USER], message), {})
        with Lmtp(self.lmtps(), tls=True) as lmtp:
            for message in (MESSAGE, LARGE):
                self.assertEqual(lmtp.lhlo().deliver(message, [USER])[0][0], 250)
        self.assertEqual(self.maildrop(), [MESSAGE, LARGE] * 2)

    def test_a_new_certificate_is_served_without_a_restart(self):
        before = ssl.get_server_certificate(self.lmtps())
        for path in (self.stack.certificate, self.stack.key):
            os.unlink(path)
        harness.make_certificate(self.stack.dir)
        harness.eventually(lambda: ssl.get_server_certificate(self.lmtps()) != before,
                           10 * harness.PATIENCE, "the new certificate is served")

    def require_certificates(self):
        self.stack.lmtpd.stop()
        self.stack.lmtpd.configure({
            **self.lmtpd, "require_client_certificate": True,
            "listen": ["127.0.0.1:0", "unix:" + self.stack.lmtp_socket],
            "storage": {"address": self.stack.grpc_address}})
        self.stack.lmtpd.start()

    def test_clients_without_the_certificate_that_is_required_deliver_nothing(self):
        self.require_certificates()
        address = harness.split_address(self.stack.lmtpd.addresses["X_RESTANTE_LMTP"])
        own = self.authority.certificate_for("mta@example.org")
        stranger = self.authority.certificate_for("mta@example.org", signed=False)
        for certificate, code in ((own, 250), (stranger, 454), (None, 454)):
            with Lmtp(address) as lmtp:
                self.assertEqual(lmtp.lhlo().command("MAIL FROM:<>")[0], 530)
                self.assertEqual(lmtp.command("STARTTLS")[0], 220)
                lmtp.start_tls(certificate)
                self.assertEqual(lmtp.lhlo().command("MAIL FROM:<>")[0], code)
                if code == 250:
                    lmtp.command("RSET")
                    self.assertEqual(lmtp.deliver(MESSAGE, [USER])[0][0], 250)
        with Lmtp(self.stack.lmtp_socket) as lmtp:
            self.assertEqual(lmtp.lhlo().deliver(MESSAGE, [USER])[0][0], 250)
        self.assertEqual(self.maildrop(), [MESSAGE] * 2)

    @unittest.skipIf(os.geteuid() != 0, "Postfix' master has to be root")
    def test_postfix_delivers_by_its_certificate(self):
        self.require_certificates()
        certificate, key = self.authority.certificate_for("mta@example.org")
        os.chmod(self.stack.dir, 0o755)
        postfix = Postfix(tempfile.mkdtemp(prefix="postfix-", dir=self.stack.dir), """
virtual_mailbox_domains = example.org
virtual_transport = lmtp:inet:%s
lmtp_tls_security_level = encrypt
lmtp_tls_cert_file = %s
lmtp_tls_key_file = %s
""" % (self.stack.lmtpd.addresses["X_RESTANTE_LMTP"], certificate, key))
        self.addCleanup(postfix.stop)
        with postfix.start().connect() as smtp:
            self.assertEqual(smtp.sendmail("ada.ferri@example.org", [USER], MESSAGE), {})
        (message,), _ = harness.eventually(self.maildrop, 30 * harness.PATIENCE,
                                           "mail by Postfix\n" + postfix.log())
        self.assertTrue(message.endswith(b"\r\n\r\nThe parcel has arrived.\r\n"), message)


if __name__ == "__main__":
    harness.main()
