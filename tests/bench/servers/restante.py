"""Restante as the bench runs it: the product's defaults, apart from ports, directories
and the number of connections. What is measured is what an operator gets."""

import os

import harness
from . import PASSWORD, Server


class Restante(Server):
    key = "restante"
    title = "Restante"

    def __init__(self, directory, groups):
        super().__init__(directory, groups)
        self._stack = harness.Stack(
            os.path.join(self.dir, "stack"), tuned_for_tests=False,
            pop3d={"max_connections": 20000})
        self._stack.start()
        try:
            # The hash is a cheap one, as the others' passwords are in the clear: what a
            # hash costs isn't the bench's subject.
            self._stack.import_accounts(self.all_names(), PASSWORD)
        except BaseException:
            self._stack.stop(check=False)
            raise
        self.pop3 = self._stack.pop3_address
        self.pop3s = self._stack.pop3s_address
        self.lmtp = self._stack.lmtp_address
        self.grpc = self._stack.grpc_address

    def roots(self):
        return [server.pid for server in self._stack.servers()]

    def restart(self):
        self._stack.restart()

    def version(self):
        return self._stack.version()

    def log_tail(self):
        return self._stack.log_tails()

    def stop(self):
        self._stack.stop()
