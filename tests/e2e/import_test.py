"""Mail from other servers: the same UIDLs, dates, flags and octets; and deleted mail
brought back. Dovecot, Courier and Cyrus are asked themselves what UIDLs they give; of older
versions of Courier there are files in their formats.
"""

import os
import pwd
import shutil
import subprocess
import unittest

import harness
import old_servers
from clients import Pop3

DOVECOT_POP3 = "/usr/lib/dovecot/pop3"

DOVECOT_CONF = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = {dir}/dovecot.log
ssl = no
mail_location = maildir:{dir}/Maildir
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
pop3_uidl_format = {format}
"""


class Maildir:
    def __init__(self, directory):
        self.path = os.path.join(directory, "Maildir")
        for name in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(self.path, name))

    def write(self, name, message, received=1700000000):
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(message)
        os.utime(path, (received, received))

    def fill(self, count):
        for i in range(count):
            name = "%d.M%dP1.host" % (1600000000 + i, i)
            folder = "new/" + name if i % 3 == 0 else "cur/%s:2,%s" % (name, ["S", "RS"][i % 2])
            self.write(folder, b"Subject: %d\n\n.body %d\n" % (i, i), 1500000000 + i)


class Dovecot:
    """Dovecot's pop3 process, by itself, on a Maildir: commands in, replies out."""

    def __init__(self, directory, uidl_format="%08Xu%08Xv"):
        me = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.config = os.path.join(directory, "dovecot.conf")
        os.chmod(directory, 0o755)
        with open(self.config, "w") as file:
            file.write(DOVECOT_CONF.format(
                dir=directory, uid=me.pw_uid, gid=me.pw_gid, format=uidl_format,
                user=pwd.getpwuid(os.geteuid()).pw_name,
                group=subprocess.check_output(["id", "-gn"], text=True).strip()))
        for folder, _, files in os.walk(os.path.join(directory, "Maildir")):
            for path in [folder] + [os.path.join(folder, name) for name in files]:
                os.chown(path, me.pw_uid, me.pw_gid)
        self.home = directory

    def uidls(self):
        done = subprocess.run(
            [DOVECOT_POP3, "-c", self.config], input=b"UIDL\r\nQUIT\r\n", capture_output=True,
            env={"USER": "ann", "HOME": self.home, "PATH": os.environ["PATH"]},
            timeout=60, check=True)
        lines = done.stdout.decode().split("\r\n")
        assert lines[0].startswith("+OK"), done
        return [line.split(" ", 1)[1] for line in lines[1:lines.index(".")]]


