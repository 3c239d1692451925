"""What a case has while it is played: its account, connections, messages and texts,
and all that the client does. What the server has to do is in player.py.
"""

import base64
import dataclasses
import re
import time
import unicodedata

import dialogue
import letters
from wire import Failure, TlsOptions, Wire

FIRST = "first"

VARIABLE = re.compile(r"\{([a-z][a-z0-9_ /.-]*)\}")
REPEAT = re.compile(r"\{([^{}*]+)\*(\d+)\}")
BASE64 = re.compile(r"\{b64 ([^{}]*)\}")


class Skipped(Exception):
    """The server under test has no part that the case needs."""


class Scene:
    def __init__(self, case, server, account, patience):
        self.case = case
        self.server = server
        self.user, self.password = account
        self.patience = patience
        self.values = {"user": self.user, "password": self.password,
                       "capitals": self.user.upper(),
                       "decomposed": unicodedata.normalize("NFD", self.user)}
        self.blocks = {}
        self.wires = {}
        self.current = FIRST
        self.segments_before = {}
        self.tls = TlsOptions()
        self.said = []

    def wire(self):
        if self.current not in self.wires:
            raise dialogue.Mistake("%s: connection '%s' isn't open" % (self.case.id, self.current))
        return self.wires[self.current]

    def transcript(self):
        return "".join("\n    | " + line for line in self.said[-8:])

    def end(self):
        for wire in self.wires.values():
            wire.close()

    # What texts stand for --------------------------------------------------------

    def value(self, name):
        word, _, rest = name.partition(" ")
        if name == "other" and name not in self.values:
            self.values[name] = self.server.account("plain")[0]
        if name in self.values:
            return self.values[name]
        if word in ("size", "total"):
            return str(sum(len(self.stored(message)) for message in rest.split()))
        raise dialogue.Mistake("%s: nothing is known of {%s}" % (self.case.id, name))

    def stored(self, name):
        return letters.after_ingest(letters.octets_of(self.case, name))

    def octets(self, text):
        text = VARIABLE.sub(lambda m: self.value(m[1]).replace("\\", "\\\\"), text)
        text = REPEAT.sub(lambda m: m[1] * int(m[2]), text)
        text = BASE64.sub(
            lambda m: base64.b64encode(dialogue.unescaped(m[1])).decode(), text)
        return dialogue.unescaped(text)

    def pattern(self, text):
        text = VARIABLE.sub(lambda m: re.escape(self.value(m[1])), text)
        return re.compile(text.encode() + rb"\Z", re.DOTALL)

    # Steps -----------------------------------------------------------------------

    def say(self, text):
        self.send(text, b"\r\n")

    def send(self, text, end=b""):
        octets = self.octets(text) + end
        self.said.append("C: %s" % shown(octets))
        wire = self.wire()
        self.segments_before[self.current] = wire.data_segments()
        wire.send(octets)

    def drip(self, text):
        """A line, an octet a segment."""
        octets = self.octets(text) + b"\r\n"
        self.said.append("C: %s" % shown(octets))
        for octet in octets:
            self.wire().send(bytes([octet]))
            time.sleep(0.002)

    def open(self, text):
        """[tls|strict|fragile|…] [as NAME]"""
        words = text.split()
        endpoint = words.pop(0) if words and words[0] != "as" else None
        endpoint = endpoint or self.server.default_endpoint(self.case.account)
        endpoint, _, in_the_clear = endpoint.partition("-in-the-")
        self.current = words[1] if words else FIRST
        if self.current in self.wires:
            self.wires.pop(self.current).close()
        if endpoint not in self.server.endpoints:
            raise Skipped("no endpoint '%s'" % endpoint)
        address, tls = self.server.endpoints[endpoint]
        self.said.append("-- %s: connected to %s" % (self.current, endpoint))
        self.wires[self.current] = Wire(
            address, self.tls if tls and not in_the_clear else None, self.patience)

    def switch(self, name):
        self.current = name
        self.wire()

    def set_tls(self, text):
        """certificate [of a stranger] | offers PROTOCOL: for handshakes from now on"""
        word, _, rest = text.partition(" ")
        if word == "certificate":
            files = self.server.certificate(self.user, signed=not rest)
            self.tls = dataclasses.replace(self.tls, certificate=files)
        elif word == "offers":
            self.tls = dataclasses.replace(self.tls, protocols=rest.split())
        else:
            raise dialogue.Mistake("%s: tls: %s" % (self.case.id, text))

    def starttls(self, text):
        """[with TLS 1.N] [refused]"""
        version = re.fullmatch(r"(with TLS 1\.(\d))?( ?refused)?", text)
        if not version:
            raise dialogue.Mistake("%s: starttls %s" % (self.case.id, text))
        try:
            self.wire().start_tls(dataclasses.replace(self.tls, version=version[2]))
        except Failure:
            if version[3]:
                return
            raise
        if version[3]:
            raise Failure("the handshake was made")

    def deliver(self, text):
        """A message arrives; 'NAME smtputf8' as one whose header is UTF-8."""
        name, _, kind = text.partition(":")
        self.server.deliver(self.user, letters.octets_of(self.case, name), kind)


def seconds(text):
    number, unit = text.split()
    return float(number) * {"ms": 0.001, "s": 1, "min": 60}[unit]


def shown(octets):
    text = repr(octets)[2:-1]
    return text if len(text) < 160 else "%s… (%d octets)" % (text[:150], len(octets))
