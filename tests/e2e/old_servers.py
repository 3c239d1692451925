"""POP3 servers that mail comes from, each by its own program on a directory: Courier's,
unpacked and not installed (.dev/packages), since Debian's POP3 servers exclude each other.
"""

import os
import subprocess

import harness


def courier_mail(directory):
    """What Courier gives out of directory/Maildir: UIDL and message, in its order. It notes
    the UIDLs in that Maildir."""
    uidls = [line.split(b" ", 1)[1].decode()
             for line in _courier(directory, b"UIDL")[0].split(b"\r\n")[1:]]
    messages = _courier(directory, *[b"RETR %d" % n for n in range(1, len(uidls) + 1)])
    return [(uidl, message.split(b"\r\n", 1)[1].replace(b"\r\n..", b"\r\n.") + b"\r\n")
            for uidl, message in zip(uidls, messages, strict=True)]


def _courier(directory, *commands):
    """The replies of several lines to these commands, without their ends."""
    libraries = [os.path.join(harness.unpacked("courier-authlib"), "usr/lib"),
                 os.path.join(harness.unpacked("libcourier-unicode4"), "usr/lib/x86_64-linux-gnu")]
    program = os.path.join(harness.unpacked("courier-pop"),
                           "usr/lib/courier/courier/courierpop3d")
    # What courierpop3login, which asks for the password, hands over.
    login = {"AUTHENTICATED": "ann", "AUTHADDR": "ann", "AUTHOPTIONS": ""}
    done = subprocess.run(
        [program, "Maildir"], cwd=directory, capture_output=True, timeout=60, check=True,
        input=b"".join(command + b"\r\n" for command in commands + (b"QUIT",)),
        env=dict(login, HOME=directory, LD_LIBRARY_PATH=":".join(libraries)))
    greeting, replies = done.stdout.split(b"\r\n", 1)
    assert greeting.startswith(b"+OK"), done
    return replies.split(b"\r\n.\r\n")[:-1]
