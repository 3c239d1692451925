"""./dev run: the whole of Restante on loopback, in one directory.

Starts the storage service, then the front-ends; creates the demo account; prints READY;
then watches over the programs until it is told to stop or one of them ends. The
programs come from $RESTANTE_BIN; relative paths are the caller's
($RESTANTE_CALLER_DIR).
"""

import argparse
import json
import os
import pathlib
import select
import shlex
import signal
import socket
import subprocess
import sys

import demo
from rundir import DEFAULT_DIR, RunDir, RunDirError
from service import Service, ServiceError

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 40


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP."""


class RunError(Exception):
    """Why there can be no run, in words for people."""


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev run")
    parser.add_argument("--background", action="store_true")
    parser.add_argument("--dir", default=DEFAULT_DIR)
    parser.add_argument("--no-demo", action="store_true")
    for name, default in (("pop3", 1110), ("pop3s", 1995), ("lmtp", 1124), ("grpc", 9143)):
        parser.add_argument(f"--{name}-port", type=int, default=default, metavar="N")
    arguments = parser.parse_args()
    wanted = {}
    for name in ("pop3", "pop3s", "lmtp", "grpc"):
        port = getattr(arguments, f"{name}_port")
        if not 0 <= port <= 65535:
            parser.error(f"--{name}-port {port}: a port is a number from 0 to 65535")
        if port != 0 and port in wanted:
            parser.error(f"--{name}-port and --{wanted[port]}-port are both {port}")
        wanted[port] = name
    return arguments


def check_ports(arguments):
    """Says which port is taken before anything is started."""
    for name in ("pop3", "pop3s", "lmtp", "grpc"):
        port = getattr(arguments, f"{name}_port")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise RunError(
                    f"port {port} for {name} can't be used on {HOST}: {error.strerror}; "
                    f"choose another with --{name}-port N (0: any free one)"
                ) from error


def make_certificate(directory):
    certificate = directory.tls / "cert.pem"
    key = directory.tls / "key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "3650", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
               "-keyout", key, "-out", certificate]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        certificate.unlink(missing_ok=True)
        raise RunError(f"openssl made no certificate: {made.stderr.strip()}")
    key.chmod(0o600)
    return certificate, key


class Run:
    """The programs of one run, in the order in which they were started."""

    def __init__(self, arguments, directory, programs):
        self._arguments = arguments
        self._directory = directory
        self._programs = programs
        self._services = []

    def start(self):
        certificate, key = make_certificate(self._directory)
        storage = self._launch("restante-storage", {
            "data_dir": str(self._directory.data),
            "listen": [f"{HOST}:{self._arguments.grpc_port}"],
        })  # fmt: skip
        storage.await_ready(START_SECONDS)
        grpc = storage.addresses["GRPC"]
        pop3d = self._launch("restante-pop3d", {
            "storage": {"address": grpc},
            "listen": [f"{HOST}:{self._arguments.pop3_port}"],
            "listen_tls": [f"{HOST}:{self._arguments.pop3s_port}"],
            "tls": {"certificate_file": str(certificate), "key_file": str(key)},
            "allow_cleartext_passwords": True,
        })  # fmt: skip
        lmtpd = self._launch("restante-lmtpd", {
            "storage": {"address": grpc},
            "listen": [f"{HOST}:{self._arguments.lmtp_port}"],
        })  # fmt: skip
        pop3d.await_ready(START_SECONDS)
        lmtpd.await_ready(START_SECONDS)
        return {
            "pop3": pop3d.addresses["POP3"],
            "pop3s": pop3d.addresses["POP3S"],
            "lmtp": lmtpd.addresses["LMTP"],
            "grpc": grpc,
        }, certificate

    def watch(self):
        """Returns when a program has ended; otherwise only StopRequested ends it."""
        while not self.explain_ends():
            waiting = [s.exited for s in self._services] + [s.notices for s in self._services]
            ready, _, _ = select.select(waiting, [], [])
            for service in self._services:
                if service.notices in ready:
                    service.drop_notice()

    def explain_ends(self):
        """A text for each program that has ended by itself."""
        return [s.explain_end() for s in self._services if s.has_ended()]

    def stop(self):
        """Front-ends first, so that their sessions can still reach the storage service.

        What was wrong with the programs' ends, in words.
        """
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        problems = []
        front_ends, storage = self._services[1:], self._services[:1]
        for group in (front_ends, storage):
            for service in group:
                service.ask_to_stop()
            for service in group:
                problem = service.await_end(STOP_SECONDS)
                if problem:
                    problems.append(problem)
        return problems

    def _launch(self, name, configuration):
        config = self._directory.config / f"{name}.yaml"
        # JSON is YAML, and quotes whatever a path may hold.
        config.write_text(
            f"# Written by ./dev run at each start.\n{json.dumps(configuration, indent=2)}\n"
        )
        service = Service(self._programs / name, config, self._directory.log / f"{name}.log")
        self._services.append(service)
        return service


def tell(message):
    print(f"./dev run: {message}", file=sys.stderr, flush=True)


def print_ready(addresses, certificate, directory, programs, with_demo):
    ports = " ".join(f"{name}={address}" for name, address in addresses.items())
    print(f"READY {ports} dir={directory.path}", flush=True)
    user = f"{demo.ADDRESS}:{demo.PASSWORD}" if with_demo else "USER:PASSWORD"
    ca = shlex.quote(str(certificate))
    control = shlex.quote(str(programs / "restantectl"))
    print(f"""
