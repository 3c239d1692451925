"""1,000 sessions at once, of as many accounts, are all logged in and served."""

import resource
import time

import harness
from clients import Lmtp, Pop3

SESSIONS = 1000
# How many passwords wait to be verified at a time: the queue for them is bounded.
LOG_INS = 200
PASSWORD = "tulip"
USERS = ["many%04d@example.org" % i for i in range(SESSIONS)]


class ManySessions(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
        super().setUpClass()
        cls.stack.import_accounts(USERS, PASSWORD)
        with Lmtp(cls.stack.lmtp) as lmtp:
            lmtp.lhlo()
            for first in range(0, SESSIONS, 50):
                for code, text in lmtp.deliver(cls.message(), USERS[first:first + 50]):
                    assert code == 250, text

    @staticmethod
    def message():
        return b"Subject: to all\r\n\r\n" + b"one of many lines\r\n" * 200

    def serve_all(self, tls):
        begin = time.monotonic()
        address = self.stack.pop3s if tls else self.stack.pop3
        sessions = []
        try:
            for first in range(0, SESSIONS, LOG_INS):
                for user in USERS[first:first + LOG_INS]:
                    sessions.append(Pop3(address, tls))
                    sessions[-1].send(b"USER %s\r\nPASS %s\r\n" % (
                        user.encode(), PASSWORD.encode()))
                for session in sessions[first:]:
                    self.assert_ok(session)
                    self.assert_ok(session)
            for session in sessions:
                session.send(b"STAT\r\nRETR 1\r\n")
            for session in sessions:
                self.assert_ok(session, b"+OK 1 ")
                self.assert_ok(session)
                self.assertEqual(session.multiline(), self.message())
            for session in sessions:
                session.send(b"QUIT\r\n")
            for session in sessions:
                self.assert_ok(session)
        finally:
            for session in sessions:
                session.close()
        print("%d sessions%s: %.1f s" % (
            SESSIONS, " over TLS" if tls else "", time.monotonic() - begin))

    def assert_ok(self, session, beginning=b"+OK"):
        reply = session.line()
        self.assertTrue(reply.startswith(beginning), reply)

    def test_1000_sessions_at_once(self):
        self.serve_all(tls=False)

    def test_1000_sessions_at_once_over_tls(self):
        self.serve_all(tls=True)


if __name__ == "__main__":
    harness.main()
