"""Our storage service and LMTP server: accounts, and messages for them."""

import collections
import ctypes
import itertools
import os
import tempfile
import threading

from certificates import Authority
from clients import Lmtp
from servers import KINDS, PASSWORD, harness

# Accounts of domains with policies of their own, and what restantectl has to say of
# these. They live in a store of their own: CAPA tells everybody that accounts differ.
POLICY_KINDS = {
    "kept-7-days": ("c%d@week.example", PASSWORD),
    "kept-for-ever": ("c%d@plain.example", PASSWORD),
    "delayed": ("c%d@delay.example", PASSWORD),
    "hidden": ("c%d@hide.example", PASSWORD),
    "moved": ("c%d@move.example", PASSWORD),
}
POLICIES = {
    "week.example": ["--expire-retrieved", "7d"],
    "delay.example": ["--login-delay", "5s"],
    "hide.example": ["--deletion", "hide"],
    "move.example": ["--deletion", "move:Deleted"],
}


# crypt(3) answers in a buffer of the library: PyDLL keeps the interpreter locked, so that
# two threads never have it at once.
libcrypt = ctypes.PyDLL("libcrypt.so.1")
libcrypt.crypt.restype = ctypes.c_char_p


def hash_of(password):
    """Of any octets, which Python's crypt doesn't take."""
    return libcrypt.crypt(os.fsencode(password), b"$5$rounds=1000$garden").decode()


class Store:
    def __init__(self):
        self.authority = Authority()
        self.stack = harness.Stack(
            storage={"client_ca_file": self.authority.certificate_file})
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._free = collections.defaultdict(list)
        self._deliverers = []
        self.stack.start()

    def set_policies(self):
        for domain, policy in POLICIES.items():
            self.stack.ctl("policy", "set", "--domain", domain, *policy)

    def create_accounts(self, kinds):
        """`kinds`: how many of each. In one go: that is quicker by far. They are for
        whoever asks first."""
        made = []
        for kind, count in kinds.items():
            name, password = {**KINDS, **POLICY_KINDS}[kind]
            secret = "{CRYPT}" + hash_of(password)
            for _ in range(count):
                user = (name or "c%d@example.org") % next(self._numbers)
                made.append((kind, user, password, secret))
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.stack.dir) as file:
            # Ours refuses to make an account of a prohibited name; a login by it has to
            # fail all the same.
            file.writelines("%s\t%s\n" % (user, secret) for kind, user, _, secret in made
                            if kind != "prohibited-name")
            file.flush()
            self.stack.ctl("accounts", "import", file.name)
        with self._lock:
            for kind, user, password, _ in made:
                self._free[kind].append((user, password))

    def account(self, kind):
        with self._lock:
            return self._free[kind].pop() if self._free[kind] else None

    def deliver(self, user, octets, kind=""):
        with self._lock:
            lmtp = self._deliverers.pop() if self._deliverers else None
        if lmtp is None:
            lmtp = Lmtp(self.stack.lmtp).lhlo()
        parameters = " SMTPUTF8" if kind == "smtputf8" or not user.isascii() else ""
        replies = lmtp.envelope([user], parameters=parameters)
        assert replies[0][0] == 250, replies
        (code, text), = lmtp.bdat(octets)
        assert code == 250, (code, text)
        with self._lock:
            self._deliverers.append(lmtp)

    def stop(self, check=True):
        for lmtp in self._deliverers:
            lmtp.close()
        self.authority.close()
        self.stack.stop(check)
