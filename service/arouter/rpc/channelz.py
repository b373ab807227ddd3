"""Serves `grpc.channelz.v1.Channelz`: what gRPC knows about this process's servers and their connections."""

from __future__ import annotations

from grpc import aio
from grpc_channelz.v1 import channelz_pb2
from grpc_channelz.v1.channelz import add_channelz_servicer
from grpc_reflection.v1alpha import reflection

_NAME = channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].full_name


def channelz_server() -> aio.Server:
    """Returns a separate server, which channelz itself does not list. It has no port yet, and requires no key."""
    server = aio.server(options=[("grpc.enable_channelz", 0)])
    add_channelz_servicer(server)
    reflection.enable_server_reflection((_NAME, reflection.SERVICE_NAME), server)
    return server
