"""Implements `arouter.v1.AuditService`."""

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from typing_extensions import override

from arouter.accounts.audit import Actor, AuditEvent, AuditLog
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.v1 import audit_service_pb2 as pb
from arouter.v1.audit_service_pb2_grpc import AuditServiceServicer


class AuditService(AuditServiceServicer):
    """Lists the audit log within the permissions of the calling key."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, context: Context) -> pb.ListAuditEventsResponse:
        page = await self._log.list_events(
            caller.get().key.account,
            account=request.account,
            key_hash=request.key_hash,
            start_time=request.start_time,
            end_time=request.end_time,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListAuditEventsResponse(data=map(_event, page.items), next_page_token=page.next_token)


def _event(event: AuditEvent) -> pb.AuditEvent:
    return pb.AuditEvent(
        id=event.id,
        created_at=Timestamp(seconds=event.created_ms // 1000, nanos=event.created_ms % 1000 * 1_000_000),
        action=event.action,
        resource=event.resource,
        key_hash=event.key_hash,
        account=event.account,
        actor=_actor(event.actor),
        before=_struct(event.before),
        after=_struct(event.after),
    )


def _actor(actor: Actor) -> pb.AuditActor:
    return pb.AuditActor(
        type=actor.type,
        key_hash=actor.key_hash,
        label=actor.label or None,
        account=actor.account,
        request_id=actor.request_id or None,
    )


def _struct(values: dict[str, Any] | None) -> Struct | None:
    if values is None:
        return None
    struct = Struct()
    struct.update(values)
    return struct
