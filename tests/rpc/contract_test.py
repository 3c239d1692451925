#!/usr/bin/python3
"""A stranger's view of the contract: a client in another language, made from nothing
but the .proto files, against the real restante-storage.

Usage: contract_test.py PROGRAM PROTO_DIRECTORY PROTOC GRPC_PYTHON_PLUGIN
"""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

PROGRAM, PROTOS, PROTOC, PLUGIN = sys.argv[1:5]
DEADLINE = 60
MESSAGE = b"Subject: hello\r\n\r\nline one\r\n.line two\r\n"


def generate_stubs(directory):
    """Python modules of the whole contract, importable afterwards."""
    files = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(PROTOS)
        for name in names
        if name.endswith(".proto")
    ]
    subprocess.run(
        [PROTOC, "-I", PROTOS, "--python_out", directory, "--grpc_out", directory,
         "--plugin=protoc-gen-grpc=" + PLUGIN] + files,
        check=True)
    # google.rpc lives beside google.protobuf, which is a package of its own.
    import google
    google.__path__.append(os.path.join(directory, "google"))
    sys.path.insert(0, directory)


class Service:
    """restante-storage on a free port, over a directory that outlives it."""

    def __init__(self, directory):
        self.directory = directory
        self.address = "127.0.0.1:0"

    def start(self):
        path = os.path.join(self.directory, "notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.notify.settimeout(DEADLINE)
        self.process = subprocess.Popen(
            [PROGRAM, "--set", "listen=['%s']" % self.address,
             "--set", "data_dir=" + os.path.join(self.directory, "data"),
             "--set", "backup.directory=" + os.path.join(self.directory, "backups")],
            env=dict(os.environ, NOTIFY_SOCKET=path))
        lines = []
        while "READY=1" not in lines:
            lines = self.notify.recv(65536).decode().split("\n")
        self.address = dict(line.split("=", 1) for line in lines)["X_RESTANTE_GRPC"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        os.unlink(self.notify.getsockname())
        self.notify.close()
        return code


class Exchange:
    """The one stream of a front-end: operations in, results out. Like a front-end it
    reads at all times."""

    def __init__(self, stub):
        self._requests = queue.Queue()
        self._responses = queue.Queue()
        self._call = stub.Exchange(iter(self._requests.get, None), timeout=DEADLINE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for response in self._call:
                self._responses.put(response)
            self._responses.put(None)
        except grpc.RpcError as error:
            self._responses.put(error)

    def ask(self, **operations):
        """Sends numbered operations in one message; the results, by number."""
        request = maildrop_pb2.ExchangeRequest()
        for name, (kind, value) in operations.items():
            getattr(request.operations.add(id=int(name.lstrip("n"))), kind).CopyFrom(value)
        self._requests.put(request)
        answered = {}
        while len(answered) < len(operations):
            for result in self._responses.get(timeout=DEADLINE).results:
                answered[result.id] = result
        return answered

    def end(self):
        """Ends our side; how the service ended the call: None, or its error."""
        self._requests.put(None)
        return self.await_end()

    def await_end(self):
        """Passes over what the service says of its own accord."""
        while True:
            response = self._responses.get(timeout=DEADLINE)
            if not isinstance(response, maildrop_pb2.ExchangeResponse):
                return response


def reason_of(error):
    """The ErrorInfo reason of a failed call, or of a google.rpc.Status."""
    if isinstance(error, grpc.RpcError):
        status = status_pb2.Status()
        metadata = dict(error.trailing_metadata())
        status.ParseFromString(metadata["grpc-status-details-bin"])
    else:
        status = error
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            assert info.domain == "restante", info
            return info.reason
    return None


class Contract(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="restante-contract-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.service = Service(self.directory)
        self.service.start()
        self.addCleanup(lambda: self.service.process.poll() is None and self.service.stop())
        self.channel = grpc.insecure_channel(self.service.address)
        self.addCleanup(self.channel.close)
        self.accounts = accounts_pb2_grpc.AccountsServiceStub(self.channel)
        self.aliases = aliases_pb2_grpc.AliasesServiceStub(self.channel)
        self.authenticator = authenticator_pb2_grpc.AuthenticatorServiceStub(self.channel)
        self.delivery = delivery_pb2_grpc.DeliveryServiceStub(self.channel)
        self.maildrop = maildrop_pb2_grpc.MaildropServiceStub(self.channel)
        self.messages = messages_pb2_grpc.MessagesServiceStub(self.channel)
        self.mailboxes = mailboxes_pb2_grpc.MailboxesServiceStub(self.channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)

    def create(self, address, password="secret"):
        request = accounts_pb2.CreateAccountRequest(address=address)
        request.credential.password = password
        return self.accounts.CreateAccount(request, timeout=DEADLINE).account

    def deliver(self, recipients, message=MESSAGE, **envelope):
        request = delivery_pb2.DeliverRequest(message=message)
        request.envelope.sender = "sender@example.net"
        request.envelope.recipients.extend(recipients)
        for field, value in envelope.items():
            setattr(request.envelope, field, value)
        return self.delivery.Deliver(request, timeout=DEADLINE).results

    def login(self, address, password="secret", rows=64):
        return maildrop_pb2.LoginRequest(
            address=address, password=password, first_rows=rows,
            client=types_pb2.ClientInfo(protocol="test", request_id="contract"))

    def read(self, token, *parts):
        request = messages_pb2.ReadRequest(session_token=token, parts=parts)
        data = [b""] * len(parts)
        for frame in self.messages.Read(request, timeout=DEADLINE):
            for piece in frame.pieces:
                data[piece.part] += piece.data
        return data

    def assert_reason(self, reason, call, *arguments):
        with self.assertRaises(grpc.RpcError) as failed:
            call(*arguments, timeout=DEADLINE)
        self.assertEqual(reason_of(failed.exception), reason)
        return failed.exception

    def test_a_session_of_unary_calls(self):
        account = self.create("Ann@example.org")
        self.assertEqual(account.address, "Ann@example.org")
        results = self.deliver(["ann@EXAMPLE.org", "ann+list@example.org", "nobody@example.org"])
        self.assertEqual([r.status.code for r in results[:2]], [0, 0])
        self.assertEqual(reason_of(results[2].status), "NO_SUCH_ACCOUNT")

        opened = self.maildrop.Login(self.login("ann@example.org"), timeout=DEADLINE)
        session = opened.session
        self.assertEqual(session.message_count, 2)
        self.assertEqual(session.octets, 2 * len(MESSAGE))
        self.assertEqual(len(opened.rows), 2)
        self.assertTrue(opened.rows[0].has_dot_line)
        self.assertRegex(opened.rows[0].uidl, r"^[\x21-\x7e]{1,70}$")
        self.assertGreater(session.lease.seconds, 0)
        self.assert_reason("IN_USE", self.maildrop.Login, self.login("ann@example.org"))

        rows = self.maildrop.Rows(
            maildrop_pb2.RowsRequest(session_token=session.session_token), timeout=DEADLINE)
        self.assertEqual(list(rows.rows), list(opened.rows))
        self.assertTrue(rows.end)
        uids = [row.uid for row in rows.rows]
        whole, top = self.read(
            session.session_token, messages_pb2.ReadPart(uid=uids[0]),
            messages_pb2.ReadPart(uid=uids[1], top=messages_pb2.TopPart(body_lines=1)))
        self.assertEqual(whole, MESSAGE)
        self.assertEqual(top, b"Subject: hello\r\n\r\nline one\r\n")

        renewed = self.maildrop.Renew(
            maildrop_pb2.RenewRequest(session_token=session.session_token), timeout=DEADLINE)
        self.assertGreater(renewed.lease.seconds, 0)
        commit = maildrop_pb2.CommitRequest(session_token=session.session_token)
        commit.delete_uids.add(first=uids[0], last=uids[0])
        self.assertEqual(self.maildrop.Commit(commit, timeout=DEADLINE).deleted, 1)
        self.assertEqual(self.maildrop.Commit(commit, timeout=DEADLINE).deleted, 1)
        self.maildrop.Close(
            maildrop_pb2.CloseRequest(session_token=session.session_token), timeout=DEADLINE)

        again = self.maildrop.Login(self.login("ann@example.org"), timeout=DEADLINE)
        self.assertEqual([row.uid for row in again.rows], uids[1:])
        self.assertGreater(again.session.fencing_token, session.fencing_token)

    def test_a_session_of_one_stream(self):
        self.create("ann")
        self.create("bob")
        self.deliver(["ann", "bob"])
        stream = Exchange(self.maildrop)
        opened = stream.ask(n1=("login", self.login("ann")), n2=("login", self.login("bob")))
        ann, bob = opened[1].login, opened[2].login
        self.assertEqual(ann.session.message_count, 1)
        self.assertFalse(ann.session.HasField("lease"))
        rows = stream.ask(
            n3=("rows", maildrop_pb2.RowsRequest(session_token=ann.session.session_token)))[3]
        self.assertEqual(list(rows.rows.rows), list(ann.rows))
        commit = maildrop_pb2.CommitRequest(session_token=ann.session.session_token, close=True)
        commit.delete_uids.add(first=1, last=1)
        close = maildrop_pb2.CloseRequest(session_token=bob.session.session_token)
        self.assertEqual(stream.ask(n4=("commit", commit))[4].commit.deleted, 1)
        # A Close goes ahead of the login behind it.
        last = stream.ask(n5=("close", close), n6=("login", self.login("bob")),
                          n7=("login", self.login("ann", "wrong")))
        self.assertTrue(last[5].HasField("close"))
        self.assertEqual(last[6].login.session.message_count, 1)
        self.assertEqual(reason_of(last[7].error), "BAD_CREDENTIALS")
        self.assertIsNone(stream.end())

    def test_sessions_and_mail_outlive_a_restart(self):
        self.create("ann")
        self.deliver(["ann"])
        stream = Exchange(self.maildrop)
        opened = stream.ask(n1=("login", self.login("ann")))[1].login
        self.assertEqual(self.service.stop(), 0)
        self.assertEqual(stream.await_end().code(), grpc.StatusCode.UNAVAILABLE)
        self.service.start()
        channel = grpc.insecure_channel(self.service.address)
        self.addCleanup(channel.close)
        stream = Exchange(maildrop_pb2_grpc.MaildropServiceStub(channel))
        token = opened.session.session_token
        rows = maildrop_pb2.RowsRequest(session_token=token)
        resumed = stream.ask(n1=("resume", maildrop_pb2.ResumeRequest(session_token=token)),
                             n2=("rows", rows))
        self.assertTrue(resumed[1].HasField("resume"), resumed[1])
        self.assertEqual(list(resumed[2].rows.rows), list(opened.rows))
        self.assertIsNone(stream.end())

    def test_a_token_of_the_authenticator_opens_the_maildrop(self):
        self.create("ann")
        request = authenticator_pb2.AuthenticatePasswordRequest(address="ann", password="secret")
        answer = self.authenticator.AuthenticatePassword(request, timeout=DEADLINE)
        self.assertGreater(answer.lifetime.seconds, 0)
        opened = self.maildrop.Open(
            maildrop_pb2.OpenRequest(auth_token=answer.auth_token), timeout=DEADLINE)
        self.assertEqual(opened.session.address, "ann")
        self.assert_reason("BAD_TOKEN", self.maildrop.Open,
                           maildrop_pb2.OpenRequest(auth_token=b"forged"))

    def test_a_large_message_travels_in_parts(self):
        self.create("ann")
        line = b"0123456789" * 7 + b"\r\n"
        message = b"Subject: large\r\n\r\n" + line * 50_000  # 3.6 MB

        def parts():
            size = 200_000
            for offset in range(0, len(message), size):
                part = delivery_pb2.DeliveryPart(
                    id=1, data=message[offset:offset + size],
                    last=offset + size >= len(message))
                if offset == 0:
                    part.envelope.recipients.append("ann")
                yield delivery_pb2.DeliverStreamRequest(parts=[part])

        results = [result for response in self.delivery.DeliverStream(parts(), timeout=DEADLINE)
                   for result in response.results]
        self.assertEqual(len(results), 1)
        self.assertEqual(results[0].delivered.results[0].status.code, 0)
        opened = self.maildrop.Login(self.login("ann"), timeout=DEADLINE)
        self.assertEqual(opened.rows[0].octets, len(message))
        (whole,) = self.read(opened.session.session_token,
                             messages_pb2.ReadPart(uid=opened.rows[0].uid))
        self.assertEqual(whole, message)

    def test_errors_carry_their_reason(self):
        self.create("ann")
        address = accounts_pb2.GetAccountRequest(address="nobody")
        error = self.assert_reason("NO_SUCH_ACCOUNT", self.accounts.GetAccount, address)
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
        error = self.assert_reason("BAD_CREDENTIALS", self.maildrop.Login,
                                   self.login("ann", "wrong"))
        self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
        request = delivery_pb2.DeliverRequest(message=b"x" * (1 << 20) + b"x")
        request.envelope.recipients.append("ann")
        error = self.assert_reason("TOO_LARGE", self.delivery.Deliver, request)
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_an_mta_looks_recipients_up(self):
        self.create("ann@example.org")
        self.aliases.AddAlias(aliases_pb2.AddAliasRequest(
            address="@example.org", targets=["ann@example.org"]), timeout=DEADLINE)
        request = delivery_pb2.LookupRecipientsRequest(
            recipients=["Ann+x@example.org", "who@example.org", "who@example.com"],
            declared_octets=1000)
        lookups = self.delivery.LookupRecipients(request, timeout=DEADLINE).lookups
        self.assertEqual([lookup.reply_code for lookup in lookups], [250, 250, 550])
        self.assertEqual([account.address for account in lookups[1].accounts],
                         ["ann@example.org"])
        self.assertEqual(lookups[1].alias, "@example.org")
        self.assertEqual(lookups[2].enhanced_status_code, "5.1.1")
        [result] = self.deliver(["who@example.org"])
        self.assertEqual((result.status.code, result.uid), (0, 1))

    def test_an_mta_is_told_which_recipients_are_others_now(self):
        watch = self.delivery.WatchRecipients(delivery_pb2.WatchRecipientsRequest(),
                                              timeout=DEADLINE)
        self.assertTrue(next(watch).everything)
        self.create("Ann@example.org")
        told = next(watch)
        self.assertEqual((list(told.addresses), told.everything), (["ann@example.org"], False))
        self.aliases.AddAlias(aliases_pb2.AddAliasRequest(
            address="@example.org", targets=["ann@example.org"]), timeout=DEADLINE)
        self.assertTrue(next(watch).everything)
        self.assertEqual(self.service.stop(), 0)
        with self.assertRaises(grpc.RpcError) as ended:
            next(watch)
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_an_operator_renames_an_account_and_sets_quotas(self):
        self.create("ann@example.org")
        [first] = self.deliver(["ann@example.org"])
        self.accounts.RenameAccount(accounts_pb2.RenameAccountRequest(
            address="ann@example.org", new_address="anne@example.org"), timeout=DEADLINE)
        request = accounts_pb2.SetDomainQuotaRequest()
        request.domain_quota.domain = "example.org"
        request.domain_quota.account_quota.messages = 1
        self.accounts.SetDomainQuota(request, timeout=DEADLINE)
        account = self.accounts.GetAccount(
            accounts_pb2.GetAccountRequest(address="anne@example.org"), timeout=DEADLINE).account
        self.assertFalse(account.HasField("quota"))
        self.assertEqual(account.effective_quota.messages, 1)
        [result] = self.deliver(["anne@example.org"])
        self.assertEqual(result.status.code, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
        session = self.maildrop.Login(self.login("anne@example.org"), timeout=DEADLINE)
        self.assertEqual([row.uidl for row in session.rows], [first.uidl])

    def test_an_account_that_was_deleted_comes_back_with_all_that_it_had(self):
        self.create("ann")
        self.deliver(["ann"])
        self.ask("CreateMailbox", mailbox="Spam", special_use=["\\Junk"])
        self.ask("SetSubscribed", mailbox="Spam", subscribed=True)
        request = accounts_pb2.UpdateAccountRequest()
        request.account.address = "ann"
        request.account.disabled = request.account.imap_disabled = True
        request.account.quota.octets, request.account.quota.messages = 0, 77
        request.account.pop3_policy.deletion = types_pb2.Pop3Policy.DELETION_HIDE
        request.account.filing_rules.rules.add(field="X-Spam", value="y", mailbox="\\Junk")
        request.update_mask.paths.extend(["disabled", "imap_disabled", "quota.octets",
                                          "quota.messages", "pop3_policy.deletion",
                                          "filing_rules"])
        self.accounts.UpdateAccount(request, timeout=DEADLINE)

        def what_there_is():
            account = self.accounts.GetAccount(
                accounts_pb2.GetAccountRequest(address="ann"), timeout=DEADLINE).account
            account.account_id = ""
            account.created.Clear()
            listed = self.ask("ListMailboxes")
            return (account, list(listed.subscriptions),
                    [(box.name, list(box.special_use), box.message_count)
                     for box in listed.mailboxes])

        before = what_there_is()
        self.assertEqual(before[0].quota.messages, 77)
        self.admin.CreateBackup(admin_pb2.CreateBackupRequest(), timeout=DEADLINE)
        self.accounts.DeleteAccount(
            accounts_pb2.DeleteAccountRequest(address="ann"), timeout=DEADLINE)
        restored = self.admin.RestoreAccount(
            admin_pb2.RestoreAccountRequest(address="ann"), timeout=DEADLINE)
        self.assertTrue(restored.account_made)
        self.assertEqual(what_there_is(), before)
        self.admin.PruneBackups(admin_pb2.PruneBackupsRequest(keep=1), timeout=DEADLINE)
        listed = self.admin.ListBackups(admin_pb2.ListBackupsRequest(), timeout=DEADLINE)
        self.assertEqual(list(listed.backups), [restored.backup])

    def test_an_operator_sees_mailboxes_and_a_sound_store(self):
        self.create("ann")
        self.deliver(["ann"], delivery_id="queue-7")
        self.deliver(["ann"], delivery_id="queue-7")
        status = self.mailboxes.GetMailbox(
            mailboxes_pb2.GetMailboxRequest(address="ann"), timeout=DEADLINE).status
        self.assertEqual((status.name, status.message_count), ("INBOX", 1))
        items = list(self.admin.Verify(admin_pb2.VerifyRequest(read_bodies=True),
                                       timeout=DEADLINE))
        self.assertEqual(len(items), 1, items)
        self.assertEqual((items[0].summary.messages, items[0].summary.errors), (1, 0))
        stats = self.admin.GetStats(admin_pb2.GetStatsRequest(), timeout=DEADLINE)
        self.assertGreater(stats.values["rpc_calls_total"], 0)
        self.assertRegex(stats.version, r"^\d+\.\d+\.\d+")

    def ask(self, method, **fields):
        """A call of MailboxesService for ann."""
        request = getattr(mailboxes_pb2, method + "Request")(address="ann", **fields)
        return getattr(self.mailboxes, method)(request, timeout=DEADLINE)

    def refused(self, reason, method, **fields):
        with self.assertRaises(grpc.RpcError) as failed:
            self.ask(method, **fields)
        self.assertEqual(reason_of(failed.exception), reason)
        return failed.exception

    def append(self, mailbox, *messages, **properties):
        def requests():
            for index, message in enumerate(messages):
                part = mailboxes_pb2.AppendPart(data=message, last=True)
                part.message.CopyFrom(mailboxes_pb2.AppendedProperties(**properties))
                request = mailboxes_pb2.AppendMessagesRequest(
                    parts=[part], commit=index + 1 == len(messages))
                if index == 0:
                    request.address, request.mailbox = "ann", mailbox
                yield request

        return self.mailboxes.AppendMessages(requests(), timeout=DEADLINE)

    @staticmethod
    def uids(first, last=None):
        return [maildrop_pb2.UidRange(first=first, last=last or first)]

    def test_an_imap_service_changes_flags_and_expunges(self):
        self.create("ann")
        for _ in range(4):
            self.deliver(["ann"])
        before = self.ask("GetMailbox").status
        self.assertEqual((before.unseen_count, before.recent_count), (4, 4))
        recent = self.ask("ClaimRecent")
        self.assertEqual((recent.first_uid, recent.end_uid), (1, 5))

        mode = mailboxes_pb2.StoreFlagsRequest
        stored = self.ask("StoreFlags", uids=self.uids(2, 3), mode=mode.MODE_ADD,
                          flags=["\\Seen", "$Work"])
        self.assertEqual([m.uid for m in stored.messages], [2, 3])
        self.assertEqual(list(stored.messages[0].flags), ["\\Seen", "$Work"])
        self.assertEqual(stored.messages[0].modseq, stored.highest_modseq)
        conditional = self.ask("StoreFlags", uids=self.uids(1, 4), mode=mode.MODE_ADD,
                               flags=["\\Deleted"], unchanged_since=before.highest_modseq)
        self.assertEqual([(r.first, r.last) for r in conditional.modified], [(2, 3)])
        error = self.refused("INVALID_REQUEST", "StoreFlags", uids=self.uids(1),
                             mode=mode.MODE_ADD, flags=["two words"])
        self.assertIn("two words", error.details())
        self.refused("INVALID_REQUEST", "StoreFlags", uids=self.uids(1))

        rows = self.ask("ListMessages", uids=self.uids(1, 3),
                        fields={"paths": ["flags", "octets"]})
        self.assertEqual([r.uid for r in rows.rows], [1, 2, 3])
        self.assertEqual(rows.rows[0].octets, len(MESSAGE))
        self.assertEqual((rows.rows[0].uidl, rows.rows[0].modseq), ("", 0))
        changed = self.ask("ListMessages", after_modseq=stored.highest_modseq)
        self.assertEqual([r.uid for r in changed.rows], [1, 4])
        self.refused("INVALID_REQUEST", "ListMessages", fields={"paths": ["nothing"]})

        expunged = self.ask("ExpungeMessages", uids=self.uids(1, 4294967295),
                            only_deleted=True)
        self.assertEqual([(r.first, r.last) for r in expunged.uids], [(1, 1), (4, 4)])
        changes = self.ask("ListChanges", after={"modseq": before.highest_modseq})
        self.assertEqual([r.uid for r in changes.changed], [2, 3])
        self.assertEqual([(r.first, r.last) for r in changes.vanished], [(1, 1), (4, 4)])
        self.assertTrue(changes.end)
        self.assertEqual(changes.next.modseq, expunged.highest_modseq)
        self.assertEqual(changes.uidvalidity, before.uidvalidity)
        after = self.ask("GetMailbox").status
        self.assertEqual((after.message_count, after.unseen_count, after.deleted_count), (2, 0, 0))

    def test_an_imap_service_makes_mailboxes_and_fills_them(self):
        self.create("ann")
        self.deliver(["ann"])
        made = self.ask("CreateMailbox", mailbox="Archive/2024", special_use=["\\Archive"])
        self.assertEqual(list(made.status.special_use), ["\\Archive"])
        self.refused("MAILBOX_EXISTS", "CreateMailbox", mailbox="Archive")
        self.refused("BAD_ADDRESS", "CreateMailbox", mailbox="a//b")
        self.ask("SetSubscribed", mailbox="Archive", subscribed=True)
        listed = self.ask("ListMailboxes")
        self.assertEqual([m.name for m in listed.mailboxes],
                         ["Archive", "Archive/2024", "INBOX"])
        self.assertEqual(list(listed.subscriptions), ["Archive"])

        appended = self.append("Archive/2024", MESSAGE, MESSAGE, flags=["\\Seen"],
                               internal_date={"seconds": 1_000_000_000})
        self.assertEqual(appended.uidvalidity, made.status.uidvalidity)
        self.assertEqual([m.uid for m in appended.messages], [1, 2])
        copied = self.ask("CopyMessages", uids=self.uids(1), target="Archive/2024")
        self.assertEqual([(m.uid, m.new_uid) for m in copied.messages], [(1, 3)])
        moved = self.ask("MoveMessages", mailbox="Archive/2024", uids=self.uids(1, 2),
                         target="INBOX")
        self.assertEqual([(m.uid, m.new_uid) for m in moved.messages], [(1, 2), (2, 3)])
        self.refused("NO_SUCH_MAILBOX", "CopyMessages", uids=self.uids(1), target="None")

        with self.assertRaises(grpc.RpcError) as cut_short:
            request = mailboxes_pb2.AppendMessagesRequest(address="ann")
            request.parts.add(data=MESSAGE, last=True).message.SetInParent()
            self.mailboxes.AppendMessages(iter([request]), timeout=DEADLINE)
        self.assertEqual(reason_of(cut_short.exception), "INVALID_REQUEST")

        self.refused("MAILBOX_HAS_CHILDREN", "DeleteMailbox", mailbox="Archive")
        self.refused("INVALID_REQUEST", "DeleteMailbox", mailbox="")
        self.ask("RenameMailbox", mailbox="Archive", new_name="Old")
        self.assertEqual(self.ask("GetMailbox", mailbox="Old/2024").status.message_count, 1)
        self.ask("SetSpecialUse", mailbox="Old/2024", special_use=["\\All"])
        self.ask("DeleteMailbox", mailbox="Old/2024")
        self.ask("DeleteMailbox", mailbox="Old")
        self.assertEqual([m.name for m in self.ask("ListMailboxes").mailboxes], ["INBOX"])

        opened = self.maildrop.Login(self.login("ann"), timeout=DEADLINE)
        self.assertEqual([row.uid for row in opened.rows], [1, 2, 3])
        self.assertEqual(len({row.uidl for row in opened.rows}), 3)
        items = list(self.admin.Verify(admin_pb2.VerifyRequest(read_bodies=True),
                                       timeout=DEADLINE))
        self.assertEqual(items[-1].summary.errors, 0, items)

    def test_an_import_keeps_uids_and_uidls_and_can_be_repeated(self):
        self.create("ann")
        self.ask("CreateMailbox", mailbox="Old")
        status = self.ask("AdoptUids", mailbox="Old", uidvalidity=77, uid_next=5).status
        self.assertEqual((status.uidvalidity, status.uid_next), (77, 5))
        first = self.append("Old", MESSAGE, uid=9, uidl="old-9", append_id=b"\xff 9")
        again = self.append("Old", MESSAGE, uid=9, uidl="old-9", append_id=b"\xff 9")
        self.assertEqual([(m.uid, m.uidl, m.earlier) for m in (*first.messages, *again.messages)],
                         [(9, "old-9", False), (9, "old-9", True)])
        found = self.ask("FindAppended", mailbox="Old", append_ids=[b"none", b"\xff 9"])
        self.assertEqual(list(found.uids), [0, 9])
        self.assertTrue(
            self.append("Old", MESSAGE, uidl="old-9").messages[0].uidl_replaced)
        self.refused("INVALID_REQUEST", "AdoptUids", mailbox="Old", uidvalidity=78)
        self.refused("INVALID_REQUEST", "FindAppended", mailbox="Old")

    def test_an_imap_service_is_told_of_changes_as_they_happen(self):
        self.create("ann")
        self.deliver(["ann"])
        request = mailboxes_pb2.WatchMailboxesRequest(address="ann", all=True)
        watch = self.mailboxes.WatchMailboxes(request, timeout=DEADLINE)
        first = next(watch)
        self.assertEqual([e.status.name for e in first.events], ["INBOX"])
        self.assertTrue(first.caught_up)
        delays = []
        for count in range(2, 13):
            self.deliver(["ann"])
            committed = time.monotonic()
            told = next(watch)
            delays.append(time.monotonic() - committed)
            self.assertTrue(told.events[0].new_mail)
            self.assertEqual(told.events[0].status.message_count, count)
        # Half of them, since the machine may be busy with something else.
        self.assertLess(sorted(delays)[len(delays) // 2], 0.1)
        known = told.events[0].status.highest_modseq
        self.ask("CreateMailbox", mailbox="Lists")
        self.assertTrue(next(watch).mailboxes_changed)
        watch.cancel()

        # Taken up again where it was broken off: nothing, then what came meanwhile.
        request = mailboxes_pb2.WatchMailboxesRequest(address="ann")
        request.mailboxes.add(mailbox="INBOX", highest_modseq=known)
        again = self.mailboxes.WatchMailboxes(request, timeout=DEADLINE)
        self.assertEqual(len(next(again).events), 0)
        again.cancel()
        self.ask("ExpungeMessages", uids=self.uids(1))
        last = self.mailboxes.WatchMailboxes(request, timeout=DEADLINE)
        self.assertTrue(next(last).events[0].expunged)

        self.assertEqual(self.service.stop(), 0)
        with self.assertRaises(grpc.RpcError) as ended:
            next(last)
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_a_watch_that_nobody_reads_holds_no_one_up(self):
        self.create("ann")
        request = mailboxes_pb2.WatchMailboxesRequest(address="ann", all=True)
        watch = self.mailboxes.WatchMailboxes(request, timeout=DEADLINE)
        for _ in range(200):
            self.deliver(["ann"])
        newest = self.ask("GetMailbox").status.highest_modseq
        for told in watch:
            if told.events and told.events[0].status.highest_modseq == newest:
                break
        watch.cancel()

    def start_in_vain(self, listen, directory):
        """The one line in which a second process says why it can't start."""
        ended = subprocess.run(
            [PROGRAM, "--set", "listen=['%s']" % listen,
             "--set", "data_dir=" + os.path.join(self.directory, directory)],
            stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        (error,) = [line for line in ended.stderr.splitlines() if "Info:" not in line]
        return error

    def test_a_second_process_is_told_why_it_cannot_start(self):
        error = self.start_in_vain("127.0.0.1:0", "data")
        self.assertIn(os.path.join(self.directory, "data"), error)
        self.assertIn("in use by another process", error)
        error = self.start_in_vain(self.service.address, "other")
        self.assertIn(self.service.address, error)
        self.assertIn("in use", error)

    def test_what_cannot_work_is_refused_before_the_start(self):
        for assignment in ("listen=['0.0.0.0:0']", "listen=[nowhere]", "no_such_key=1"):
            refused = subprocess.run([PROGRAM, "--set", assignment],
                                     stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(assignment.split("=")[0], refused.stderr)


if __name__ == "__main__":
    stubs = tempfile.mkdtemp(prefix="restante-stubs-")
    try:
        generate_stubs(stubs)
        from google.rpc import error_details_pb2, status_pb2
        from restante.v1 import (accounts_pb2, accounts_pb2_grpc, admin_pb2, admin_pb2_grpc,
                                 aliases_pb2, aliases_pb2_grpc,
                                 authenticator_pb2, authenticator_pb2_grpc, delivery_pb2,
                                 delivery_pb2_grpc, mailboxes_pb2, mailboxes_pb2_grpc,
                                 maildrop_pb2, maildrop_pb2_grpc, messages_pb2,
                                 messages_pb2_grpc, types_pb2)
        unittest.main(argv=sys.argv[:1] + sys.argv[5:], verbosity=2)
    finally:
        shutil.rmtree(stubs)
