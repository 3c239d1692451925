"""Where Restante and Dovecot answer differently, and why. A difference that no rule
here explains is a bug; a rule that explains none in the long form is stale.

A rule is a function of a difference (compare.py); its text says what is right and by
which authority. After a rule that `ends`, the maildrops may be unlike, and the rest of
the script isn't compared.
"""

import dataclasses
import re


@dataclasses.dataclass
class Rule:
    name: str
    what: str
    reference: str
    right: str
    matches: object
    ends: bool


RULES = []


def explain(difference):
    for rule in RULES:
        if rule.matches(difference):
            return rule
    return None


def rule(what, reference, right, ends=False):
    def add(function):
        RULES.append(Rule(function.__name__.replace("_", "-"), what, reference, right, function,
                          ends))
        return function
    return add


def statuses(d):
    return d.ours.status, d.theirs.status


REFUSED_HERE = (b"-ERR", b"+OK")
REFUSED_THERE = (b"+OK", b"-ERR")
NO_ARGUMENT = (b"STAT", b"NOOP", b"CAPA")


@rule("The two list what they have: EXPIRE, IMPLEMENTATION, UTF8 and LANG are Restante's, and "
      "Dovecot lists CAPA itself and forgets USER and SASL once somebody is logged in",
      "RFC 2449, 5: what is listed before login is listed after, but for STLS", "Restante")
def capabilities(d):
    if d.keyword != b"CAPA" or statuses(d) != (b"+OK", b"+OK") or not d.ours.body:
        return False
    ours, theirs = (set(r.body.splitlines()) for r in (d.ours, d.theirs))
    mine = {line for line in ours - theirs
            if not line.startswith((b"EXPIRE ", b"IMPLEMENTATION ", b"UTF8", b"LANG",
                                    b"LOGIN-DELAY "))}
    if d.logged_in:
        mine -= {b"USER", b"SASL PLAIN"}
    return not mine and theirs - ours <= {b"CAPA"}


@rule("Dovecot passes over an argument of a command that has none",
      "RFC 1939, 5: \"Arguments: none\"", "Restante")
def no_arguments(d):
    return d.keyword in NO_ARGUMENT and d.argument.strip() and statuses(d) == REFUSED_HERE


@rule("RSET with an argument: Dovecot takes the marks back",
      "RFC 1939, 5: \"Arguments: none\"", "Restante", ends=True)
def rset_with_an_argument(d):
    return d.keyword == b"RSET" and d.argument.strip() and statuses(d) == REFUSED_HERE


@rule("Dovecot reads a number as far as it has digits and passes over the rest of the line",
      "RFC 1939, 5: a message-number, and nothing else", "Restante", ends=True)
def numbers_with_something_behind(d):
    return (d.keyword in (b"RETR", b"DELE", b"LIST", b"UIDL", b"TOP") and
            statuses(d) == REFUSED_HERE and re.match(rb"\d+", d.argument) is not None)


@rule("USER without a name is refused at once", "RFC 1939, 7: USER takes a name", "Restante")
def user_without_a_name(d):
    return d.keyword == b"USER" and not d.argument.strip() and statuses(d) == REFUSED_HERE


@rule("A name with a space in it isn't a name", "RFC 1939, 3: arguments are separated by one "
      "space, and USER takes one", "Restante")
def user_with_two_arguments(d):
    return d.keyword == b"USER" and b" " in d.argument and statuses(d) == REFUSED_HERE


@rule("Dovecot knows neither", "RFC 6856", "Restante")
def utf8_and_lang(d):
    return d.keyword in (b"UTF8", b"LANG") and d.theirs.status == b"-ERR"


@rule("Dovecot doesn't stuff the first octet of a message", "RFC 1939, 3: each line that begins "
      "with the termination octet", "Restante")
def first_dot(d):
    return (d.ours.body is not None and d.theirs.body is not None and
            d.ours.body.startswith(b".") and d.ours.body[1:] == d.theirs.body)


@rule("What is no response of PLAIN at all, or no mechanism, says nothing about a password: "
      "Dovecot answers [AUTH]", "RFC 3206, 5: a problem with the user's credentials", "Restante")
def syntax_of_auth(d):
    return (not d.logged_in and statuses(d) == (b"-ERR", b"-ERR") and
            (d.ours.code, d.theirs.code) == (b"", b"AUTH") and
            d.keyword not in (b"USER", b"CAPA"))


@rule("A line over 255 octets is refused as one, with a response code; Dovecot takes it for an "
      "unknown command", "RFC 2449, 4: 255 octets, CRLF included", "Restante")
def line_too_long(d):
    return (len(d.line) > 253 and statuses(d) == (b"-ERR", b"-ERR") and
            (d.ours.code, d.theirs.code) == (b"SYS/PERM", b""))


@rule("Dovecot reads a command up to a NUL", "RFC 1939, 3: commands are of printable ASCII",
      "Restante", ends=True)
def nul_in_a_command(d):
    return b"\0" in d.line and d.ours.status == b"-ERR"


@rule("A line with a CR alone, before its CRLF, isn't empty and doesn't end the header; Dovecot "
      "takes it for empty", "RFC 5322, 2.1: an empty line, with nothing preceding the CRLF",
      "Restante")
def header_with_bare_crs(d):
    if d.keyword != b"TOP" or statuses(d) != (b"+OK", b"+OK"):
        return False
    bodies = sorted((d.ours.body, d.theirs.body), key=len)
    return bodies[1].startswith(bodies[0]) and re.search(rb"\r\r\n|\n\r(?!\n)", bodies[1])


@rule("Dovecot announces 0 octets for an empty message and sends an empty line",
      "RFC 1939, 11: the size is that of the message as it is sent", "Restante")
def empty_message(d):
    return d.ours.body == b"" and d.theirs.body == b"\r\n"


# Dovecot's bad commands: the one that is too many is refused like those before it, and then
# "Too many bad commands" stands where the next line has its reply.
TOO_MANY = 21


@rule("Dovecot takes 20 bad commands in a row, and closes after the next; Restante takes 100",
      "RFC 1939 has no limit", "both", ends=True)
def many_bad_commands(d):
    return ((d.refused == TOO_MANY and d.theirs.text == b"Too many bad commands.") or
            (d.refused == TOO_MANY + 1 and d.theirs.status == b"closed"))
