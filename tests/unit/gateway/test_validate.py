from __future__ import annotations

from pathlib import Path

import pytest

from arouter_gateway.render import GatewaySettings, render, render_text
from arouter_gateway.tls import GatewayTls, ServiceTls
from arouter_gateway.validate import ConfigurationError, check_types, check_with_envoy, validate
from support.tls import Authority, Folder

TEXT = render_text(GatewaySettings(), Path("/run/gateway"))


@pytest.mark.parametrize(
    "settings",
    [
        GatewaySettings(),
        GatewaySettings(
            listen_address="::",
            admin_socket=Path("/tmp/arouter-admin.sock"),
            metrics_port=9902,
            services=(("arouter.default.svc.cluster.local", 50051), ("127.0.0.1", 50052)),
            stream_idle_timeout=0.25,
            collector=("collector.default.svc.cluster.local", 4317),
            trace_ratio=0.1,
            cors_allow_origins=("*",),
        ),
    ],
    ids=["defaults", "everything else"],
)
def test_what_is_rendered_is_valid(settings: GatewaySettings, tmp_path: Path) -> None:
    validate(render(settings, tmp_path))


def test_what_is_rendered_with_tls_is_valid(tmp_path: Path) -> None:
    authority = Authority()
    folder = Folder(tmp_path / "tls", authority.issue(), authority.pem)
    certificate, key, ca = Path(folder.certificate), Path(folder.key), Path(folder.ca)
    settings = GatewaySettings(
        tls=GatewayTls(certificate, key, ca), service_tls=ServiceTls(ca, "arouter", certificate, key)
    )

    validate(render(settings, tmp_path))


@pytest.mark.parametrize(
    ("good", "bad", "where"),
    [
        ("connect_timeout: 2s", "conect_timeout: 2s", r"(?s)conect_timeout.*clusters\[0\]"),
        ("suppress_envoy_headers", "supress_envoy_headers", r"(?s)supress_envoy_headers.*http_filters\[17\]"),
        ("max_heap_size_bytes", "max_heap_bytes", r"(?s)max_heap_bytes.*resource_monitors\[1\]"),
        ("lb_policy: LEAST_REQUEST", "lb_policy: LEAST", r"(?s)LEAST.*clusters\[0\]"),
        ("filters.http.router.v3.Router", "filters.http.router.v3.Rooter", "Rooter"),
        ("filters.http.router.v3.Router", "filters.http.rooter.v3.Router", "rooter"),
    ],
)
def test_a_mistake_is_named_with_its_path(good: str, bad: str, where: str) -> None:
    assert good in TEXT

    with pytest.raises(ConfigurationError, match=where):
        check_types(TEXT.replace(good, bad, 1))


def test_text_that_is_not_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        check_types("a: b\n}")


def test_envoy_has_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    text = TEXT.replace("{base_interval: 0.005s, max_interval: 0.05s}", "{}")
    path.write_text(text, encoding="utf-8")
    check_types(text)

    with pytest.raises(ConfigurationError, match="RetryBackOff"):
        check_with_envoy(path)
