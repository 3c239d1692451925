"""kill -9 of the storage service under load, over and over: every acknowledged
message is there, octet for octet, what was deleted stays deleted, no UID or UIDL
stands for two messages, and a full scan finds nothing wrong.

RESTANTE_LONG=1 makes it 60 rounds instead of 6.
"""

import os
import random
import threading
import time

import harness
from clients import Closed, Lmtp, Pop3
from ledger import Ledger, identity_of, make_message

ACCOUNTS = ["crash%d@example.org" % i for i in range(6)]
PASSWORD = "tulip"
ROUNDS = 60 if os.environ.get("RESTANTE_LONG") else 6
CONNECTIONS = 24
FETCHERS = 3
# What a killed service looks like to a client, apart from a proper reply.
BROKEN = (Closed, ConnectionError, TimeoutError)


class Crash(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.import_accounts(ACCOUNTS, PASSWORD)
        cls.ledger = Ledger(ACCOUNTS)
        cls.problems = []

    def deliver_until_the_end(self, seed):
        """One LMTP connection; a part of the messages are large, a part go to several
        accounts."""
        chance = random.Random(seed)
        try:
            with Lmtp(self.stack.lmtp) as lmtp:
                lmtp.lhlo()
                while not self.over.is_set():
                    recipients = chance.sample(ACCOUNTS, chance.choice((1, 1, 1, 2, 6)))
                    octets = chance.choice((200, 4000, 4000, 20000, 150000))
                    identity = self.ledger.new_identity()
                    message = make_message(identity, octets)
                    self.ledger.sent(identity, recipients)
                    for recipient in recipients:
                        code, text = (lmtp.envelope([recipient])[0] if recipient == recipients[0]
                                      else lmtp.command("RCPT TO:<%s>" % recipient))
                        if code != 250:
                            self.expect(code == 451 and text.startswith("4.3.0"), code, text)
                            return
                    how = lmtp.bdat if chance.random() < 0.3 else lmtp.data
                    replies = how(message, len(recipients))
                    for recipient, (code, text) in zip(recipients, replies):
                        if code == 250:
                            self.ledger.acknowledged(identity, recipient)
                        else:
                            self.expect(code == 451 and text.startswith("4."), code, text)
                    if any(code != 250 for code, _ in replies):
                        return
        except BROKEN:
            pass
        except Exception as error:  # an assertion in a thread would get lost
            self.expect(False, "delivery", repr(error))

    def delete_until_the_end(self, seed):
        """POP3 sessions that fetch and delete a few messages."""
        chance = random.Random(seed)
        try:
            while not self.over.is_set():
                account = chance.choice(ACCOUNTS)
                with Pop3(self.stack.pop3) as pop3:
                    reply = pop3.try_log_in(account, PASSWORD)
                    if reply.startswith(b"-ERR [IN-USE]"):
                        continue
                    if not reply.startswith(b"+OK"):
                        self.expect(reply.startswith(b"-ERR [SYS/TEMP]"), reply)
                        return
                    count = pop3.stat()[0]
                    numbers = chance.sample(range(1, count + 1), min(count, chance.randint(0, 5)))
                    identities = []
                    for number in numbers:
                        identities.append(identity_of(pop3.retr(number)))
                        pop3.ok("DELE %d" % number)
                    self.ledger.deleting(account, identities)
                    reply = pop3.command("QUIT")
                    if reply.startswith(b"+OK"):
                        self.ledger.deleted(account, identities)
                    else:
                        self.expect(reply.startswith(b"-ERR [SYS/TEMP]"), reply)
                        return
        except BROKEN:
            pass
        except AssertionError as error:
            # A command of the session was refused: only so may it be.
            self.expect("-ERR [SYS/TEMP]" in str(error), str(error))

    def expect(self, condition, *what):
        if not condition:
            self.problems.append(what)

    def check_everything(self):
        messages = 0
        for account in ACCOUNTS:
            with Pop3(self.stack.pop3) as pop3:
                # Sessions of before the crash may hold the lock for as long as leases live.
                harness.eventually(
                    lambda: pop3.try_log_in(account, PASSWORD).startswith(b"+OK"),
                    12 * harness.PATIENCE, "log-in of " + account)
                uidls = pop3.uidls()
                messages += self.ledger.check(account, uidls, pop3.retr_all(len(uidls)))
                pop3.quit()
            rows = self.stack.ctl_json("messages", "list", account)["messages"]
            self.ledger.check_uids(account, [(row["uid"], row["uidl"]) for row in rows])
        code, out, err = self.stack.ctl("verify", "--bodies", check=False, timeout=120)
        self.assertEqual(code, 0, out + err)
        return messages

    def test_kill_under_load_over_and_over(self):
        chance = random.Random(1846)
        for number in range(ROUNDS):
            begin = time.monotonic()
            self.over = threading.Event()
            threads = [threading.Thread(target=self.deliver_until_the_end, args=(number * 1000 + i,))
                       for i in range(CONNECTIONS)]
            threads += [threading.Thread(target=self.delete_until_the_end, args=(number * 1000 + i,))
                        for i in range(FETCHERS)]
            before = self.ledger.acknowledgements
            for thread in threads:
                thread.start()
            self.ledger.wait_for_acknowledgements(chance.randint(50, 600), 60 * harness.PATIENCE)
            self.stack.storage.kill9()
            self.over.set()
            # Front-ends may ask the new process what became of the last commits.
            self.stack.storage.start()
            for thread in threads:
                thread.join()
            acknowledged = self.ledger.acknowledgements - before
            self.assertEqual(self.problems, [])
            messages = self.check_everything()
            print("Round %d: %d acknowledged, %d messages there, %.1f s" % (
                number + 1, acknowledged, messages, time.monotonic() - begin))


if __name__ == "__main__":
    harness.main()
