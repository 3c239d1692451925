"""Plays one case against a server. What the steps mean is in README.md; what a
server has to be is in servers.py.
"""

import time

import dialogue
import letters
from scene import Scene, Skipped, seconds, shown
from wire import Failure

# A lock may outlive a client that vanished for so long.
LOCK_SECONDS = 6


def needs_met(case, server):
    """Raises Skipped for what is missing. A need in capitals is a capability, such as
    UTF8, that the server has to announce."""
    for need in sorted(case.needs):
        if need.isupper():
            if need not in server.capabilities():
                raise Skipped("doesn't announce %s" % need)
        elif need not in server.provides:
            raise Skipped("no %s" % need)


def play(case, server, patience=10):
    """Raises Failure, with the line of the file and what was said, or Skipped."""
    needs_met(case, server)
    account = server.account(case.account)
    if account is None:
        raise Skipped("no account of the kind '%s'" % case.account)
    player = Player(case, server, account, patience)
    for name in case.mail:
        player.deliver(name)
    try:
        player.run()
    finally:
        player.end()


class Player(Scene):
    def run(self):
        steps = self.case.steps
        at = 0
        while at < len(steps):
            step = steps[at]
            at += 1
            try:
                if step.verb.startswith("|") or step.verb == ".":
                    pattern = [step]
                    while pattern[-1].verb != ".":
                        if at == len(steps):
                            raise dialogue.Mistake("a block without '.'")
                        pattern.append(steps[at])
                        at += 1
                    self.expect_lines(pattern[:-1])
                else:
                    self.step(step)
            except Failure as failure:
                raise Failure("%s:%d: %s%s: %s%s" % (
                    self.case.path, step.line, step.verb, " " + step.text if step.text else "",
                    failure, self.transcript()))
        for name, wire in self.wires.items():
            more = wire.left_over()
            if more:
                raise Failure("%s:%d: at the end there is more on '%s': %r%s" % (
                    self.case.path, self.case.line, name, more, self.transcript()))

    def step(self, step):
        with_text = {
            "C:": self.say, "C>": self.send, "drip:": self.drip, "open": self.open,
            "on": self.switch, "starttls": self.starttls, "deliver": self.deliver,
            "log": self.log_in, "tls:": self.set_tls, "pause": lambda text: time.sleep(seconds(text)),
            "storage": self.server.storage,
            "S:": self.expect_words, "S=": self.expect_exactly, "S~": self.expect_pattern,
            "body": self.body, "top": self.top, "replies": self.replies,
            "bodies": self.bodies, "block": self.block, "has": self.has,
            "lacks": self.lacks, "same": self.same, "octets": self.octets_of,
            "ascii": self.ascii, "ends": self.ends,
            "silent": lambda text: self.wire().silent(seconds(text)),
            "segments": self.segments, "left": self.left,
        }
        bare = {
            "close": lambda: self.wires.pop(self.current).close(),
            "reset": lambda: self.wires.pop(self.current).reset(),
            "shutdown": lambda: self.wire().shut_down(),
            "quit": self.quit, "closed": self.closed, "gone": self.gone,
            "injected": self.injected,
        }
        if step.verb in with_text:
            with_text[step.verb](step.text)
        else:
            bare[step.verb]()

    def log_in(self, text):
        """in: opens a connection where none is, and reads the greeting."""
        if text != "in":
            raise dialogue.Mistake("%s: 'log' is followed by 'in'" % self.case.id)
        if self.current not in self.wires:
            self.open("as " + self.current)
        if not self.wire().greeted:
            self.expect_words("+OK")
        for line in ("USER {user}", "PASS {password}"):
            self.say(line)
            self.expect_words("+OK")

    def injected(self):
        """Behind STLS there were octets in the clear. The server may refuse, break the
        handshake, or drop them; it may not take them as if they came through TLS."""
        if self.first_line().startswith(b"-ERR"):
            return
        try:
            self.wire().start_tls()
        except Failure:
            return
        self.wire().silent(0.1)
        self.say("CAPA")
        self.expect_words("+OK")
        self.unstuffed()

    # What the server has to do -----------------------------------------------------

    def first_line(self):
        wire = self.wire()
        line = wire.first_line()
        wire.greeted = True
        self.said.append("S: %s" % shown(line))
        return line

    def expect_words(self, text):
        """The line begins with these words."""
        line, wanted = self.first_line(), self.octets(text)
        if line != wanted and not line.startswith(wanted + b" "):
            raise Failure("got %r" % line)

    def expect_exactly(self, text):
        line = self.wire().line()
        self.wire().greeted = True
        self.said.append("S: %s" % shown(line))
        if line != self.octets(text):
            raise Failure("got %r" % line)

    def expect_pattern(self, text):
        line = self.first_line()
        self.match(text, line)

    def match(self, text, line):
        found = self.pattern(text).match(line)
        if not found:
            raise Failure("got %r" % line[:500])
        self.values.update(
            (name, value.decode("latin-1")) for name, value in found.groupdict().items()
            if value is not None)

    def expect_lines(self, steps):
        lines = self.unstuffed()
        for index, step in enumerate(steps):
            if step.verb == "|*":
                if step.text:
                    break_at = int(step.text)
                else:
                    break_at = len(lines) - (len(steps) - index - 1)
                if break_at < 0 or break_at > len(lines):
                    raise Failure("too few lines: %s" % shown(b"\r\n".join(lines)))
                lines = lines[break_at:]
                continue
            if not lines:
                raise Failure("a line is missing: line %d, %s" % (step.line, step.text))
            line = lines.pop(0)
            if step.verb == "|=" and line != self.octets(step.text):
                raise Failure("line %d, %s: got %r" % (step.line, step.text, line[:500]))
            if step.verb == "|~":
                self.match(step.text, line)
        if lines:
            raise Failure("%d lines too many: %r" % (len(lines), lines[0][:500]))

    def unstuffed(self):
        lines = []
        for line in self.wire().block():
            if line.startswith(b".") and not line.startswith(b".."):
                raise Failure("not stuffed: %r" % line[:200])
            lines.append(line[1:] if line.startswith(b".") else line)
        self.said.append("S: ... %d lines" % len(lines))
        return lines

    def body(self, name):
        self.expect_message(self.stored(name))

    def top(self, text):
        name, lines = text.split()
        self.expect_message(letters.top_of(letters.octets_of(self.case, name), int(lines)))

    def expect_message(self, octets):
        expected = letters.on_the_wire(octets)
        got = b"".join(line + b"\r\n" for line in self.wire().block()) + b".\r\n"
        if got != expected:
            at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b),
                      min(len(got), len(expected)))
            raise Failure("%d octets instead of %d; from octet %d on %r instead of %r" % (
                len(got), len(expected), at, got[at:at + 60], expected[at:at + 60]))
        self.said.append("S: ... %d octets" % len(got))

    def replies(self, text):
        """N WORDS: so many replies of one line."""
        count, _, words = text.partition(" ")
        for _ in range(int(count)):
            self.expect_words(words)

    def bodies(self, text):
        """N NAME: so many replies to RETR with the same message."""
        count, name = text.split()
        for _ in range(int(count)):
            self.expect_words("+OK")
            self.body(name)

    def block(self, name):
        self.blocks[name] = self.unstuffed()

    def has(self, text):
        """BLOCK PATTERN: a line of the block matches."""
        name, _, pattern = text.partition(" ")
        for line in self.blocks[name]:
            if self.pattern(pattern).match(line):
                self.match(pattern, line)
                return
        raise Failure("only %s" % shown(b"; ".join(self.blocks[name])))

    def lacks(self, text):
        name, _, pattern = text.partition(" ")
        for line in self.blocks[name]:
            if self.pattern(pattern).match(line):
                raise Failure("there is %r" % line)

    def same(self, text):
        """ONE OTHER [but PATTERN]: the same lines, in any order."""
        names, _, but = text.partition(" but ")
        one, other = [
            sorted(line for line in self.blocks[name]
                   if not (but and self.pattern(but).match(line)))
            for name in names.split()]
        if one != other:
            raise Failure("%s is not %s" % (shown(b"; ".join(one)), shown(b"; ".join(other))))

    def octets_of(self, text):
        """BLOCK N: as many, CRLFs counted."""
        name, _, wanted = text.partition(" ")
        count = sum(len(line) + 2 for line in self.blocks[name])
        if count != int(self.octets(wanted)):
            raise Failure("%d octets" % count)

    def ascii(self, text):
        """header BLOCK: up to the blank line there are ASCII octets only."""
        for line in self.blocks[text.split()[1]]:
            if not line:
                return
            if not line.isascii():
                raise Failure("a header line isn't ASCII: %r" % line)

    def quit(self):
        self.say("QUIT")
        self.expect_words("+OK")
        self.closed()

    def closed(self):
        self.wire().ended()
        self.wires.pop(self.current).close()

    def ends(self, text):
        """with close_notify"""
        if not self.wire().ended():
            raise Failure("TLS ended without a close_notify")
        self.wires.pop(self.current).close()

    def gone(self):
        """The connection ends, whatever comes before that."""
        self.wires.pop(self.current).drain()

    def segments(self, text):
        """at most N: the replies to what was sent last came in so few segments."""
        came = self.wire().data_segments() - self.segments_before[self.current]
        if came > int(text.split()[-1]):
            raise Failure("%d segments" % came)

    def left(self, text):
        """What a later session finds: these messages, whole, and no other."""
        names = [] if text == "nothing" else text.split()
        self.current = "later"
        deadline = time.monotonic() + LOCK_SECONDS + self.patience
        while True:
            self.open("as later")
            self.expect_words("+OK")
            self.say("USER {user}")
            self.expect_words("+OK")
            self.say("PASS {password}")
            line = self.first_line()
            if line.startswith(b"+OK"):
                break
            if not line.startswith(b"-ERR [IN-USE]") or time.monotonic() > deadline:
                raise Failure("a later session gets %r" % line)
            time.sleep(0.05)
        self.say("STAT")
        self.expect_words("+OK %d {total %s}" % (len(names), " ".join(names)) if names
                          else "+OK 0 0")
        for number, name in enumerate(names, 1):
            self.say("RETR %d" % number)
            self.expect_words("+OK")
            self.body(name)
        self.quit()