Read the first message, in the clear or over TLS:
  curl -u {user} pop3://{addresses["pop3"]}/1
  curl -u {user} --cacert {ca} pop3s://{addresses["pop3s"]}/1
Deliver a message (an MTA does it by LMTP to {addresses["lmtp"]}):
  {control} --server {addresses["grpc"]} deliver FILE.eml --to {demo.ADDRESS}
Logs are in {directory.log}""", flush=True)


def into_background(directory):
    """Goes on in a child process; the parent ends once that has called ready().

    Until then the child writes to the caller's terminal; afterwards nothing of the
    caller's is held open.
    """
    reading, writing = os.pipe()
    if os.fork() != 0:
        os.close(writing)
        # Nothing arrives if the child gives up; it has said why.
        sys.exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    os.setsid()
    directory.write_owner()

    def ready():
        sys.stdout.flush()
        sys.stderr.flush()
        with open(os.devnull, "rb") as null, open(directory.log / "run.log", "ab") as log:
            os.dup2(null.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.write(writing, b"1")
        os.close(writing)

    return ready


def raise_stop(signum, frame):
    del signum, frame
    raise StopRequested


def run(arguments, programs):
    directory = RunDir(arguments.dir)
    directory.create()
    directory.take()
    check_ports(arguments)
    ready = into_background(directory) if arguments.background else None
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, raise_stop)
    services = Run(arguments, directory, programs)
    try:
        addresses, certificate = services.start()
        if not arguments.no_demo:
            demo.install(directory, programs / "restantectl", addresses["grpc"], addresses["lmtp"])
        print_ready(addresses, certificate, directory, programs, not arguments.no_demo)
        if ready:
            ready()
        services.watch()
        raise ServiceError("a program ended")
    except StopRequested:
        tell("stopping")
        problems = services.stop()
        for problem in problems:
            tell(f"error: {problem}")
        tell("stopped")
        return 1 if problems else 0
    except (ServiceError, RunError, demo.DemoError) as error:
        # A program that died is the reason for what failed after it.
        for reason in services.explain_ends() or [error]:
            tell(f"error: {reason}")
        services.stop()
        return 1
    except BaseException:
        services.stop()
        raise


def main():
    arguments = parse_arguments()
    programs = pathlib.Path(os.environ["RESTANTE_CALLER_DIR"], os.environ["RESTANTE_BIN"])
    try:
        return run(arguments, programs.resolve())
    except (RunError, RunDirError) as error:
        tell(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
