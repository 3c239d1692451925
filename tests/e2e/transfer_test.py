"""Whole accounts from other servers, and back: folders, flags, keywords, dates, UIDs, UIDLs
and octets, over files, IMAP and POP3, with Dovecot at the other end; mboxes as Python's
module writes and reads them; and what a kill -9 in the middle leaves.
"""

import calendar
import contextlib
import imaplib
import json
import mailbox
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import harness
import old_servers
from clients import Pop3

# As Dovecot stores it and gives it out.
BIG = b"Subject: big\r\n\r\n" + b"".join(b"%07d, and so on\r\n" % i for i in range(150_000))


def message(number):
    return b"From: ann@example.org\r\nSubject: %d\r\n\r\n.dot\r\nFrom here %d\r\n" % (
        number, number)


def fill(imap):
    """Folders, flags, keywords and dates, by IMAP: what a user leaves behind."""
    for folder in ("Sent", "Archive", "Archive.2024", "Entw&APw-rfe"):
        imap.create(folder)
    for folder in ("Sent", "Archive.2024", "Entw&APw-rfe"):
        assert imap.subscribe(folder)[0] == "OK"
    places = ("INBOX", "Sent", "Archive.2024", "Entw&APw-rfe")
    flags = ("", "\\Seen", "\\Seen \\Answered work", "\\Flagged $Label1", "\\Deleted \\Draft")
    for i in range(40):
        date = imaplib.Time2Internaldate(1_500_000_000 + i * 1000)
        status, answer = imap.append(places[i % 4], "(%s)" % flags[i % 5], date, message(i))
        assert status == "OK", answer
    assert imap.append("INBOX", None, imaplib.Time2Internaldate(1_600_000_000), BIG)[0] == "OK"
    # UIDs with a gap, and a UIDNEXT above the last.
    imap.select("INBOX")
    for number in ("3", "9"):
        imap.store(number, "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.append("INBOX", None, None, message(99))
    imap.select("INBOX")
    imap.store("*", "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.close()


def contents(imap):
    """{mailbox: (UIDVALIDITY, UIDNEXT, [(UID, flags, time, octets)])} as IMAP shows them,
    and the names that are subscribed to."""
    names = [re.search(rb'"\." "?([^"]*)"?$', line)[1].decode() for line in imap.list()[1]]
    found = {}
    for name in names:
        imap.select(name, readonly=True)
        messages = []
        answer = imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
        for part in answer:
            if not isinstance(part, tuple):
                continue
            line = part[0].decode()
            flags = set(re.search(r"FLAGS \(([^)]*)\)", line)[1].split()) - {"\\Recent"}
            date = imaplib.Internaldate2tuple(part[0])
            messages.append((int(re.search(r"UID (\d+)", line)[1]), flags,
                             int(time.mktime(date)), part[1]))
        status = imap.status(name, "(UIDVALIDITY UIDNEXT)")[1][0].decode()
        numbers = [int(re.search(what + r" (\d+)", status)[1])
                   for what in ("UIDVALIDITY", "UIDNEXT")]
        found[name] = (*numbers, messages)
    subscribed = {re.search(rb'"\." "?([^"]*)"?$', line)[1].decode()
                  for line in imap.lsub()[1] if line}
    return found, subscribed


@unittest.skipUnless(all(map(os.path.exists, old_servers.DovecotServer.NEEDED)),
                     "Debian's dovecot-imapd and dovecot-pop3d aren't installed")
class DovecotTest(harness.StackTest):
    users = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = os.path.join(cls.stack.dir, "old")
        os.makedirs(directory)
        for path in (cls.stack.dir, directory):
            os.chmod(path, 0o755)
        cls.dovecot = old_servers.DovecotServer(directory, *harness.make_certificate(directory))
        cls.addClassCleanup(cls.dovecot.stop)
        with cls.dovecot.imap("ann") as imap:
            fill(imap)
            cls.there, cls.subscribed = contents(imap)
        assert sum(len(m[2]) for m in cls.there.values()) == 37

    def setUp(self):
        DovecotTest.users += 1
        self.address = "user%d@example.org" % DovecotTest.users
        self.stack.create_account(self.address)
        self.password = os.path.join(self.stack.dir, "password")
        with open(self.password, "w") as file:
            file.write(self.dovecot.PASSWORD + "\n")

    def import_from(self, kind, place, *options, check=True):
        return self.stack.ctl("import", "--from", kind, place, "--to", self.address, *options,
                              check=check)

    def import_server(self, kind, *options, port=None, check=True):
        return self.import_from(
            kind, self.dovecot.place(port or kind + "s"), "--user", "ann", "--password-file",
            self.password, "--ca-file", self.dovecot.certificate, *options, check=check)

    def here(self):
        """As contents(), of the account, with Dovecot's names."""
        found = {}
        for status in self.stack.ctl_json("mailboxes", "status", self.address)["mailboxes"]:
            name = status["name"]
            rows = self.stack.ctl_json("messages", "list", self.address, "--mailbox",
                                       name)["messages"]
            messages = []
            for row in rows:
                done = subprocess.run(
                    [harness.program("restantectl"), "--server", self.stack.grpc_address,
                     "messages", "show", self.address, str(row["uid"]), "--mailbox", name,
                     "--raw"], capture_output=True, check=True)
                date = time.strptime(row["internal_date"], "%Y-%m-%dT%H:%M:%SZ")
                messages.append((row["uid"], set(row["flags"]), calendar.timegm(date),
                                 done.stdout))
            found[name.replace("/", ".").replace("\xfc", "&APw-")] = (
                status["uidvalidity"], status["uid_next"], messages)
        return found

    def assert_same(self, found, with_uids):
        self.assertEqual(found.keys(), self.there.keys())
        for name, (uidvalidity, uid_next, messages) in self.there.items():
            if with_uids:
                self.assertEqual(found[name], (uidvalidity, uid_next, messages), name)
            else:
                self.assertEqual([m[1:] for m in found[name][2]], [m[1:] for m in messages])

    def uidls(self, pop3):
        with pop3:
            uidls = pop3.uidls()
            octets = pop3.retr_all(len(uidls))
            pop3.quit()
        return list(zip(uidls, octets, strict=True))

    def verify(self):
        self.assertEqual(self.stack.ctl_json("verify", "--bodies")["summary"]["errors"], 0)

    def test_a_whole_account_comes_from_its_maildir(self):
        out = self.import_from("dovecot", self.dovecot.maildir("ann"), "--keep-uids")[1]
        self.assertEqual(out, "Imported 37 of 37 messages.\n")
        self.assert_same(self.here(), with_uids=True)
        self.assertEqual(self.uidls(Pop3(self.stack.pop3).log_in(self.address, "tulip")),
                         self.uidls(self.dovecot.pop3("ann")))
        out = self.import_from("dovecot", self.dovecot.maildir("ann"), "--keep-uids")[1]
        self.assertEqual(out, "Imported 0 of 37 messages, 37 were here already.\n")
        self.verify()

    def test_a_whole_account_comes_by_imap_and_nothing_changes_there(self):
        out = self.import_server("imap", "--keep-uids", "--uidl-format", "%08Xu%08Xv")[1]
        self.assertEqual(out, "Imported 37 of 37 messages.\n")
        self.assert_same(self.here(), with_uids=True)
        with self.dovecot.imap("ann") as imap:
            self.assertEqual(contents(imap), (self.there, self.subscribed))
        self.assertEqual(self.uidls(Pop3(self.stack.pop3).log_in(self.address, "tulip")),
                         self.uidls(self.dovecot.pop3("ann")))
        out = self.import_server("imap", "--tls", "starttls", port="imap")[1]
        self.assertEqual(out, "Imported 0 of 37 messages, 37 were here already.\n")

    def test_chosen_mailboxes_come_by_imap_under_new_uids(self):
        out = self.import_server("imap", "--mailbox", "Archive/2024", "--mailbox",
                                 "Entw\xfcrfe")[1]
        self.assertEqual(out, "Imported 20 of 20 messages.\n")
        found = self.here()
        for name in ("Archive.2024", "Entw&APw-rfe"):
            self.assertEqual([m[1:] for m in found[name][2]],
                             [m[1:] for m in self.there[name][2]])
        code, _, err = self.import_server("imap", "--mailbox", "None", check=False)
        self.assertEqual(code, 1)
        self.assertIn('"None"', err)

    def test_an_inbox_comes_by_pop3_with_its_uidls(self):
        theirs = self.uidls(self.dovecot.pop3("ann"))
        for port, tls in (("pop3s", "implicit"), ("pop3", "starttls"), ("pop3", "none")):
            with self.subTest(tls):
                self.setUp()
                out = self.import_server("pop3", "--tls", tls, port=port)[1]
                self.assertEqual(out, "Imported 7 of 7 messages.\n")
                self.assertEqual(self.uidls(Pop3(self.stack.pop3).log_in(self.address, "tulip")),
                                 theirs)
        self.assertEqual(self.uidls(self.dovecot.pop3("ann")), theirs, "nothing was deleted")

    def test_pop3_is_pipelined_with_servers_that_take_it_and_deletes_only_what_is_here(self):
        """From one account of ours to another: our CAPA has PIPELINING."""
        self.import_from("dovecot", self.dovecot.maildir("ann"))
        old, theirs = self.address, self.uidls(
            Pop3(self.stack.pop3).log_in(self.address, "tulip"))
        self.setUp()
        self.stack.ctl("accounts", "quota", self.address, "100000")
        options = ("--user", old, "--password-file", self.password, "--ca-file",
                   self.stack.certificate, "--delete")
        place = "localhost:%d" % self.stack.pop3s[1]
        code, out, err = self.import_from("pop3", place, *options, check=False)
        self.assertEqual((code, out), (1, "Imported 6 of 7 messages.\n"), err)
        self.assertIn("OVER_QUOTA", err)
        self.assertEqual(self.uidls(Pop3(self.stack.pop3).log_in(old, "tulip")),
                         [m for m in theirs if m[1] == BIG])
        self.stack.ctl("accounts", "quota", self.address, "none")
        self.import_from("pop3", place, *options)
        self.assertEqual(sorted(self.uidls(Pop3(self.stack.pop3).log_in(self.address, "tulip"))),
                         sorted(theirs))

    def test_a_server_that_can_not_be_trusted_or_refuses_is_told(self):
        for kind in ("pop3", "imap"):
            place = self.dovecot.place(kind + "s")
            user = ("--user", "ann", "--password-stdin")
            code, _, err = self.stack.ctl(
                "import", "--from", kind, place, "--to", self.address, *user, stdin="tulip\n",
                check=False)
            self.assertEqual(code, 1)
            self.assertIn("certificate isn't good", err)
            code, out, err = self.stack.ctl(
                "import", "--from", kind, place, "--to", self.address, *user,
                "--no-certificate-check", stdin="tulip\n", check=False)
            self.assertEqual(code, 0, err)
            code, _, err = self.stack.ctl(
                "import", "--from", kind, place, "--to", self.address, *user,
                "--no-certificate-check", stdin="wrong\n", check=False)
            self.assertEqual(code, 1)
            self.assertIn("localhost", err)
            self.assertNotIn("wrong", err)

    def test_uids_are_kept_only_where_there_never_was_mail(self):
        self.stack.ctl("deliver", "--to", self.address, "-", stdin="Subject: x\n\n")
        code, out, err = self.import_from("dovecot", self.dovecot.maildir("ann"), "--keep-uids",
                                          check=False)
        self.assertEqual((code, out), (1, "Imported 30 of 30 messages.\n"))
        self.assertIn("mailbox INBOX", err)

    def test_dovecot_takes_an_export_over_with_uids_and_uidls(self):
        self.import_from("dovecot", self.dovecot.maildir("ann"), "--keep-uids")
        # A UIDL that Dovecot's format wouldn't make.
        self.stack.ctl("deliver", "--to", self.address, "-", stdin="Subject: new\n\nx\n")
        user = "new%d" % DovecotTest.users
        target = os.path.join(self.stack.dir, user)
        out = self.stack.ctl("export", self.address, "--to", "maildir", target)[1]
        self.assertEqual(out, "Exported 38 of 38 messages.\n")
        mine = self.uidls(Pop3(self.stack.pop3).log_in(self.address, "tulip"))
        shutil.copytree(target, self.dovecot.maildir(user))
        self.dovecot.give(self.dovecot.maildir(user))
        self.assertEqual(self.uidls(self.dovecot.pop3(user)), mine)
        with self.dovecot.imap(user) as imap:
            found, subscribed = contents(imap)
        inbox = found["INBOX"]
        self.assertEqual(inbox[2][-1][3], b"Subject: new\r\n\r\nx\r\n")
        found["INBOX"] = (inbox[0], inbox[1] - 1, inbox[2][:-1])
        self.assert_same(found, with_uids=True)
        self.assertEqual(subscribed, self.subscribed)

        # Flags change, mail comes: the export is repeated and brings what is new.
        self.stack.ctl("deliver", "--to", self.address, "-", stdin="Subject: newer\n\nx\n")
        out = self.stack.ctl("export", self.address, "--to", "maildir", target)[1]
        self.assertEqual(out, "Exported 1 of 39 messages, 38 were there already.\n")

    def test_an_export_goes_only_where_nothing_else_is(self):
        self.import_from("dovecot", self.dovecot.maildir("ann"), "--mailbox", "Sent")
        target = os.path.join(self.stack.dir, "taken%d" % DovecotTest.users)
        shutil.copytree(self.dovecot.maildir("ann"), target)
        code, _, err = self.stack.ctl("export", self.address, "--to", "maildir", target,
                                      check=False)
        self.assertEqual(code, 1)
        self.assertIn("give another directory", err)


class MboxTest(harness.StackTest):
    users = 0

    def setUp(self):
        MboxTest.users += 1
        self.address = "mbox%d@example.org" % MboxTest.users
        self.stack.create_account(self.address)
        self.path = os.path.join(self.stack.dir, "old%d.mbox" % MboxTest.users)

    def test_what_python_writes_comes_whole(self):
        box = mailbox.mbox(self.path)
        texts = []
        for i in range(30):
            text = b"Subject: %d\n\nFrom the first\n.\n>From quoted\n%s\n" % (i, b"x" * i)
            one = mailbox.mboxMessage(text)
            one.set_from("ann@example.org", time.gmtime(1_400_000_000 + i))
            one.set_flags(["", "R", "RO", "ROAF", "D"][i % 5])
            box.add(one)
            texts.append(text)
        box.close()
        out = self.stack.ctl("import", "--from", "mbox", self.path, "--to", self.address,
                             "--mbox-quoting", "mboxo")[1]
        self.assertEqual(out, "Imported 30 of 30 messages.\n")
        rows = self.stack.ctl_json("messages", "list", self.address)["messages"]
        self.assertEqual([row["flags"] for row in rows[:5]],
                         [[], ["\\Seen"], ["\\Seen"], ["\\Seen", "\\Answered", "\\Flagged"],
                          ["\\Deleted"]])
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            got = pop3.retr_all(30)
            pop3.quit()
        # Python doesn't quote what is quoted already.
        self.assertEqual(got, [text.replace(b">From", b"From").replace(b"\n", b"\r\n")
                               for text in texts])
        out = self.stack.ctl("import", "--from", "mbox", self.path, "--to", self.address)[1]
        self.assertEqual(out[:10], "Imported 0")

    def test_an_export_is_read_by_python_and_comes_back(self):
        sent = [b"Return-Path: <bob@example.org>\r\nSubject: %d\r\n\r\nFrom me\r\n>From you\r\n"
                b"a\rb\r\r\n\r\n" % i for i in range(20)]
        for text in sent:
            path = os.path.join(self.stack.dir, "message")
            with open(path, "wb") as file:
                file.write(text)
            self.stack.ctl("deliver", "--to", self.address, path)
        target = os.path.join(self.stack.dir, "export%d" % MboxTest.users)
        out = self.stack.ctl("export", self.address, "--to", "mbox", target)[1]
        self.assertEqual(out, "Exported 20 of 20 messages.\n")
        path = os.path.join(target, "INBOX.mbox")
        box = mailbox.mbox(path)
        self.assertEqual([one["Subject"] for one in box], [str(i) for i in range(20)])
        self.assertEqual(box[0].get_from().split()[0], "bob@example.org")
        box.close()

        self.stack.create_account("back-" + self.address)
        self.stack.ctl("import", "--from", "mbox", path, "--to", "back-" + self.address)
        with Pop3(self.stack.pop3).log_in("back-" + self.address, "tulip") as pop3:
            self.assertEqual(pop3.retr_all(20), sent)
            pop3.quit()

        # What has come since is added.
        self.stack.ctl("deliver", "--to", self.address, "-", stdin="Subject: 20\n\n")
        out = self.stack.ctl("export", self.address, "--to", "mbox", target)[1]
        self.assertEqual(out, "Exported 1 of 21 messages, 20 were there already.\n")
        with contextlib.closing(mailbox.mbox(path)) as box:
            self.assertEqual(len(box), 21)


class InterruptionTest(harness.StackTest):
    COUNT = 6000
    users = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.maildir = os.path.join(cls.stack.dir, "large")
        for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"):
            os.makedirs(os.path.join(cls.maildir, name))
        cls.texts = {}
        for i in range(cls.COUNT):
            folder = "cur/" if i % 3 else ".Sent/cur/"
            text = b"Subject: %d\n\n%s\n" % (i, b"x" * 2000)
            cls.texts.setdefault(folder, []).append(text)
            with open(os.path.join(cls.maildir, "%s%d.M%d.host:2,S" % (folder, 10**9 + i, i)),
                      "wb") as file:
                file.write(text)

    def setUp(self):
        InterruptionTest.users += 1
        self.address = "large%d@example.org" % InterruptionTest.users
        self.stack.create_account(self.address)

    def count(self):
        return sum(m["message_count"] for m in self.stack.ctl_json(
            "mailboxes", "status", self.address)["mailboxes"])

    def run_and_kill(self, *arguments, victim=None, when):
        """Runs restantectl and kills it, or the storage service, in the middle of it: when
        `when` answers true."""
        process = subprocess.Popen(
            [harness.program("restantectl"), "--server", self.stack.grpc_address, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=harness.die_with_parent)
        harness.eventually(lambda: when() or process.poll() is not None,
                           60 * harness.PATIENCE, "the middle")
        self.assertIsNone(process.poll(), "it ended before it was killed")
        if victim is None:
            process.send_signal(signal.SIGKILL)
        else:
            victim.kill9()
        err = process.communicate(timeout=60 * harness.PATIENCE)[1]
        return process.returncode, err

    def import_all(self):
        return self.stack.ctl("import", "--from", "maildir", self.maildir, "--to", self.address)

    def assert_complete(self):
        self.assertEqual(self.count(), self.COUNT)
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            texts = self.texts["cur/"]
            self.assertEqual(pop3.retr_all(len(texts)),
                             [text.replace(b"\n", b"\r\n") for text in texts])
            pop3.quit()
        self.assertEqual(self.stack.ctl_json("verify", "--bodies")["summary"]["errors"], 0)

    def test_an_import_that_was_killed_goes_on_without_duplicates(self):
        arguments = "import", "--from", "maildir", self.maildir, "--to", self.address
        code, _ = self.run_and_kill(*arguments, when=lambda: self.count() > 200)
        self.assertEqual(code, -signal.SIGKILL)
        before = self.count()
        self.assertLess(before, self.COUNT)
        out = self.import_all()[1]
        self.assertRegex(out, r"Imported \d+ of 6000 messages, \d+ were here already\.\n")
        self.assert_complete()

    def test_so_does_one_whose_service_was_killed(self):
        arguments = "import", "--from", "maildir", self.maildir, "--to", self.address
        code, err = self.run_and_kill(*arguments, victim=self.stack.storage,
                                      when=lambda: self.count() > 200)
        self.assertEqual(code, 3, err)
        self.stack.storage.start()
        self.assertLess(self.count(), self.COUNT)
        self.import_all()
        self.assert_complete()

    def test_exports_that_were_killed_go_on(self):
        self.import_all()
        maildir = os.path.join(self.stack.dir, "to-maildir")
        cur = os.path.join(maildir, "cur")
        code, _ = self.run_and_kill(
            "export", self.address, "--to", "maildir", maildir,
            when=lambda: os.path.isdir(cur) and len(os.listdir(cur)) > 100)
        self.assertEqual(code, -signal.SIGKILL)
        self.assertLess(len(os.listdir(cur)), 4000)
        self.stack.ctl("export", self.address, "--to", "maildir", maildir)
        for folder, texts in self.texts.items():
            path = os.path.join(maildir, folder)
            # UIDs are in the names.
            names = sorted(os.listdir(path), key=lambda n: int(re.search(r"U(\d+)V", n)[1]))
            got = []
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    got.append(file.read())
            self.assertEqual(got, texts, folder)
        self.assertEqual(os.listdir(os.path.join(maildir, "tmp")), [])

        mbox = os.path.join(self.stack.dir, "to-mbox")
        path = os.path.join(mbox, "INBOX.mbox")
        code, _ = self.run_and_kill(
            "export", self.address, "--to", "mbox", mbox,
            when=lambda: os.path.exists(path) and os.path.getsize(path) > 3_000_000)
        self.assertEqual(code, -signal.SIGKILL)
        with open(path, "ab") as file:
            file.write(b"a torn message")
        self.stack.ctl("export", self.address, "--to", "mbox", mbox)
        with contextlib.closing(mailbox.mbox(path)) as box:
            subjects = [one["Subject"] for one in box]
        self.assertEqual(subjects, [str(i) for i in range(self.COUNT) if i % 3])

    def test_progress_is_told_as_events(self):
        err = self.stack.ctl("--json", "import", "--from", "maildir", self.maildir, "--to",
                             self.address)[2]
        for line in err.splitlines():
            self.assertEqual(json.loads(line)["event"], "progress")


if __name__ == "__main__":
    harness.main()
