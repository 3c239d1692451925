"""The configuration that is shipped with plugins, as tests run it: paths and names of an
installed system are replaced by those of the test, and nothing else."""

import os

import harness


def snippet(path, replaced):
    """The file at a path from the root of the tree; each key of `replaced` has to be in it."""
    with open(os.path.join(harness.SOURCE_DIR, path)) as file:
        text = file.read()
    for installed, tested in replaced.items():
        assert installed in text, "%s isn't in %s" % (installed, path)
        text = text.replace(installed, tested)
    return text


def assert_in_readme(test, folder):
    """The README of a folder of plugins/ shows each file of its examples/ as it is."""
    folder = os.path.join(harness.SOURCE_DIR, "plugins", folder)
    with open(os.path.join(folder, "README.md")) as file:
        readme = file.read()
    for name in sorted(os.listdir(os.path.join(folder, "examples"))):
        with open(os.path.join(folder, "examples", name)) as file:
            block = "examples/%s" % name, "```\n%s```\n" % file.read()
        for part in block:
            test.assertIn(part, readme)
