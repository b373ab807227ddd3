"""The audit log: which key or account was changed, how, when and with which management key.

Entries are written in the transaction of the change itself, and never changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Struct, structs

from arouter.accounts.paging import Page, bad_token, checked_size, page_of, place_in
from arouter.accounts.validators import is_account_id, is_key_hash
from arouter.errors import ARouterError, Failure, invalid_request

KEPT_DAYS = 400
"""Days for which entries are kept. Older ones are removed when the next one is written."""

MAX_REQUEST_ID = 128
"""Maximum characters of a request id; the rest is cut off. A direct gRPC call may send its own."""

Action = Literal["create", "update", "delete"]
Resource = Literal["key", "account"]

_ID = re.compile(r"(\d{1,18})-(\d{1,9})")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Actor(Struct, frozen=True):
    """The key or the command line that makes a change.

    Attributes:
        type: A management `key`, or the `cli`, which works on the database directly.
        account: The account that it manages; None for the operator.
        key_hash: The key's hash; None for the `cli`.
        label: The key's label; for the `cli` the user of the operating system.
        request_id: The id of the request, or empty.
    """

    type: Literal["key", "cli"]
    account: str | None = None
    key_hash: str | None = None
    label: str = ""
    request_id: str = ""


class AuditEvent(Struct, frozen=True):
    """One change.

    Attributes:
        revision: The revision of accounts and keys after the change; the changes of one transaction share it.
        position: The position among these, from 0.
        created_ms: When it was made, in milliseconds since the epoch.
        action: The kind of change.
        resource: What was changed: a key or an account.
        key_hash: The key's hash; None for an account.
        account: The account, or the key's; None for the operator's management key.
        actor: The key or the command line that made it.
        before: The previous values of the changed fields, as JSON values; None if it was created.
        after: Their new values; None if it was removed.
    """

    revision: int
    position: int
    created_ms: int
    action: Action
    resource: Resource
    key_hash: str | None
    account: str | None
    actor: Actor
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def id(self) -> str:
        """The entry's id: its revision and position."""
        return f"{self.revision}-{self.position}"


class AuditQuery(NamedTuple):
    """Which entries are listed; None for no restriction.

    Attributes:
        account: Only entries of this account.
        key_hash: Only entries of this key.
        since_ms: Only entries from this time on.
        until_ms: Only entries before this time.
        before: Revision and position of the last entry of the previous page.
        at_most: Maximum number of entries.
    """

    account: str | None
    key_hash: str | None
    since_ms: int | None
    until_ms: int | None
    before: tuple[int, int] | None
    at_most: int


class AuditRepository(Protocol):
    """The store of the entries."""

    async def list_events(self, query: AuditQuery) -> Sequence[AuditEvent]:
        """Returns entries, newest first.

        Raises:
            StoreError: The store cannot be read.
        """


class AuditLog:
    """Shows the entries that the caller may see: those of its account, or all for the operator (None)."""

    def __init__(self, store: AuditRepository) -> None:
        self._store = store

    async def list_events(
        self,
        by: str | None,
        *,
        account: str = "",
        key_hash: str = "",
        start_time: str = "",
        end_time: str = "",
        page_size: int = 0,
        page_token: str = "",
    ) -> Page[AuditEvent]:
        """Returns entries, newest first. Empty arguments restrict nothing.

        Accounts see that the operator made a change, but not with which key.

        Args:
            by: The caller's account.
            account: Only entries of this account, which may have been removed.
            key_hash: Only entries of this key, which may have been removed.
            start_time: Only entries from this moment on, as in RFC 3339.
            end_time: Only entries before this moment.
            page_size: As in `checked_size`.
            page_token: The `next_token` of the previous page.

        Raises:
            ARouterError: INVALID_REQUEST; NOT_FOUND, the account is not the caller's. StoreError.
        """
        size = checked_size(page_size)
        if account and (by not in (None, account) or not is_account_id(account)):
            raise ARouterError(Failure.NOT_FOUND, "There is no such account.", param="account")
        if key_hash and not is_key_hash(key_hash):
            raise invalid_request(
                "Invalid value for 'key_hash': expected a key's hash, 64 hexadecimal digits.", "key_hash"
            )
        asked = ("audit", account or by, key_hash, start_time, end_time)
        query = AuditQuery(
            account or by,
            key_hash or None,
            _milliseconds(start_time, "start_time"),
            _milliseconds(end_time, "end_time"),
            _place(place_in(page_token, asked)),
            size + 1,
        )
        page = page_of(await self._store.list_events(query), size, lambda event: event.id, asked)
        return page if by is None else Page([_for_account(event) for event in page.items], page.next_token)


def _for_account(event: AuditEvent) -> AuditEvent:
    if event.actor.account is not None:
        return event
    return structs.replace(event, actor=structs.replace(event.actor, key_hash=None, label="", request_id=""))


def _milliseconds(text: str, field: str) -> int | None:
    if not text:
        return None
    try:
        moment: datetime = msgspec.convert(text, _Moment)
    except msgspec.ValidationError:
        raise invalid_request(
            f"Invalid value for '{field}': expected a time as in RFC 3339, such as 2027-01-31T12:00:00Z.", field
        ) from None
    return round(moment.timestamp() * 1000)


def _place(place: str) -> tuple[int, int] | None:
    if not place:
        return None
    found = _ID.fullmatch(place)
    if found is None:
        raise bad_token()
    return int(found[1]), int(found[2])
