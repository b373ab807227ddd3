"""Writes `docs/reference/` from the protos: `make docs`.

A page per file, in Markdown, so that it is read where the repository is. Published generators leave out what a client
needs: sabledocs, the one that is still developed, has neither `stream`, `deprecated`, required fields nor HTTP routes.
"""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from support.docs import ROOT
from support.protos import compile_protos

FOLDER = ROOT / "docs" / "reference"
PACKAGE = "arouter.v1"

_GENERATED = "<!-- Generated from {} by `make docs`. -->"
_LINTER = re.compile(r"^buf:lint:.*\n?", re.MULTILINE)

# Numbers of fields in descriptor.proto, of which the path to a comment consists.
_MESSAGE, _ENUM, _SERVICE, _SYNTAX = 4, 5, 6, 12
_FIELD, _NESTED, _NESTED_ENUM, _METHOD, _VALUE = 2, 3, 4, 2, 2

_Path = tuple[int, ...]


def main() -> None:
    """Brings the pages up to date, and removes those of files that are gone."""
    pages = rendered()
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.md")) - {FOLDER / name for name in pages}:
        path.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, "utf-8")


def rendered() -> dict[str, str]:
    """Returns the text of each page by its file name."""
    files = sorted((file for file in _compiled().file if file.package == PACKAGE), key=_stem)
    homes = {
        f".{PACKAGE}.{name}": f"{_stem(file)}.md#{_anchor(name)}"
        for file in files
        for name in (*(name for name, *_ in _messages(file)), *(name for name, *_ in _enums(file)))
    }
    return {"README.md": _index(files), **{f"{_stem(file)}.md": _Page(file, homes).render() for file in files}}


def _compiled() -> FileDescriptorSet:
    with tempfile.NamedTemporaryFile() as out:
        compile_protos(ROOT / "protos", Path(out.name))
        return FileDescriptorSet.FromString(Path(out.name).read_bytes())


def _index(files: Iterable[FileDescriptorProto]) -> str:
    lines = [
        _GENERATED.format("protos/arouter/v1/"),
        f"# Reference of `{PACKAGE}`",
        "The services with their RPCs, and the files that define their messages. [gRPC API](../grpc.md) is the way in, "
        "[Versioning and deprecation](../versioning.md) says what may change.",
    ]
    rows = ["| service | RPCs |", "|---|---|"]
    for file in files:
        for service in file.service:
            page = f"{_stem(file)}.md"
            rpcs = ", ".join(f"[{rpc.name}]({page}#{_anchor(_heading(service, rpc))})" for rpc in service.method)
            rows.append(f"| [`{service.name}`]({page}#{_anchor(service.name)}) | {rpcs} |")
    lines.append("\n".join(rows))
    lines.append("\n".join(["| file | |", "|---|---|", *(_about(file) for file in files)]))
    return "\n\n".join(lines) + "\n"


def _about(file: FileDescriptorProto) -> str:
    return f"| [{_stem(file)}.proto]({_stem(file)}.md) | {_Comments(file)[(_SYNTAX,)].partition(chr(10) * 2)[0]} |"


