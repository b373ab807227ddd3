"""What the protos call required is so: by the comments, by the option, and by the service, in each request."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc_tools
import pytest
from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from grpc import StatusCode
from grpc_tools import protoc

from arouter.server.grpc_server import SERVICES
from support.stack import Stack
from support.typed import TIMEOUT, refusal

PROTOS = Path(__file__).parents[2] / "protos"


class Place(NamedTuple):
    """A required field or oneof, and how a request gets there.

    Attributes:
        method: `/package.Service/Method`.
        way: The fields that lead to its message.
        what: The field or oneof.
    """

    method: str
    way: tuple[FieldDescriptor, ...]
    what: FieldDescriptor | OneofDescriptor

    def __str__(self) -> str:
        return ".".join((self.method.rpartition("/")[2], *(field.name for field in self.way), self.what.name))


def is_required(field: FieldDescriptor) -> bool:
    return REQUIRED in field.GetOptions().Extensions[field_behavior]


def commented(tmp_path: Path) -> Mapping[str, str]:
    """Returns the comments of all fields and oneofs of our messages, by full name."""
    out = tmp_path / "set"
    google = Path(grpc_tools.__file__).with_name("_proto")
    includes = [f"-I{each}" for each in (PROTOS, sysconfig.get_path("purelib"), google)]
    files = sorted(map(str, PROTOS.glob("arouter/v1/*.proto")))
    assert protoc.main(["protoc", *includes, "--include_source_info", f"--descriptor_set_out={out}", *files]) == 0
    found = {}
    for file in FileDescriptorSet.FromString(out.read_bytes()).file:
        for location in file.source_code_info.location:
            match list(location.path):  # the numbers of fields in descriptors
                case [4, message, 2, field]:
                    of = file.message_type[message]
                    found[f"{file.package}.{of.name}.{of.field[field].name}"] = location.leading_comments
                case [4, message, 8, oneof]:
                    of = file.message_type[message]
                    found[f"{file.package}.{of.name}.{of.oneof_decl[oneof].name}"] = location.leading_comments
    return found


def test_comment_and_option_agree(tmp_path: Path) -> None:
    comments = commented(tmp_path)
    said = {name for name, comment in comments.items() if comment.strip().startswith("Required. ")}

    pool = descriptor_pool.Default()
    marked = set()
    for name in comments:
        of = pool.FindMessageTypeByName(name.rpartition(".")[0])
        what = name.rpartition(".")[2]
        if what in of.oneofs_by_name:
            members = [is_required(field) for field in of.oneofs_by_name[what].fields]
            assert len(set(members)) == 1, name
            marked |= {name} if members[0] and not what.startswith("_") else set()
        elif is_required(of.fields_by_name[what]) and of.fields_by_name[what].containing_oneof is None:
            marked.add(name)
    assert said == marked
    assert len(said) > 40


def requests() -> Iterator[tuple[str, Descriptor]]:
    pool = descriptor_pool.Default()
    for name in SERVICES:
        service = pool.FindServiceByName(name)
        yield from ((f"/{service.full_name}/{method.name}", method.input_type) for method in service.methods)


def places(method: str, of: Descriptor, way: tuple[FieldDescriptor, ...] = ()) -> Iterator[Place]:
    for field in of.fields:
        if is_required(field) and field.containing_oneof is None:
            yield Place(method, way, field)
    for oneof in of.oneofs:
        if all(map(is_required, oneof.fields)):
            yield Place(method, way, oneof)
    if "update_mask" in of.fields_by_name:
        return
    for field in of.fields:
        if field.message_type is not None and field.message_type.file.package == "arouter.v1":
            yield from places(method, field.message_type, (*way, field))


def fill(message: Any, without: FieldDescriptor | OneofDescriptor | None) -> None:
    """Sets all that is required in a message but one thing."""
    for field in message.DESCRIPTOR.fields:
        if is_required(field) and field.containing_oneof is None and field is not without:
            set_field(message, field)
    for oneof in message.DESCRIPTOR.oneofs:
        if all(map(is_required, oneof.fields)) and oneof is not without and message.WhichOneof(oneof.name) is None:
            set_field(message, oneof.fields[0])


def set_field(message: Any, field: FieldDescriptor) -> Any:
    """Sets a field to something, and returns the message that it is, if it is one."""
    value = getattr(message, field.name)
    if field.message_type is not None:
        inner = value.add() if field.is_repeated else value
        inner.SetInParent()
        fill(inner, None)
        return inner
    word: Any = 1 if field.enum_type is not None else "x"
    if field.is_repeated:
        value.append(word)
    else:
        setattr(message, field.name, word)
    return None


def lacking(place: Place, of: Descriptor) -> tuple[Message, str]:
    """Returns a request that lacks one thing, and how that is called."""
    request = message_factory.GetMessageClass(of)()
    message: Any = request
    path = []
    for depth, field in enumerate(place.way):
        fill(message, field)
        message = set_field_empty(message, field)
        is_request = depth == 0 and is_required(field) and not field.is_repeated
        path += [] if is_request else [f"{field.name}[0]" if field.is_repeated else field.name]
    fill(message, place.what)
    name = place.what.name
    if isinstance(place.what, FieldDescriptor):
        path.append(name)
        if place.what.message_type is not None and not place.what.is_repeated:
            path += first_in(place.what, is_request=not place.way, path=path)
    elif name.endswith("_form"):
        path.append(name.removesuffix("_form"))
    return request, ".".join(path)


def set_field_empty(message: Any, field: FieldDescriptor) -> Any:
    message.ClearField(field.name)
    value = getattr(message, field.name)
    inner = value.add() if field.is_repeated else value
    inner.SetInParent()
    return inner


def first_in(field: FieldDescriptor, *, is_request: bool, path: list[str]) -> list[str]:
    """Returns how a message that is missing is called: by the first of its own required fields."""
    assert field.message_type is not None
    own = [each for each in field.message_type.fields if is_required(each) and each.containing_oneof is None]
    if not own:
        return []
    if is_request:
        path.clear()
    return [own[0].name]


PLACES = [place for method, of in requests() for place in places(method, of)]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_what_is_required_is_refused_empty(stack: Stack, place: Place) -> None:
    of = dict(requests())[place.method]
    request, path = lacking(place, of)
    manages = any(name in place.method for name in ("Account", "Audit", "KeyService"))
    key = stack.management_key if manages else stack.key

    with stack.channel() as channel:
        call = channel.unary_stream(place.method, type(request).SerializeToString, bytes)
        answer = call(request, metadata=(("authorization", f"Bearer {key}"),), timeout=TIMEOUT)
        with pytest.raises(grpc.RpcError) as caught:
            list(answer)

    error = refusal(caught.value)
    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert error.info["param"] == path
    assert f"'{path}'" in caught.value.details()