class ImportTest(harness.StackTest):
    counter = 0

    def setUp(self):
        ImportTest.counter += 1
        self.address = "import%d@example.org" % self.counter
        self.stack.create_account(self.address)
        self.dir = os.path.join(self.stack.dir, "old%d" % self.counter)
        os.mkdir(self.dir)
        os.chmod(self.stack.dir, 0o755)
        self.maildir = Maildir(self.dir)
        self.addCleanup(shutil.rmtree, self.dir, True)

    def run_import(self, kind, *options, check=True):
        return self.stack.ctl("import", "--from", kind, self.maildir.path, "--to", self.address,
                              *options, check=check)

    def uidls(self):
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            uidls = pop3.uidls()
            pop3.quit()
            return uidls

    def rows(self):
        return self.stack.ctl_json("messages", "list", self.address)["messages"]

    @unittest.skipUnless(os.path.exists(DOVECOT_POP3), "Debian's dovecot-pop3d isn't installed")
    def test_uidls_are_those_that_dovecot_gave(self):
        for uidl_format in ("%08Xu%08Xv", "%v.%u", "%f"):
            with self.subTest(uidl_format):
                self.setUp()
                self.maildir.fill(25)
                theirs = Dovecot(self.dir, uidl_format).uidls()
                self.assertEqual(len(set(theirs)), 25)
                out = self.run_import("dovecot", "--uidl-format", uidl_format)[1]
                self.assertEqual(out, "Imported 25 of 25 messages.\n")
                self.assertEqual(self.uidls(), theirs)

    @unittest.skipUnless(os.path.exists(DOVECOT_POP3), "Debian's dovecot-pop3d isn't installed")
    def test_uidls_that_dovecot_has_kept_from_elsewhere_are_kept_again(self):
        self.maildir.fill(3)
        Dovecot(self.dir).uidls()
        path = os.path.join(self.maildir.path, "dovecot-uidlist")
        with open(path) as file:
            lines = file.read().split("\n")
        lines[2] = lines[2].replace(" :", " Pfrom-elsewhere :")
        with open(path, "w") as file:
            file.write("\n".join(lines))
        os.unlink(os.path.join(self.maildir.path, "dovecot.index.log"))
        theirs = Dovecot(self.dir).uidls()
        self.assertIn("from-elsewhere", theirs)
        self.run_import("dovecot")
        self.assertEqual(sorted(self.uidls()), sorted(theirs))

    def test_uidls_are_those_that_courier_gave(self):
        self.maildir.fill(12)
        first = dict(old_servers.courier_mail(self.dir))
        self.assertEqual(len(first), 12)
        # Later some are gone and others have come, with names before theirs.
        for name in sorted(os.listdir(os.path.join(self.maildir.path, "cur")))[::5]:
            os.unlink(os.path.join(self.maildir.path, "cur", name))
        for i in range(3):
            self.maildir.write("new/%d.M%dP1.host" % (1500000000 + i, i),
                               b"Subject: new %d\n\n.\n" % i)
        theirs = dict(old_servers.courier_mail(self.dir))
        self.assertEqual((len(first.keys() & theirs.keys()), len(theirs)), (9, 12))
        out = self.run_import("courier")[1]
        self.assertEqual(out, "Imported 12 of 12 messages.\n")
        self.assertEqual(self.mail(Pop3(self.stack.pop3).log_in(self.address, "tulip")), theirs)

    def test_uidls_are_those_that_cyrus_gave(self):
        cyrus = old_servers.Cyrus(self.dir)
        self.addCleanup(cyrus.stop)
        for i in range(5):
            cyrus.deliver(b"Subject: %d\r\n\r\n.body %d\r\n" % (i, i))
        with cyrus.log_in() as pop3:
            pop3.ok("DELE 2")
            pop3.quit()
        cyrus.deliver(b"Subject: new\r\n\r\n.\r\n")
        theirs = self.mail(cyrus.log_in())
        self.assertEqual(len(theirs), 5)
        self.maildir.path, uidvalidity = cyrus.inbox()
        out = self.run_import("cyrus", "--uidvalidity", uidvalidity)[1]
        self.assertEqual(out, "Imported 5 of 5 messages.\n")
        self.assertEqual(self.mail(Pop3(self.stack.pop3).log_in(self.address, "tulip")), theirs)

    def mail(self, pop3):
        """Messages by UIDL; ends the session."""
        with pop3:
            uidls = pop3.uidls()
            messages = pop3.retr_all(len(uidls))
            pop3.quit()
            return dict(zip(uidls, messages, strict=True))

    def test_dates_flags_and_octets_are_kept(self):
        self.maildir.fill(3)
        self.run_import("maildir")
        rows = self.rows()
        self.assertEqual([row["internal_date"] for row in rows],
                         ["2017-07-14T02:40:00Z", "2017-07-14T02:40:01Z", "2017-07-14T02:40:02Z"])
        self.assertEqual([sorted(row["flags"]) for row in rows],
                         [[], ["\\Answered", "\\Seen"], ["\\Seen"]])
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            self.assertEqual(pop3.retr(2), b"Subject: 1\r\n\r\n.body 1\r\n")
            pop3.quit()

    def test_a_repetition_stores_nothing_twice(self):
        self.maildir.fill(4)
        self.maildir.write("courierpop3dsizelist", b"/2 9 17\n1600000001.M1P1.host 9 4:17\n")
        self.run_import("courier")
        before = self.rows()
        self.assertEqual(before[1]["uidl"], "UID4-17")
        out, err = self.run_import("courier")[1:]
        self.assertEqual(out, "Imported 0 of 4 messages, 4 were here already.\n")
        self.assertEqual(err, "")
        self.assertEqual(self.rows(), before)

    def test_duplicate_and_illegal_uidls_are_replaced_and_told(self):
        self.maildir.fill(3)
        self.maildir.write("courierpop3dsizelist",
                           b"/2 9 17\n1600000000.M0P1.host 9 4:17\n"
                           b"1600000001.M1P1.host 9 4:17\n1600000002.M2P1.host 9 5:17\n")
        out, err = self.run_import("courier")[1:]
        self.assertEqual(out, "Imported 3 of 3 messages, 1 with a new UIDL.\n")
        self.assertIn("1600000001.M1P1.host", err)
        self.assertIn("UID4-17 is illegal or another message's", err)
        uidls = self.uidls()
        self.assertEqual((uidls[0], uidls[2]), ("UID4-17", "UID5-17"))
        self.assertIn(uidls[1], err)

    def test_cyrus_spools_are_read_by_uid(self):
        spool = os.path.join(self.dir, "spool")
        os.mkdir(spool)
        self.maildir.path = spool
        for uid in (9, 10):
            self.maildir.write("%d." % uid, b"Subject: %d\r\n\r\n" % uid)
        code, _, err = self.run_import("cyrus", check=False)
        self.assertEqual(code, 2, err)
        self.run_import("cyrus", "--uidvalidity", "1234567")
        self.assertEqual(self.uidls(), ["1234567.9", "1234567.10"])

    def test_what_can_not_be_imported_is_named_and_the_rest_comes(self):
        self.maildir.fill(3)
        self.maildir.write("new/1600000009.big", b"x" * 2000)
        self.stack.ctl("accounts", "quota", self.address, "1000")
        code, out, err = self.run_import("maildir", check=False)
        self.assertEqual(code, 1)
        self.assertIn("1600000009.big: ", err)
        self.assertEqual(out, "Imported 3 of 4 messages.\n")
        code, _, err = self.stack.ctl("import", "--from", "maildir", self.maildir.path, "--to",
                                      "nobody@example.org", check=False)
        self.assertEqual(code, 1)
        self.assertIn("nobody@example.org", err)

    def test_a_large_message_comes_whole(self):
        octets = b"Subject: large\n\n" + b"x" * 70 + b"\n"
        octets += (b"y" * 75 + b"\n") * 30000
        self.maildir.write("new/1.large", octets)
        self.run_import("maildir")
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            self.assertEqual(pop3.retr(1), octets.replace(b"\n", b"\r\n"))
            pop3.quit()

    # Deleted mail ----------------------------------------------------------------

    def delete(self, *numbers):
        with Pop3(self.stack.pop3).log_in(self.address, "tulip") as pop3:
            for number in numbers:
                pop3.ok("DELE %d" % number)
            pop3.quit()

    def test_deleted_mail_is_listed_and_comes_back_with_its_uidl(self):
        self.maildir.fill(5)
        self.run_import("maildir")
        before = self.uidls()
        self.delete(1, 3, 4)
        deleted = self.stack.ctl_json("messages", "deleted", self.address)["messages"]
        self.assertEqual([row["uid"] for row in deleted], [1, 3, 4])
        self.assertEqual([row["uidl"] for row in deleted], [before[0], before[2], before[3]])

        out = self.stack.ctl("messages", "undelete", self.address, "3", "1")[1]
        self.assertIn("UID 3 is back as UID 7, UIDL " + before[2], out)
        self.assertEqual(self.uidls(), [before[1], before[4], before[0], before[2]])
        code, _, err = self.stack.ctl("messages", "undelete", self.address, "3", check=False)
        self.assertEqual(code, 1)
        self.assertIn("UID 3", err)

        out = self.stack.ctl("messages", "undelete", self.address, "--since", "1h")[1]
        self.assertIn("UID 4 is back as UID 8", out)
        self.assertEqual(self.rows()[-1]["internal_date"], "2017-07-14T02:40:03Z")
        out = self.stack.ctl("messages", "undelete", self.address, "--all")[1]
        self.assertEqual(out, "There is nothing to bring back.\n")
        self.assertEqual(self.stack.ctl_json("verify", "--bodies")["summary"]["errors"], 0)

    def test_what_policy_hides_is_listed_and_shown_again_with_its_uidl(self):
        self.maildir.fill(4)
        self.run_import("maildir")
        before = self.uidls()
        self.delete(1)
        self.stack.ctl("policy", "set", self.address, "--deletion", "hide")
        self.delete(1, 3)
        deleted = self.stack.ctl_json("messages", "deleted", self.address)["messages"]
        self.assertEqual([(row["uid"], row["how"]) for row in deleted],
                         [(1, "expunged"), (2, "hidden"), (4, "hidden")])
        table = self.stack.ctl("messages", "deleted", self.address, "--since", "1h")[1]
        self.assertEqual(table.count(" hidden "), 2, table)

        out = self.stack.ctl("messages", "undelete", self.address, "4")[1]
        self.assertIn("UID 4 is back as UID 5, UIDL " + before[3], out)
        self.assertEqual(self.uidls(), [before[2], before[3]])
        self.stack.ctl("messages", "undelete", self.address, "--all")
        self.assertEqual(sorted(self.uidls()), sorted(before))
        self.assertEqual(self.stack.ctl_json("verify", "--bodies")["summary"]["errors"], 0)

    def test_undelete_wants_one_of_uids_since_and_all(self):
        for options in ([], ["1", "--all"], ["--all", "--since", "1h"], ["--since", "whenever"]):
            code, _, err = self.stack.ctl("messages", "undelete", self.address, *options,
                                          check=False)
            self.assertEqual(code, 2, (options, err))


if __name__ == "__main__":
    unittest.main()