class _Comments:
    """The comments of a file by the path of what they are about; empty where there is none."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._texts = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}

    def __getitem__(self, path: _Path) -> str:
        return _LINTER.sub("", textwrap.dedent(self._texts.get(path, ""))).strip()


class _Page:
    """The page of a file. `homes` has the link to each message and enum by its full name."""

    def __init__(self, file: FileDescriptorProto, homes: dict[str, str]) -> None:
        self._file = file
        self._homes = homes
        self._comments = _Comments(file)

    def render(self) -> str:
        parts = [
            _GENERATED.format(f"protos/{self._file.name}"),
            f"# {_stem(self._file)}.proto",
            self._comments[(_SYNTAX,)],
            f"Part of [`{PACKAGE}`](README.md).",
        ]
        for position, service in enumerate(self._file.service):
            parts += self._service((_SERVICE, position), service)
        for name, path, message in _messages(self._file):
            parts += [f"## {name}", self._comments[path], self._fields(path, message)]
        for name, path, enum in _enums(self._file):
            parts += [f"## {name}", self._comments[path], self._values(path, enum)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _service(self, path: _Path, service: ServiceDescriptorProto) -> Iterator[str]:
        yield f"## {service.name}"
        yield self._comments[path]
        for position, rpc in enumerate(service.method):
            yield f"### {_heading(service, rpc)}"
            takes = f"{'stream of ' * rpc.client_streaming}{self._link(rpc.input_type)}"
            returns = f"{'stream of ' * rpc.server_streaming}{self._link(rpc.output_type)}"
            yield f"{takes} → {returns}{_deprecated(rpc)}"
            yield "\n".join(f"- `{route}`" for route in _routes(rpc))
            yield self._comments[*path, _METHOD, position]

    def _fields(self, path: _Path, message: DescriptorProto) -> str:
        maps = {
            f".{PACKAGE}.{message.name}.{each.name}": each for each in message.nested_type if each.options.map_entry
        }
        items = []
        for position, field in enumerate(message.field):
            about = [f"`{field.name}` = {field.number}", self._type(field, maps)]
            if field.HasField("oneof_index") and not field.proto3_optional:
                about.append(f"one of `{message.oneof_decl[field.oneof_index].name}`")
            if field_behavior_pb2.REQUIRED in field.options.Extensions[field_behavior_pb2.field_behavior]:
                about.append("required")
            comment = self._comments[*path, _FIELD, position]
            items.append(_item(", ".join(about) + _deprecated(field), comment))
        return "\n".join(items)

    def _values(self, path: _Path, enum: EnumDescriptorProto) -> str:
        return "\n".join(
            _item(f"`{value.name}` = {value.number}{_deprecated(value)}", self._comments[*path, _VALUE, position])
            for position, value in enumerate(enum.value)
        )

    def _type(self, field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
        if entry := maps.get(field.type_name):
            key, value = (self._type(each, {}) for each in entry.field)
            return f"map from {key} to {value}"
        repeated = "repeated " * (field.label == FieldDescriptorProto.LABEL_REPEATED)
        optional = "optional " * field.proto3_optional
        name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
        return f"{repeated}{optional}{self._link(field.type_name) if field.type_name else name}"

    def _link(self, full_name: str) -> str:
        if home := self._homes.get(full_name):
            return f"[{full_name.removeprefix(f'.{PACKAGE}.')}]({home.removeprefix(f'{_stem(self._file)}.md')})"
        return f"`{full_name.removeprefix('.')}`"


def _messages(file: FileDescriptorProto) -> Iterator[tuple[str, _Path, DescriptorProto]]:
    """Yields each message, nested ones too, with its name within the package and its path."""

    def within(
        prefix: str, path: _Path, messages: Iterable[DescriptorProto]
    ) -> Iterator[tuple[str, _Path, DescriptorProto]]:
        for position, message in enumerate(messages):
            if not message.options.map_entry:
                yield prefix + message.name, (*path, position), message
                yield from within(f"{prefix}{message.name}.", (*path, position, _NESTED), message.nested_type)

    return within("", (_MESSAGE,), file.message_type)


def _enums(file: FileDescriptorProto) -> Iterator[tuple[str, _Path, EnumDescriptorProto]]:
    """Yields each enum, as `_messages`."""
    for position, enum in enumerate(file.enum_type):
        yield enum.name, (_ENUM, position), enum
    for name, path, message in _messages(file):
        for position, enum in enumerate(message.enum_type):
            yield f"{name}.{enum.name}", (*path, _NESTED_ENUM, position), enum


def _routes(rpc: MethodDescriptorProto) -> Iterator[str]:
    if rpc.options.HasExtension(annotations_pb2.http):
        rule = rpc.options.Extensions[annotations_pb2.http]
        for each in (rule, *rule.additional_bindings):
            kind = each.WhichOneof("pattern")
            if kind is not None and kind != "custom":
                yield f"{kind.upper()} {getattr(each, kind)}"


def _item(head: str, comment: str) -> str:
    return f"- {head}  \n{textwrap.indent(comment, '  ')}" if comment else f"- {head}"


def _deprecated(described: Any) -> str:
    return ", **deprecated**" if described.options.deprecated else ""


def _heading(service: ServiceDescriptorProto, rpc: MethodDescriptorProto) -> str:
    return f"{service.name}.{rpc.name}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lower())


def _stem(file: FileDescriptorProto) -> str:
    return Path(file.name).stem


if __name__ == "__main__":
    main()
