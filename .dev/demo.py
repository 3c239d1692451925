"""The demo account of ./dev run: made once, with a few messages that came by LMTP."""

import pathlib
import smtplib
import subprocess

ADDRESS = "demo@example.org"
PASSWORD = "demo"
SENDER = "postmaster@example.org"
SAMPLES = pathlib.Path(__file__).parent / "samples"


class DemoError(Exception):
    """What failed, in words for people."""


def install(restantectl, grpc, lmtp):
    """Creates the account and delivers the samples; nothing if the account is there."""
    control = [restantectl, "--server", grpc, "accounts"]
    shown = subprocess.run(
        [*control, "show", ADDRESS], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    if shown.returncode == 0:
        return
    created = subprocess.run(
        [*control, "create", ADDRESS, "--password-stdin"],
        input=PASSWORD + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if created.returncode != 0:
        raise DemoError(f"the demo account couldn't be created: {created.stderr.strip()}")
    _deliver(lmtp)


def _deliver(lmtp):
    host, _, port = lmtp.rpartition(":")
    try:
        with smtplib.LMTP(host, int(port)) as client:
            for sample in sorted(SAMPLES.glob("*.eml")):
                client.sendmail(SENDER, ADDRESS, sample.read_bytes())
    except (OSError, smtplib.SMTPException) as error:
        raise DemoError(f"the sample messages weren't taken at {lmtp}: {error}") from error
