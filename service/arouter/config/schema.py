"""The shape of `arouter.yaml`, with every default.

Unknown fields are errors: a misspelt option must not be ignored. `load.py` reads and checks the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from arouter.config.quirks import MembersConfig, QuirksConfig, ToolIdsConfig, ToolNamesConfig
from arouter.config.secret import Secret
from arouter.models import ModelDetails

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
ProviderId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]*$")]
NonEmpty = Annotated[str, Meta(min_length=1)]
Weight = Annotated[float, Meta(ge=0, le=1000)]
Protocol = Literal["openai", "anthropic", "gemini"]
Modality = Literal["text", "image", "audio", "video", "file"]
SpiffeId = Annotated[str, Meta(pattern="^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$")]
HttpUrl = Annotated[str, Meta(pattern="^https?://[^/?#@\\s]+(/[^?#\\s]*)?$")]


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """The four deadlines of a provider call (design §5), in seconds.

    Attributes:
        connect: Until a connection to the provider stands, waiting for a free one included.
        first_token: From sending the request to the first piece of a streamed answer.
        idle: Between two pieces of a streamed answer.
        total: The whole call, streamed or not. 600 is what the OpenAI SDKs wait.
    """

    connect: Seconds = 5.0
    first_token: Seconds = 120.0
    idle: Seconds = 60.0
    total: Seconds = 600.0


class TimeoutOverrides(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's own `Timeouts`. What is left out is as it is for all."""

    connect: Seconds | UnsetType = UNSET
    first_token: Seconds | UnsetType = UNSET
    idle: Seconds | UnsetType = UNSET
    total: Seconds | UnsetType = UNSET

    def over(self, common: Timeouts) -> Timeouts:
        """Returns `common` with what is set here in its place."""
        own = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        return replace(common, **own)


class ModelConfig(ModelDetails, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model of a provider, with what is to count before anything that its provider or the price list says.

    Attributes:
        name: The provider's native name.
        input_modalities: As in `ModelDetails`.
        output_modalities: As in `ModelDetails`.
    """

    name: NonEmpty
    input_modalities: tuple[Modality, ...] | None = None
    output_modalities: tuple[Modality, ...] | None = None


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. What is left out comes from the preset of that id, if there is one.

    Attributes:
        id: The part of a model id before the slash.
        name: What people call it; its id when left out.
        protocol: The wire protocol it speaks; `openai` when left out.
        base_url: What the vendor's own SDK takes: with `/v1` for `openai`, the host alone for the others.
        api_keys: Its credentials; usually `${VARIABLE}`.
        models: Its models; `*` stands for all that its own list has. When left out, that list is used.
        data_collection: Whether it may keep prompts and answers.
        zdr: Whether it keeps nothing of them (zero data retention).
        timeouts: Deadlines of this provider that differ from the common ones.
        quirks: What it does differently; of protocol `openai` only.
    """

    id: ProviderId
    name: NonEmpty | UnsetType = UNSET
    protocol: Protocol | UnsetType = UNSET
    base_url: HttpUrl | UnsetType = UNSET
    api_keys: tuple[Secret, ...] | UnsetType = UNSET
    models: Annotated[tuple[NonEmpty | ModelConfig, ...], Meta(min_length=1)] | UnsetType = UNSET
    data_collection: Literal["allow", "deny"] | UnsetType = UNSET
    zdr: bool | UnsetType = UNSET
    timeouts: TimeoutOverrides = TimeoutOverrides()
    quirks: QuirksConfig | UnsetType = UNSET


class MappedModel(Struct, frozen=True, forbid_unknown_fields=True):
    """One model that several providers serve.

    Attributes:
        id: What clients write, for example `meta-llama/llama-4-maverick`.
        endpoints: Ids of the models that are this one, `provider/name`. Those that are not there do not count.
    """

    id: Annotated[str, Meta(pattern="^[^/\\s]+/\\S+$")]
    endpoints: Annotated[tuple[Annotated[str, Meta(pattern="^[^/\\s]+/.+$")], ...], Meta(min_length=1)]


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
