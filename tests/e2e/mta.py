"""What the MTAs of these tests have in common: an SMTP server that is a process of ours."""

import smtplib

import harness


class Mta:
    """Has `port`; `daemon` is its process while it runs."""

    name = ""
    daemon = None

    def await_start(self):
        harness.eventually(self._serves, 30 * harness.PATIENCE, self.name)

    def _serves(self):
        assert self.daemon.poll() is None, "%s has ended\n%s" % (self.name, self.log())
        try:
            self.connect().quit()
            return True
        except OSError:
            return False

    def connect(self):
        return smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=60)

    def log(self):
        raise NotImplementedError
