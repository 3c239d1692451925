"""A disk that fills up, a real one: a tmpfs of this test's own, in a mount namespace of
its own. Mail is refused while the reserve is left, everything else goes on, and there is
mail again as soon as there is room, without a restart.
"""

import ctypes
import errno
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
from clients import Lmtp, Pop3

USER = "ada.ferri@example.org"
PASSWORD = "tulip"
MIB = 1 << 20
DISK = 96 * MIB
LETTER = b"Subject: a parcel\r\n\r\n" + b"It has arrived, and it is heavy.\r\n" * 15_000


def enter_own_mounts():
    """From here on mounts of this process are seen by it and its children only."""
    CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        raise unittest.SkipTest("no mount namespace of its own: %s; FullDisk of engine_test "
                                "has the same on a disk that is played"
                                % os.strerror(ctypes.get_errno()))
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid),
                           ("gid_map", "0 %d 1" % gid)):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class FullDiskTest(harness.StackTest):
    @classmethod
    def setUpClass(cls):
        enter_own_mounts()
        directory = tempfile.mkdtemp(prefix="restante-e2e-")
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        cls.disk = os.path.join(directory, "data")
        os.mkdir(cls.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % DISK, "none", cls.disk],
                       check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk])
        cls.stack = harness.Stack(directory, storage={
            "data_dir": os.path.join(cls.disk, "store"),
            "expunged_grace": "0s",
            "reclaim_interval": "100ms",
            "engine": {"write_buffer_octets": "4MiB"},
        }).start()
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.import_accounts([USER], PASSWORD)

    def deliver(self):
        """The reply to the recipient if it is refused, else that to the message."""
        with Lmtp(self.stack.lmtp) as lmtp:
            lmtp.lhlo()
            reply = lmtp.envelope([USER])[0]
            return reply if reply[0] != 250 else lmtp.data(LETTER)[0]

    def deliver_until_full(self):
        """How many were taken."""
        taken = 0
        while True:
            code, text = self.deliver()
            if code == 250:
                taken += 1
                continue
            self.assertEqual(code, 452, text)
            self.assertTrue(text.startswith("4.3.1 "), text)
            return taken

    def free(self):
        space = os.statvfs(self.disk)
        return space.f_bavail * space.f_frsize

    def delete(self, numbers):
        """The reply to QUIT."""
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(USER, PASSWORD)
            for number in numbers:
                pop3.ok("DELE %d" % number)
            return pop3.command("QUIT")

    def make_room(self):
        """As an operator does who has a larger disk."""
        subprocess.run(["mount", "-o", "remount,size=%d" % (2 * DISK), self.disk], check=True)

    def count(self):
        with Pop3(self.stack.pop3) as pop3:
            pop3.log_in(USER, PASSWORD)
            count = pop3.stat()[0]
            for number in {1, count} - {0}:
                self.assertEqual(pop3.retr(number), LETTER)
            pop3.quit()
        return count

    def test_a_full_disk_refuses_mail_serves_what_it_has_and_recovers(self):
        pid = self.stack.storage.pid
        taken = self.deliver_until_full()
        self.assertGreater(taken, 20)
        self.assertGreater(self.free(), DISK // 10 - 8 * MIB, "the reserve is left")
        self.assertEqual(self.count(), taken)

        # Deletions are durable in the reserve.
        self.assertTrue(self.delete([1]).startswith(b"+OK"))
        taken -= 1
        self.assertEqual(self.count(), taken)

        # Somebody else takes the reserve too.
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(MIB))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
        self.assertEqual(self.deliver()[0], 452)
        self.assertEqual(self.count(), taken)
        reply = self.delete([1])
        self.assertTrue(reply.startswith((b"+OK", b"-ERR [SYS/TEMP]")), reply)
        self.assertIn(self.count(), {taken - 1} if reply.startswith(b"+OK") else {
            taken, taken - 1}, "all or none")

        # Room again: all works again, by the same process.
        os.unlink(ballast)
        harness.eventually(
            lambda: self.delete(range(1, self.count() // 2)).startswith(b"+OK"), 30,
            "deletions again")
        self.make_room()
        _, took = harness.eventually(lambda: self.deliver()[0] == 250, 60, "mail again")
        print("mail is taken %.1f s after there was room" % took)
        self.assertEqual(self.stack.storage.pid, pid)
        self.assertTrue(self.stack.storage.running())
        self.stack.ctl("verify", "--bodies")


if __name__ == "__main__":
    harness.main()
