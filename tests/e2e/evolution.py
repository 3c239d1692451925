"""Evolution's engine for mail, Camel, without Evolution (camel_client.py).

Its provider for POP3 is in a package that needs a hundred others and 290 MB, none of
which it uses: ./dev test unpacks that package and doesn't install it.
"""

import json
import os

import harness
from real_clients import read_numbered, run, write

# Debian's own interpreter: another one in PATH hasn't Debian's modules.
PYTHON = "/usr/bin/python3"


def camel(account, directory, count=None, keep=True, utf8=False):
    """Answers what the folder has, which may have been fetched by an earlier call.
    `utf8`: it may say UTF8, of which Camel 3.46 forgets the CRLF: it waits in vain."""
    security = "NONE"
    if account.tls:
        security = "SSL_ON_ALTERNATE_PORT"
    elif account.stls:
        security = "STARTTLS_ON_STANDARD_PORT"
    write(directory, "account.json", json.dumps({
        "host": account.host, "port": account.port, "user": account.user,
        "password": account.password, "certificate": account.certificate,
        "security": security, "mechanism": account.mechanism, "keep": keep, "utf8": utf8}))
    providers = os.path.join(harness.unpacked("evolution-data-server"),
                             "usr/lib/evolution-data-server/camel-providers")
    for name in os.listdir(directory):
        if name.endswith(".eml"):
            os.unlink(os.path.join(directory, name))
    run([PYTHON, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "camel_client.py"),
         directory], directory, EDS_CAMEL_PROVIDER_DIR=providers, GSETTINGS_BACKEND="memory")
    return read_numbered(directory)


# Camel parses a message and writes it anew, with LF for CRLF and two fields of its own.
camel.keeps = lambda message: None
