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


def install(directory, restantectl, grpc, lmtp):
    """Creates the account and delivers the samples; nothing if the account is there.

    A file says that the samples are still to be delivered, for a run that was
    interrupted between the two.
    """
    pending = directory.path / "samples-pending"
    control = [restantectl, "--server", grpc, "accounts"]
    shown = subprocess.run(
        [*control, "show", ADDRESS], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    if shown.returncode != 0:
        pending.touch()
        _create(control)
    if pending.exists():
        _deliver(lmtp)
        pending.unlink()


def _create(control):
    created = subprocess.run(
        [*control, "create", ADDRESS, "--password-stdin"],
        input=PASSWORD + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if created.returncode != 0:
        raise DemoError(f"the demo account couldn't be created: {created.stderr.strip()}")


def _deliver(lmtp):
    host, _, port = lmtp.rpartition(":")
    try:
        with smtplib.LMTP(host, int(port)) as client:
            for sample in sorted(SAMPLES.glob("*.eml")):
                client.sendmail(SENDER, ADDRESS, sample.read_bytes())
    except (OSError, smtplib.SMTPException) as error:
        raise DemoError(f"the sample messages weren't taken at {lmtp}: {error}") from error
