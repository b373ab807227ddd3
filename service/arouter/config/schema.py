"""The schema of `arouter.yaml`, with all defaults. `provider_schema.py` has that of providers and models.

Unknown fields are errors, because a misspelt option must not be ignored. `load.py` reads and validates the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from arouter.config.provider_schema import (
    MappedModel,
    ModelConfig,
    NonEmpty,
    ProviderConfig,
    ProviderId,
    Seconds,
    Timeouts,
)
from arouter.config.quirks import MembersConfig, QuirksConfig, ToolIdsConfig, ToolNamesConfig
from arouter.config.secret import Secret

Weight = Annotated[float, Meta(ge=0, le=1000)]
SpiffeId = Annotated[str, Meta(pattern="^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$")]


class BreakerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The circuit breaker of an endpoint.

    Attributes:
        failures: Consecutive failures that open the breaker.
        cooldown: Seconds until the endpoint is probed again; doubled after each failed probe.
        max_cooldown: Upper bound of the cooldown, in seconds.
    """

    failures: Annotated[int, Meta(ge=1)] = 3
    cooldown: Seconds = 1.0
    max_cooldown: Seconds = 60.0


class AutoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The candidates and the scoring of `"model": "auto"`.

    Attributes:
        models: Patterns of the candidate models, such as `anthropic/*`. None: all.
        quality: Weight of a match with the tier that the request needs. If it is less than the sum of the other two,
            price and speed can outweigh it.
        price: Weight of a low price.
        speed: Weight of a short observed time to the first token.
    """

    models: tuple[NonEmpty, ...] | None = None
    quality: Weight = 1.0
    price: Weight = 0.3
    speed: Weight = 0.1


class RoutingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How endpoints are selected.

    Attributes:
        default_provider: The provider of model names without a provider (docs.arouter.ai: model-routing).
        default_model: The model of requests that name none, if the account has no default either.
        max_attempts: Maximum number of provider calls per request.
        failover_window: Seconds after which a request is not retried at another endpoint.
        breaker: See `BreakerConfig`.
        auto: See `AutoConfig`.
    """

    default_provider: ProviderId = "openai"
    default_model: NonEmpty | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 6
    failover_window: Seconds = 300.0
    breaker: BreakerConfig = BreakerConfig()
    auto: AutoConfig = AutoConfig()


class TlsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """TLS of a listener. Paths of PEM files, which are reloaded when they change.

    Attributes:
        certificate: The server certificate, with intermediates.
        key: The private key of the certificate.
        client_ca: The CA that client certificates must be issued by. None: no client certificates.
    """

    certificate: NonEmpty
    key: NonEmpty
    client_ca: NonEmpty | None = None


class ServiceTlsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """TLS between the gateway and the service. Paths of PEM files, which are reloaded when they change.

    Attributes:
        ca: The CA that the service's certificate must be issued by.
        server_name: The name that the certificate must contain: a DNS name, an IP address or a SPIFFE id.
        certificate: The gateway's client certificate, with intermediates, if the service requires one.
        key: The private key of `certificate`.
    """

    ca: NonEmpty
    server_name: NonEmpty
    certificate: NonEmpty | None = None
    key: NonEmpty | None = None


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The service process.

    Attributes:
        tls: See `TlsConfig`. None: plain text.
        drain_delay: Seconds after SIGTERM during which new calls are still accepted, while the health check already
            reports NOT_SERVING.
        drain_grace: Seconds after that for calls in flight to finish.
        keep_alive: Seconds without an event after which a REST stream sends a comment, to keep proxies from closing it.
        max_provider_connections: Maximum open connections to providers, per worker. A single key or provider cannot use
            all of them.
        max_connections_per_provider: Maximum of these for one provider. None: three quarters of them.
        https_proxy: URL of an HTTP proxy for providers with https, by CONNECT. None: they are connected to directly.
        max_bytes_in_flight: Maximum total size of the requests of all calls in flight in bytes, per worker; requests
            over 1 MiB count twice. Calls beyond it are rejected. A single key may use half of it.
        max_connection_age: Seconds, with 10 % jitter, after which a client connection is closed gracefully: its calls
            may finish, new ones need a new connection.
    """

    tls: TlsConfig | None = None
    drain_delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    drain_grace: Seconds = 30.0
    keep_alive: Seconds = 15.0
    max_provider_connections: Annotated[int, Meta(ge=1)] = 4096
    max_connections_per_provider: Annotated[int, Meta(ge=1)] | None = None
    https_proxy: Secret | None = None
    max_bytes_in_flight: Annotated[int, Meta(ge=48 * 1024 * 1024)] = 128 * 1024 * 1024
    max_connection_age: Annotated[float, Meta(ge=1, le=86_400)] = 1800.0

    @property
    def longest_stop(self) -> float:
        """Maximum seconds from SIGTERM to the end of the last call."""
        return self.drain_delay + self.drain_grace


class CatalogueConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The model catalogue.

    Attributes:
        sync_interval: Seconds between two reads of a provider's model list.
    """

    sync_interval: Seconds = 600.0


class WorkloadConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A workload that authenticates with a client certificate in place of a key.

    Attributes:
        spiffe_id: The complete SPIFFE id of the certificate.
        account: The account that its calls belong to.
    """

    spiffe_id: SpiffeId
    account: NonEmpty


class AccountsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts and keys.

    Attributes:
        max_age: Seconds for which cached keys stay valid while the database is unreachable.
        workloads: See `WorkloadConfig`.
    """

    max_age: Seconds = 3600.0
    workloads: tuple[WorkloadConfig, ...] = ()


class UsageConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Storage of usage records.

    Attributes:
        queue: Maximum number of records queued while the database is unreachable; more are dropped and counted.
        max_journal_bytes: Maximum size of a process's journal, which preserves queued records if the process dies.
            Records beyond it are held in memory only.
        fsync: When the journal is flushed to disk: `never` leaves it to the operating system, `interval` flushes once a
            second. Only a crash of the machine, not of the process, makes a difference.
    """

    queue: Annotated[int, Meta(ge=1)] = 100_000
    max_journal_bytes: Annotated[int, Meta(ge=1_048_576)] = 268_435_456
    fsync: Literal["never", "interval"] = "never"


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Enforcement of the limits of keys.

    Attributes:
        when_down: Whether calls are accepted unchecked (`open`) or rejected (`closed`) while `AROUTER_REDIS_URL` is
            unreachable.
        timeout: Seconds for all its requests of one call.
    """

    when_down: Literal["open", "closed"] = "open"
    timeout: Seconds = 0.25


class CorsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Cross-origin requests from browsers (CORS).

    Attributes:
        allow_origins: Exact origins (`https://app.example.com`), origins with any port (`http://localhost:*`), or
            only `*` for any. None: with `arouter up`, pages from the same machine; otherwise no pages.
    """

    allow_origins: tuple[str, ...] | None = None


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The configurable part of `gateway/envoy.yaml`.

    Attributes:
        tls: See `TlsConfig`. None: plain text.
        service_tls: See `ServiceTlsConfig`. None: plain text.
        cors: See `CorsConfig`.
        max_connections: Maximum open client connections; more are rejected.
        idle_timeout: Seconds after which an idle client connection is closed.
    """

    tls: TlsConfig | None = None
    service_tls: ServiceTlsConfig | None = None
    cors: CorsConfig = CorsConfig()
    max_connections: Annotated[int, Meta(ge=1)] = 10_000
    idle_timeout: Seconds = 75.0


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `arouter.yaml`. All parts are optional."""

    providers: tuple[ProviderConfig, ...] = ()
    models: tuple[MappedModel, ...] = ()
    routing: RoutingConfig = RoutingConfig()
    timeouts: Timeouts = Timeouts()
    catalogue: CatalogueConfig = CatalogueConfig()
    accounts: AccountsConfig = AccountsConfig()
    usage: UsageConfig = UsageConfig()
    limits: LimitsConfig = LimitsConfig()
    server: ServerConfig = ServerConfig()
    gateway: GatewayConfig = GatewayConfig()

    @property
    def longest_call(self) -> float:
        """The largest total timeout of any provider, in seconds."""
        own = (row.timeouts.over(self.timeouts) for row in self.providers)
        return max(timeouts.total for timeouts in (self.timeouts, *own))


STRUCTS = (
    Config,
    ProviderConfig,
    QuirksConfig,
    MembersConfig,
    ToolIdsConfig,
    ToolNamesConfig,
    ModelConfig,
    MappedModel,
    RoutingConfig,
    BreakerConfig,
    AutoConfig,
    Timeouts,
    ServerConfig,
    TlsConfig,
    ServiceTlsConfig,
    CatalogueConfig,
    AccountsConfig,
    WorkloadConfig,
    UsageConfig,
    LimitsConfig,
    GatewayConfig,
    CorsConfig,
)
"""All structs of the schema."""
