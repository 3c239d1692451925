"""Messages that are too large to be kept in the repository.

Each function of MESSAGES makes one, always with the same octets. Most of them
put something (a dot at the beginning of a line, a CRLF, a bare LF) at an offset
where a buffer or a stored chunk may end: 64 KiB and its neighbours.
README.md lists them.
"""

import base64
import random

HEADER = (
    b"From: Ada Ferri <ada.ferri@example.org>\r\n"
    b"To: Bruno Conti <bruno.conti@example.net>\r\n"
    b"Subject: %s\r\n"
    b"Date: Tue, 03 Mar 2026 09:14:07 +0100\r\n"
    b"Message-ID: <%s@generated.example.org>\r\n"
    b"\r\n"
)

# Where buffers and chunks are likely to end.
BORDERS = (65536, 131072, 262144, 1048576)


def header(name):
    return HEADER % (name.encode(), name.encode())


def filled_to(data, length, line_octets=64):
    """`data` and CRLF lines of letters, until it has exactly `length` octets and
    ends in CRLF."""
    out = bytearray(data)
    number = 0
    while length - len(out) > 2 * line_octets:
        line = b"%08d " % number
        out += line + b"y" * (line_octets - len(line) - 2) + b"\r\n"
        number += 1
    missing = length - len(out)
    assert missing >= 2
    out += b"z" * (missing - 2) + b"\r\n"
    assert len(out) == length
    return bytes(out)


def with_dot_line_at(offset):
    """The dot that begins a line is the octet at `offset`; so is it with the
    lines ".", ".." and ".text" that follow."""
    data = filled_to(header("dot-at-%d" % offset), offset)
    return data + b".\r\n..\r\n.text\r\nthe end\r\n"


def with_crlf_at(offset):
    """The CR is the octet at `offset`, and a line with a dot follows."""
    data = filled_to(header("crlf-at-%d" % offset), offset - 4)
    return data + b"1234\r\n.\r\nthe end\r\n"


def with_bare_lf_at(offset):
    data = filled_to(header("lf-at-%d" % offset), offset - 4)
    return data + b"1234\n.after a line feed\nthe end\n"


def with_bare_cr_at(offset):
    """A CR at `offset` that no LF follows."""
    data = filled_to(header("cr-at-%d" % offset), offset - 4)
    return data + b"1234\r.after a carriage return\r\nthe end\r\n"


def of_exactly(octets):
    return filled_to(header("exactly-%d" % octets), octets)


def cr_final_at(octets):
    """Its last octet is a bare CR, and it has exactly `octets`."""
    return filled_to(header("cr-final-%d" % octets), octets - 1) + b"\r"


def line_of(octets):
    return header("line-of-%d" % octets) + b"0123456789abcdef" * (octets // 16) + b"\r\nend\r\n"


def header_line_of(octets):
    return b"X-Long: " + b"abcdefg " * (octets // 8) + b"\r\n" + header("long-header-line") + b"body\r\n"


def header_of_fields(count):
    fields = b"".join(b"X-Field-%05d: value of the field %d\r\n" % (i, i) for i in range(count))
    return fields + header("many-fields") + b"body\r\n"


def header_folded(lines):
    folded = b"".join(b"\tpart %d of the value\r\n" % i for i in range(lines))
    return b"X-Folded: begins\r\n" + folded + header("folded") + b"body\r\n"


def header_only_of(octets):
    """A header that is longer than any chunk, and no blank line."""
    data = b"Subject: header only\r\n"
    return filled_to(data, octets).replace(b"\r\n0", b"\r\nX-0").replace(b" y", b": y")


def dot_lines(count):
    return header("dot-lines") + b".\r\n" * count


def two_octet_lines(count):
    return header("blank-lines") + b"\r\n" * count


def bare_lf_lines(count):
    return header("bare-lf").replace(b"\r\n", b"\n") + b"a line\n" * count


def bare_crs(count):
    """CRs and no LF: one line to POP3."""
    return header("bare-cr") + b"ab\r" * count


def attachment_of(octets):
    body = base64.encodebytes(random.Random(octets).randbytes(octets)).replace(b"\n", b"\r\n")
    return (
        b"MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=bulbs.bin\r\n"
        b"Content-Transfer-Encoding: base64\r\n" + header("attachment-of-%d" % octets) + body
    )


def binary_of(octets):
    """Any octets, CR, LF, NUL and dots among them."""
    return header("binary-of-%d" % octets) + random.Random(octets).randbytes(octets)


def messages():
    """Pairs of name and octets, in a fixed order."""
    for border in BORDERS:
        for offset in (border - 1, border, border + 1):
            yield "dot-line-at-%d" % offset, with_dot_line_at(offset)
    for offset in (65534, 65535, 65536):
        yield "crlf-at-%d" % offset, with_crlf_at(offset)
        yield "bare-lf-at-%d" % offset, with_bare_lf_at(offset)
        yield "bare-cr-at-%d" % offset, with_bare_cr_at(offset)
    for octets in (65535, 65536, 65537):
        yield "exactly-%d" % octets, of_exactly(octets)
        yield "cr-final-%d" % octets, cr_final_at(octets)
    yield "line-of-1-mb", line_of(1 << 20)
    yield "header-line-of-1-mb", header_line_of(1 << 20)
    yield "header-of-20000-fields", header_of_fields(20000)
    yield "header-folded-50000-lines", header_folded(50000)
    yield "header-only-of-100000", header_only_of(100000)
    yield "dot-lines-50000", dot_lines(50000)
    yield "blank-lines-100000", two_octet_lines(100000)
    yield "bare-lf-lines-100000", bare_lf_lines(100000)
    yield "bare-crs-100000", bare_crs(100000)
    yield "attachment-of-3-mb", attachment_of(3 << 20)
    yield "binary-of-300000", binary_of(300000)
