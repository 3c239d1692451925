"""Camel, Evolution's engine for mail, fetching a maildrop as Evolution does: a program of
its own, since Camel is there once for a process, run by evolution.py with the directory,
which has account.json and gets 1.eml, 2.eml, … It needs Debian's Python with gi, and
Camel's provider for POP3 in $EDS_CAMEL_PROVIDER_DIR.
"""

import json
import os
import sys

import gi

gi.require_version("Camel", "1.2")
from gi.repository import Camel  # noqa: E402


class Session(Camel.Session):
    """Knows the password, and trusts the one certificate."""

    def do_authenticate_sync(self, service, mechanism, cancellable):
        service.set_password(account["password"])
        result = service.authenticate_sync(mechanism, cancellable)
        return result == Camel.AuthenticationResult.ACCEPTED

    def do_trust_prompt(self, service, certificate, errors):
        with open(account["certificate"]) as file:
            known = certificate.props.certificate_pem.strip() == file.read().strip()
        return Camel.CertTrust.TEMPORARY if known else Camel.CertTrust.NEVER


def fetch(directory):
    """All messages; those that an earlier run has fetched come from Camel's cache."""
    session = Session(user_data_dir=os.path.join(directory, "data"),
                      user_cache_dir=os.path.join(directory, "cache"))
    session.set_online(True)
    store = session.add_service("account", "pop", Camel.ProviderType.STORE)
    settings = store.ref_settings()
    method = Camel.NetworkSecurityMethod
    for name, value in {
            "host": account["host"], "port": account["port"], "user": account["user"],
            "security-method": getattr(method, account["security"]),
            "auth-mechanism": account["mechanism"] or None,
            "keep-on-server": account["keep"], "enable-utf8": account["utf8"]}.items():
        settings.set_property(name, value)
    store.connect_sync(None)
    inbox = store.get_inbox_folder_sync(None)
    inbox.refresh_info_sync(None)
    for number, uid in enumerate(inbox.get_uids(), 1):
        message = inbox.get_message_sync(uid, None)
        octets = Camel.StreamMem.new()
        message.write_to_stream_sync(octets, None)
        with open(os.path.join(directory, "%d.eml" % number), "wb") as file:
            file.write(octets.get_byte_array())
        if not account["keep"]:
            deleted = Camel.MessageFlags.DELETED
            inbox.set_message_flags(uid, deleted, deleted)
    inbox.synchronize_sync(not account["keep"], None)
    store.disconnect_sync(True, None)


directory = sys.argv[1]
with open(os.path.join(directory, "account.json")) as file:
    account = json.load(file)
Camel.init(directory, False)
Camel.provider_init()
fetch(directory)
