"""The storage service dies, and is stopped, in the middle of the mail that Postfix and Exim
bring, by LMTP and through the pipe: their queues hold, nothing goes back to senders, and once
it is back everything that an MTA has taken arrives, each message once.
"""

import os
import smtplib
import threading
import unittest

import harness
import mtas
from attacks import Pace
from clients import Closed, Lmtp, Pop3
from ledger import Ledger, make_message

PASSWORD = "tulip"
SENDER = "sender@example.net"
# What each MTA gets: as much as the slowest can bring to the store on a small machine.
MESSAGES_A_SECOND = 10
# What is there before an outage, and between two of them.
IN_BETWEEN = 10
# Messages that an MTA gets once the store is away, so that its queue has something.
HELD = 3


class Stream:
    """Mail for one account, through one MTA, from the start to the end; `problems` has what
    would make a sender give up."""

    def __init__(self, mta, user, ledger):
        self.mta, self.user = mta, user
        self.problems = []
        self._ledger = ledger
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._over.set()
        self._thread.join()

    def _run(self):
        pace = Pace(MESSAGES_A_SECOND)
        while not self._over.is_set():
            pace.wait()
            try:
                with self.mta.connect() as smtp:
                    self.begin(smtp)
                    self.finish(smtp)
            except (smtplib.SMTPException, OSError) as error:
                # 4xx: while the store is away an MTA may well not know recipients.
                if getattr(error, "smtp_code", 0) // 100 != 4:
                    self.problems.append(error)

    def begin(self, smtp):
        for code, text in (smtp.ehlo(), smtp.mail(SENDER), smtp.rcpt(self.user)):
            if code != 250:
                raise smtplib.SMTPResponseException(code, text)

    def finish(self, smtp):
        identity = self._ledger.new_identity()
        self._ledger.sent(identity, [self.user])
        code, text = smtp.data(make_message(identity, 2000))
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
        self._ledger.acknowledged(identity, self.user)


@unittest.skipIf(os.geteuid() != 0, "MTAs have to be root to start and to deliver")
class QueueTest(mtas.MtaTestCase):
    configs = {"lmtpd": {"storage_wait": "200ms"}}
    # Postfix goes on taking mail for those whom it knows.
    lookup_config = {"cache": {"lifetime": "1h", "room_lifetime": "1h"}}

    def setUp(self):
        users = {}
        for name, make, *arguments in (
                ("postfix-lmtp", mtas.postfix_by_lmtp, self.stack.lmtp_socket,
                 self.lookup_sockets),
                ("postfix-pipe", mtas.postfix_by_pipe, self.stack.lmtp_socket),
                ("exim-lmtp", mtas.exim_by_lmtp, self.stack.lmtp[1]),
                ("exim-pipe", mtas.exim_by_pipe, self.stack.lmtp_socket)):
            users[name + "@example.org"] = self.start_mta(name, make, *arguments)
        self.stack.import_accounts(users, PASSWORD)
        self.ledger = Ledger(users)
        self.streams = []
        self.addCleanup(self.stop_streams)
        for user, mta in users.items():
            self.streams.append(Stream(mta, user, self.ledger))

    def stop_streams(self):
        for stream in self.streams:
            stream.stop()

    def test_what_was_taken_before_an_outage_and_in_it_arrives_once(self):
        for end in (self.stack.storage.kill9, self.stack.storage.stop):
            self.await_mail()
            self.outage(end)
        self.await_mail()
        self.stop_streams()
        for stream in self.streams:
            harness.eventually(lambda stream=stream: not stream.mta.queue(),
                               60 * harness.PATIENCE, "an empty queue for " + stream.user)
            self.assertEqual(stream.problems, [], stream.user)
            for returned in ("status=bounced", " ** "):  # Postfix', Exim's
                self.assertNotIn(returned, stream.mta.log())
            self.ledger.check(stream.user, *self.maildrop(stream.user))
            owed = self.ledger.accounts[stream.user]
            print("%s: %d messages, %d attempts deferred" % (
                stream.user, len(owed.acknowledged), deferrals(stream.mta)))

    def await_mail(self):
        """Until each stream has brought something more."""
        before = {stream.user: self.count(stream.user) for stream in self.streams}
        for user, count in before.items():
            harness.eventually(lambda: self.count(user) >= count + IN_BETWEEN,
                               60 * harness.PATIENCE, "mail for " + user)

    def outage(self, end):
        # Sessions whose recipients are known already: their messages are taken in the outage.
        sessions = [(stream, stream.mta.connect()) for stream in self.streams
                    for _ in range(HELD)]
        for stream, smtp in sessions:
            stream.begin(smtp)
        before = {stream.user: deferrals(stream.mta) for stream in self.streams}
        end()
        for stream, smtp in sessions:
            stream.finish(smtp)
            smtp.quit()
        for stream in self.streams:
            harness.eventually(lambda: deferrals(stream.mta) > before[stream.user],
                               60 * harness.PATIENCE, "deferred mail for " + stream.user)
            self.assertGreaterEqual(len(stream.mta.queue()), HELD)
        self.stack.storage.start()
        harness.eventually(self.serves, 30 * harness.PATIENCE, "the store")
        for stream in self.streams:
            stream.mta.flush()

    def serves(self):
        with Lmtp(self.stack.lmtp) as lmtp:
            return lmtp.lhlo().envelope([self.streams[0].user])[0][0] == 250

    def count(self, user):
        """Messages that are there; as many as nothing while the front-end has no store."""
        try:
            with Pop3(self.stack.pop3) as pop3:
                if pop3.try_log_in(user, PASSWORD).startswith(b"+OK"):
                    return pop3.stat()[0]
        except (Closed, ConnectionError):
            pass
        return 0

    def maildrop(self, user):
        """UIDLs, and messages without what MTAs put on top."""
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(user, PASSWORD)
            uidls = pop3.uidls()
            found = pop3.retr_all(len(uidls))
            pop3.quit()
        return uidls, [one[one.index(b"X-Identity: "):] for one in found]


def deferrals(mta):
    """Attempts that came to nothing, as Postfix or Exim logs them."""
    return sum("status=deferred" in line or " == " in line for line in mta.log().splitlines())


if __name__ == "__main__":
    harness.main()
