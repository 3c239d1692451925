"""./dev stop: ends a run, and returns when it has ended."""

import argparse
import os
import signal
import sys

from rundir import DEFAULT_DIR, RunDir, RunDirError

# Longer than a run takes at most to stop its programs.
PATIENCE_SECONDS = 120


def main():
    parser = argparse.ArgumentParser(prog="./dev stop")
    parser.add_argument("--dir", default=DEFAULT_DIR)
    directory = RunDir(parser.parse_args().dir)
    try:
        owner = directory.running()
        if owner is None:
            print(f"nothing runs in {directory.path}")
            return 0
        os.kill(owner, signal.SIGTERM)
        if directory.wait_until_free(PATIENCE_SECONDS):
            print(f"stopped {directory.path}")
            return 0
        print(f"./dev stop: process {owner} doesn't stop; see {directory.log}", file=sys.stderr)
    except ProcessLookupError:
        print(f"stopped {directory.path}")
        return 0
    except (PermissionError, RunDirError) as error:
        print(f"./dev stop: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
