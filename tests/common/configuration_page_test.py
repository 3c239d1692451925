"""docs/configuration.md has every key of every program, with the default that is in
effect, and no key that a program doesn't know.

Keys come from the schemas (by protoc), defaults from --print-config of the programs in
$RESTANTE_BIN.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "configuration.md"
PROGRAMS = {
    "restante-storage": ("storage-service/config.proto", "StorageConfig"),
    "restante-pop3d": ("pop3d/config.proto", "Pop3dConfig"),
    "restante-lmtpd": ("plugins/lmtpd/config.proto", "LmtpdConfig"),
    "restante-deliver": ("plugins/deliver/config.proto", "DeliverConfig"),
    "restante-authd": ("plugins/auth/config.proto", "AuthdConfig"),
    "restante-mta-lookup": ("plugins/postfix/config.proto", "MtaLookupConfig"),
}
FIELD = descriptor_pb2.FieldDescriptorProto
DURATION = ".google.protobuf.Duration"


def schema_keys(schema, root):
    """All keys of a schema, sections included as their keys: "log.level"."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", "-I", ROOT, "--include_imports", f"--descriptor_set_out={out.name}",
             ROOT / schema],
            check=True,
        )  # fmt: skip
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    types = {f".{file.package}.{m.name}": m for file in files.file for m in file.message_type}

    def keys(type_name, prefix):
        for field in types[type_name].field:
            section = field.type == FIELD.TYPE_MESSAGE and field.type_name != DURATION
            if section and field.label != FIELD.LABEL_REPEATED:
                yield from keys(field.type_name, f"{prefix}{field.name}.")
            else:
                yield prefix + field.name

    return list(keys(f".restante.config.{root}", ""))


def defaults(program):
    """What --print-config prints, by full key; a list as "[a, b]"."""
    printed = subprocess.run(
        [pathlib.Path(os.environ["RESTANTE_BIN"], program), "--print-config"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    values = {}
    path = []
    for line in printed.stdout.splitlines():
        indent, text = re.match(r"( *)(.*)", line).groups()
        if text.startswith("- "):
            values.setdefault(".".join(path), []).append(text[2:].strip('"'))
            continue
        del path[len(indent) // 2 :]
        key, _, value = text.partition(":")
        path.append(key)
        if value.strip():
            values[".".join(path)] = value.strip()
    return {k: f"[{', '.join(v)}]" if isinstance(v, list) else v for k, v in values.items()}


def page_rows(program):
    """The rows of a program's table: key to default, as they are written."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    section = next(s for s in sections if s.startswith(f"{program}\n"))
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| `([^`]*)` \| \S", section, flags=re.MULTILINE)
    return rows


def spelled_alike(documented, printed):
    """60s is what a person writes and 1m what is printed; a text may go unquoted."""
    seconds = {"1m": "60s"}
    return documented == seconds.get(printed, printed) or (
        documented and documented == printed.strip('"')
    )


class ConfigurationPageTest(unittest.TestCase):
    def test_each_key_of_a_schema_is_on_the_page_once_and_no_other(self):
        for program, (schema, root) in PROGRAMS.items():
            with self.subTest(program):
                documented = [key for key, _ in page_rows(program)]
                self.assertEqual(sorted(documented), sorted(schema_keys(schema, root)))

    def test_each_default_on_the_page_is_the_one_in_effect(self):
        for program in PROGRAMS:
            in_effect = defaults(program)
            for key, documented in page_rows(program):
                with self.subTest(f"{program} {key}"):
                    self.assertIn(key, in_effect)
                    self.assertTrue(
                        spelled_alike(documented, in_effect[key]),
                        f"documented {documented}, in effect {in_effect[key]}",
                    )


if __name__ == "__main__":
    unittest.main(verbosity=2)
