"""Which test runs or checks each block of code in the documentation. `make snippets` runs these tests.

`python -m support.snippets` prints their files.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

AGENTS = "tests/agents/test_guide.py"
ACCOUNTS = "tests/gateway/test_accounts_guide.py"
API = "tests/gateway/test_api_page.py"
CHANNELS = "tests/grpc/test_channels.py"
CHANNELZ = "tests/grpc/test_channelz.py"
GENERATED = "tests/clients/test_generated.py"
GRPC = "tests/grpc/test_grpc_page.py"
PAGES = "tests/snippets/test_pages.py"
PROVIDER = "tests/gateway/test_add_a_provider.py"
PYTHON = "tests/clients/test_python_wheel.py"
README = "tests/gateway/test_readme.py"
ROUTING = "tests/unit/planning/test_routing_guide.py"
SECURITY = "tests/gateway/test_security_page.py"
TYPESCRIPT = "tests/clients/test_typescript.py"


class Tested(NamedTuple):
    """Blocks of one kind on one page, and the test that runs or checks them.

    Attributes:
        page: The page, from the project's root.
        kind: The language of the blocks.
        count: How many there are, without those in `NOT_RUN`: a further one needs a look at the test.
        test: The test's file.
    """

    page: str
    kind: str
    count: int
    test: str


TESTED = (
    Tested("README.md", "bash", 3, README),
    Tested("README.md", "python", 1, README),
    Tested("README.md", "yaml", 1, README),
    Tested("clients/typescript/README.md", "ts", 1, TYPESCRIPT),
    Tested("docs/accounts.md", "bash", 5, ACCOUNTS),
    Tested("docs/add-a-field.md", "sh", 1, PAGES),
    Tested("docs/add-a-provider.md", "python", 1, PAGES),
    Tested("docs/add-a-provider.md", "sh", 2, PAGES),
    Tested("docs/add-a-provider.md", "yaml", 2, PROVIDER),
    Tested("docs/add-an-rpc.md", "sh", 1, PAGES),
    Tested("docs/agents.md", "js", 1, AGENTS),
    Tested("docs/agents.md", "json", 2, AGENTS),
    Tested("docs/agents.md", "python", 6, AGENTS),
    Tested("docs/agents.md", "sh", 10, AGENTS),
    Tested("docs/agents.md", "toml", 1, AGENTS),
    Tested("docs/agents.md", "yaml", 2, AGENTS),
    Tested("docs/api.md", "http", 10, API),
    Tested("docs/api.md", "json", 9, API),
    Tested("docs/api.md", "text", 1, API),
    Tested("docs/benchmarks.md", "sh", 1, PAGES),
    Tested("docs/browsers.md", "yaml", 1, README),
    Tested("docs/channels.md", "json", 1, CHANNELS),
    Tested("docs/configuration.md", "yaml", 1, README),
    Tested("docs/embeddings.md", "python", 1, PAGES),
    Tested("docs/errors.md", "json", 1, PAGES),
    Tested("docs/generate.md", "bash", 3, GENERATED),
    Tested("docs/generate.md", "go", 1, GENERATED),
    Tested("docs/generate.md", "java", 1, GENERATED),
    Tested("docs/generate.md", "yaml", 2, GENERATED),
    Tested("docs/grpc.md", "python", 6, GRPC),
    Tested("docs/grpc.md", "sh", 2, GRPC),
    Tested("docs/kubernetes.md", "yaml", 1, PAGES),
    Tested("docs/messages.md", "python", 1, PAGES),
    Tested("docs/metrics.md", "yaml", 1, PAGES),
    Tested("docs/models.md", "yaml", 1, PAGES),
    Tested("docs/observability.md", "bash", 1, PAGES),
    Tested("docs/operation.md", "bash", 2, CHANNELZ),
    Tested("docs/python.md", "python", 8, PYTHON),
    Tested("docs/python.md", "sh", 1, PYTHON),
    Tested("docs/routing.md", "difficulty", 8, ROUTING),
    Tested("docs/routing.md", "json", 8, ROUTING),
    Tested("docs/routing.md", "sh", 1, PAGES),
    Tested("docs/routing.md", "yaml", 1, PAGES),
    Tested("docs/security.md", "bash", 2, SECURITY),
    Tested("docs/security.md", "yaml", 1, SECURITY),
    Tested("docs/typescript.md", "sh", 1, TYPESCRIPT),
    Tested("docs/typescript.md", "ts", 6, TYPESCRIPT),
    Tested("docs/usage.md", "bash", 3, ACCOUNTS),
    Tested("tests/attacks/README.md", "bash", 1, PAGES),
)

NOT_RUN = {
    ("README.md", "make test "): "it is what runs the tests",
    ("docs/agents.md", "OPENAI_API_BASE_URL="): "Open WebUI installs gigabytes",
    ("docs/grpc.md", "grpcurl "): "grpcurl is in no registry that the tests use; test_grpc_page.py reads the requests",
    ("docs/kubernetes.md", "make images"): "needs kind and a cluster; tests/pods runs the same manifests with podman",
    (
        "docs/routing.md",
        '{"error": ',
    ): "needs two providers that fail; tests/gateway/test_fallbacks.py reads such responses",
    ("docs/typescript.md", "const client = new Client({ baseUrl: "): "its function is the reader's own",
}
"""The beginning of each block that no test runs, and why."""


def untested(page: str, text: str) -> bool:
    """Says whether a block is one of `NOT_RUN`."""
    return any(where == page and text.startswith(beginning) for where, beginning in NOT_RUN)


if __name__ == "__main__":
    sys.stdout.write(" ".join(sorted({tested.test for tested in TESTED})))
