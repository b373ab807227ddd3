"""Changes that break clients of the last release fail in `make lint` or in these tests; compatible changes pass."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from arouter_gateway.contract import Contract
from openapi.descriptors import PACKAGE, read_api
from support.docs import ROOT
from support.protos import compile_protos

Change = tuple[str, str, str]
"""A file, a pattern in it and what replaces it."""

PROTOS = Path("arouter/v1")
RELEASED = ROOT / "protos/released.binpb"
CURRENT = ROOT / "gateway/arouter_gateway/arouter.binpb"
REMOVED_FIELD: Change = ("provider_service", r"\n  // Display name[^\n]*\n  string name = 2;\n", "")
BREAKING: dict[str, Change] = {
    "FIELD_NO_DELETE": ("audit_service", r"  string action = (\d+);", r'  reserved \1; reserved "action";'),
    "FIELD_SAME_NAME": ("provider_service", r"string name = 2;", "string title = 2;"),
    "FIELD_SAME_TYPE": ("model", r"string id = 1", "bytes id = 1"),
    "FIELD_SAME_CARDINALITY": ("provider_service", r"string id = 1;", "repeated string id = 1;"),
    "ENUM_VALUE_NO_DELETE": ("key", r"  KEY_TYPE_MANAGEMENT = 2;", "  KEY_TYPE_MANAGEMENT = 3;"),
    "RPC_NO_DELETE": ("provider_service", r"  rpc ListProviders\(.*?\n  }\n", ""),
    "RPC_SAME_SERVER_STREAMING": ("usage_service", r"returns \(", "returns (stream "),
    "FILE_SAME_JAVA_PACKAGE": ("route", r"package arouter.v1;\n", r'\g<0>option java_package = "a";\n'),
}
"""A change for each rule that refuses it. All these rules belong to the category FILE."""

COMPATIBLE: list[Change] = [
    ("provider_service", r"string name = 2;", "string name = 2 [deprecated = true];\n  // New.\n  string new = 9000;"),
    ("provider_service", r"(service \w+ {)", r"\1\n  // New.\n  rpc New(NewRequest) returns (NewResponse);\n"),
    ("provider_service", r"$", "\n// New.\nmessage NewRequest {}\n\n// New.\nmessage NewResponse {}\n"),
    ("key", r"(KEY_TYPE_MANAGEMENT = 2;)", r"\1\n\n  // New.\n  KEY_TYPE_NEW = 9000;"),
    ("key", r"// Manages keys", "// Works with keys"),
]


def changed(folder: Path, *changes: Change) -> Path:
    """Returns the folder, into which the protos were copied, with changes."""
    shutil.copytree(ROOT / "protos" / PROTOS, folder / PROTOS)
    for file, pattern, replacement in changes:
        path = folder / PROTOS / f"{file}.proto"
        text, replaced = re.subn(pattern, replacement, path.read_text("utf-8"), count=1, flags=re.DOTALL)
        assert replaced == 1
        path.write_text(text, "utf-8")
    return folder


def lint(protos: Path) -> subprocess.CompletedProcess[str]:
    """Runs that part of `make lint` which reads the protos."""
    variables = [f"PROTO_ROOT={protos}", f"LINTED={protos / 'lint.binpb'}"]
    command = ["make", "--silent", "--old-file=.venv/.dev", "lint-protos", *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def violations(protos: Path) -> set[str]:
    """Returns the names of the rules of `buf breaking` that changed protos violate."""
    compiled = protos / "changed.binpb"
    compile_protos(protos, compiled)
    buf = [str(Path(sys.executable).with_name("buf")), "breaking", str(compiled), "--against", str(RELEASED)]
    options = ["--config", str(ROOT / "protos/buf.yaml"), "--error-format", "json"]
    done = subprocess.run([*buf, *options], capture_output=True, text=True, timeout=60, check=False)
    return {json.loads(line)["type"] for line in done.stdout.splitlines()}


def test_a_removed_field_does_not_pass_lint(tmp_path: Path) -> None:
    done = lint(changed(tmp_path, REMOVED_FIELD))

    assert done.returncode != 0
    assert 'Previously present field "2" with name "name" on message "Provider" was deleted.' in done.stdout


def test_what_only_adds_passes_lint(tmp_path: Path) -> None:
    done = lint(changed(tmp_path, *COMPATIBLE))

    assert (done.returncode, done.stdout) == (0, "")


def test_each_kind_of_breaking_change_is_refused(tmp_path: Path) -> None:
    assert violations(changed(tmp_path, *BREAKING.values())) >= BREAKING.keys()


def api(path: Path) -> list[FileDescriptorProto]:
    """Returns the files of the API, without their comments."""
    files = [file for file in FileDescriptorSet.FromString(path.read_bytes()).file if file.package == PACKAGE]
    for file in files:
        file.ClearField("source_code_info")
    return sorted(files, key=lambda file: file.name)


def routes(path: Path) -> set[tuple[str, str, str, str]]:
    """Returns the HTTP routes of the API, each with its method, path, body and RPC."""
    return {(rule.method, rule.template, rule.body, rule.rpc) for rule in Contract(path.read_bytes()).rules}


def fields(path: Path) -> dict[str, bool]:
    """Returns the fields of the API's messages, and whether a request must have them."""
    return {
        f"{name}.{field.name}": field.required
        for name, message in read_api(path.read_bytes()).messages.items()
        if name.startswith(f"{PACKAGE}.")
        for field in message.fields.values()
    }


def test_every_route_of_the_last_release_exists() -> None:
    """`buf` does not read this option."""
    assert len(routes(RELEASED)) > 30
    assert routes(RELEASED) - routes(CURRENT) == set()


def test_no_field_of_the_last_release_became_required() -> None:
    """`buf` does not read this option."""
    released, current = fields(RELEASED), fields(CURRENT)
    assert sum(released.values()) > 30
    assert [name for name in released if current.get(name) and not released[name]] == []


def test_a_release_renews_what_is_compared() -> None:
    """The changelog's newest heading is a version only in the commit of a release."""
    [newest, *_] = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert newest == "Unreleased" or api(RELEASED) == api(CURRENT), "run `make release-protos`"
