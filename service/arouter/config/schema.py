"""The shape of `arouter.yaml`, with every default.

Unknown fields are errors: a misspelt option must not be ignored. `load.py` reads and checks the file.
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

Weight = Annotated[float, Meta(ge=0, le=1000)]
SpiffeId = Annotated[str, Meta(pattern="^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$")]


class BreakerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When a provider's model is left alone.

    Attributes:
        failures: In a row, after which it is.
        cooldown: Seconds until it is tried again; doubled each time that fails.
        max_cooldown: Seconds that this grows to.
    """

    failures: Annotated[int, Meta(ge=1)] = 3
    cooldown: Seconds = 1.0
    max_cooldown: Seconds = 60.0


class AutoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What `"model": "auto"` chooses from, and by what.

    Attributes:
        models: Patterns of the models that it may choose: `anthropic/*`. None for all.
        quality: Weight of the tier that a request needs. With less than the other two together, price or speed may
            outweigh it.
        price: Weight of a low price.
        speed: Weight of a short time to the first token, as observed.
    """

    models: tuple[NonEmpty, ...] | None = None
    quality: Weight = 1.0
    price: Weight = 0.3
    speed: Weight = 0.1


class RoutingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How providers are chosen.

    Attributes:
        default_provider: Whose model one without a provider is (docs.arouter.ai: model-routing).
        default_model: Of requests that name none and whose account has none.
        max_attempts: How many provider calls one request may take.
        failover_window: Seconds after which a request is not tried with another provider.
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
    """How a listener shows who it is. Paths of PEM files, which are read again when they change.

    Attributes:
        certificate: Its certificate, with those between it and the root.
        key: The certificate's private key.
        client_ca: Whose certificates clients must show. None wants none of them.
    """

    certificate: NonEmpty
    key: NonEmpty
    client_ca: NonEmpty | None = None


class ServiceTlsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the gateway calls a service that has TLS. Paths of PEM files, which are read again when they change.

    Attributes:
        ca: Whose certificates are believed.
        server_name: What the service's certificate must be for: a DNS name, an IP address or a SPIFFE id.
        certificate: The gateway's own, for a service that wants one; with those between it and the root.
        key: The private key of `certificate`.
    """

    ca: NonEmpty
    server_name: NonEmpty
    certificate: NonEmpty | None = None
    key: NonEmpty | None = None


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the service runs.

    Attributes:
        tls: See `TlsConfig`. None is plain text.
        drain_delay: Seconds after SIGTERM in which new calls are still answered. The health check meanwhile tells those
            who send them.
        drain_grace: Seconds that calls in flight get to finish after that.
        keep_alive: Seconds of silence after which a REST stream gets a comment, so that nothing on the way gives it up.
        max_provider_connections: Open connections to providers, per worker. No key and no provider gets all of them.
        max_bytes_in_flight: Bytes of the requests of all calls under way, per worker; those of requests over 1 MiB
            count twice. A call beyond is refused, as is one of a key that would have more than half of them.
        max_connection_age: Seconds after which a client's connection to the service is ended, give or take a tenth. Its
            calls go on for as long as a call may last; new ones take a new connection.
    """

    tls: TlsConfig | None = None
    drain_delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    drain_grace: Seconds = 30.0
    keep_alive: Seconds = 15.0
    max_provider_connections: Annotated[int, Meta(ge=1)] = 4096
    max_bytes_in_flight: Annotated[int, Meta(ge=48 * 1024 * 1024)] = 128 * 1024 * 1024
    max_connection_age: Annotated[float, Meta(ge=1, le=86_400)] = 1800.0

    @property
    def longest_stop(self) -> float:
        """Seconds from SIGTERM to the end of the last call."""
        return self.drain_delay + self.drain_grace


class CatalogueConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the models that there are become known.

    Attributes:
        sync_interval: Seconds between two reads of a provider's own list.
    """

    sync_interval: Seconds = 600.0


class WorkloadConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A workload that needs no key: its client certificate says who it is.

    Attributes:
        spiffe_id: The certificate's SPIFFE id, in full.
        account: The account that it acts for.
    """

    spiffe_id: SpiffeId
    account: NonEmpty


class AccountsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How accounts and keys are known.

    Attributes:
        max_age: Seconds for which keys go on working while the database cannot be reached.
        workloads: See `WorkloadConfig`.
    """

    max_age: Seconds = 3600.0
    workloads: tuple[WorkloadConfig, ...] = ()


class UsageConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How usage records are kept.

    Attributes:
        queue: Records that wait at most while the database is away; beyond, they are lost and counted.
        max_journal_bytes: Size of a process's journal, in which records survive its end; beyond, they wait in memory
            alone.
        fsync: When the journal is flushed to the disk: `never` leaves it to the operating system, `interval` does it
            once a second. The end of the process needs neither, a crash of the machine does.
    """

    queue: Annotated[int, Meta(ge=1)] = 100_000
    max_journal_bytes: Annotated[int, Meta(ge=1_048_576)] = 268_435_456
    fsync: Literal["never", "interval"] = "never"


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the limits of keys are kept.

    Attributes:
        when_down: Whether calls go on unchecked (`open`) or are refused (`closed`) while `AROUTER_REDIS_URL` does not
            answer.
        timeout: Seconds that it gets to answer all it is asked for one call.
    """

    when_down: Literal["open", "closed"] = "open"
    timeout: Seconds = 0.25


class CorsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which web pages may call the gateway. None by default.

    Attributes:
        allow_origins: Exact origins (`https://app.example.com`), or `*` alone for any.
    """

    allow_origins: tuple[str, ...] = ()


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What `gateway/envoy.yaml` leaves open.

    Attributes:
        tls: See `TlsConfig`. None is plain text.
        service_tls: See `ServiceTlsConfig`. None for a service in plain text.
        cors: See `CorsConfig`.
        max_connections: Open client connections; one more is refused.
        idle_timeout: Seconds after which a client's connection without a request is closed.
    """

    tls: TlsConfig | None = None
    service_tls: ServiceTlsConfig | None = None
    cors: CorsConfig = CorsConfig()
    max_connections: Annotated[int, Meta(ge=1)] = 10_000
    idle_timeout: Seconds = 75.0


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `arouter.yaml`. Every part may be left out."""

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
        """Seconds that a provider's call may take at most, whichever provider it is."""
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
"""Every part of the file."""
