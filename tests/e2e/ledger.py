"""What a storage service owes to those who delivered to it: which messages were
acknowledged, which were deleted, which UIDs and UIDLs stood for what. Crash tests
write into one ledger from many threads and compare the store with it afterwards.
"""

import hashlib
import random
import re
import threading


def make_message(identity, octets):
    """A message that names itself and proves its own octets."""
    noise = random.Random(identity)
    lines = [b".leading dot", b"..", b"."]
    size = 0
    while size < octets:
        line = b"%032x" % noise.getrandbits(128) * noise.randint(1, 3)
        lines.append(line)
        size += len(line) + 2
    body = b"\r\n".join(lines) + b"\r\n"
    return b"X-Identity: %d\r\nX-Hash: %s\r\nFrom: ada.ferri@example.org\r\n\r\n%s" % (
        identity, hashlib.sha256(body).hexdigest().encode(), body)


def identity_of(message):
    """The identity that a message names, after its octets were checked."""
    found = re.match(rb"X-Identity: (\d+)\r\nX-Hash: (\w+)\r\n", message)
    assert found, "not a message of ours: %r" % message[:200]
    body = message[message.index(b"\r\n\r\n") + 4:]
    digest = hashlib.sha256(body).hexdigest().encode()
    assert digest == found[2], "message %s has other octets than were sent" % found[1]
    return int(found[1])


class Ledger:
    def __init__(self, accounts):
        self.changed = threading.Condition()
        self.next_identity = 1
        self.acknowledgements = 0
        self.accounts = {account: _Account() for account in accounts}

    def new_identity(self):
        with self.changed:
            self.next_identity += 1
            return self.next_identity - 1

    def sent(self, identity, accounts):
        """Before the last octet goes out: from now on the message may be there."""
        with self.changed:
            for account in accounts:
                self.accounts[account].sent.add(identity)

    def acknowledged(self, identity, account):
        with self.changed:
            self.accounts[account].acknowledged.add(identity)
            self.acknowledgements += 1
            self.changed.notify_all()

    def deleting(self, account, identities):
        """Before QUIT: they may be gone from now on, all or none of them."""
        with self.changed:
            self.accounts[account].uncertain.append(frozenset(identities))

    def deleted(self, account, identities):
        """QUIT was answered +OK."""
        with self.changed:
            self.accounts[account].uncertain.remove(frozenset(identities))
            self.accounts[account].deleted |= set(identities)

    def wait_for_acknowledgements(self, count, timeout):
        with self.changed:
            begin = self.acknowledgements
            enough = self.changed.wait_for(
                lambda: self.acknowledgements >= begin + count, timeout)
            assert enough, "%d acknowledgements in %d s instead of %d" % (
                self.acknowledgements - begin, timeout, count)

    def check(self, account, uidls, messages):
        """What a maildrop holds, in order, against what it has to."""
        owed = self.accounts[account]
        identities = [identity_of(message) for message in messages]
        present = set(identities)
        assert len(present) == len(identities), "%s: a message is there twice" % account
        assert present <= owed.sent, "%s: messages of others: %s" % (
            account, sorted(present - owed.sent))
        # What was not acknowledged may be there or not, but it has to stay so.
        owed.acknowledged |= present
        back = present & owed.deleted
        assert not back, "%s: deleted messages are back: %s" % (account, sorted(back))
        for group in owed.uncertain:
            left = group & present
            assert not left or left == group, (
                "%s: of a refused QUIT's messages %s, %s are there" % (
                    account, sorted(group), sorted(left)))
            if not left:
                owed.deleted |= group
        owed.uncertain = []
        missing = owed.acknowledged - owed.deleted - present
        assert not missing, "%s: acknowledged and missing: %s" % (account, sorted(missing))
        for uidl, identity in zip(uidls, identities):
            known = owed.by_uidl.setdefault(uidl, identity)
            assert known == identity, "%s: UIDL %s was message %d and is %d now" % (
                account, uidl, known, identity)
        return len(present)

    def check_uids(self, account, rows):
        """`rows`: UID and UIDL of each message, in order."""
        owed = self.accounts[account]
        for uid, uidl in rows:
            known = owed.by_uid.setdefault(uid, uidl)
            assert known == uidl, "%s: UID %d was %s and is %s now" % (account, uid, known, uidl)
        uids = [uid for uid, _ in rows]
        assert uids == sorted(set(uids)), "%s: UIDs don't grow: %s" % (account, uids)


class _Account:
    def __init__(self):
        self.sent = set()
        self.acknowledged = set()
        self.deleted = set()
        self.uncertain = []  # sets that were deleted together, all or none
        self.by_uidl = {}
        self.by_uid = {}
