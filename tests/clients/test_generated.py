"""`docs/generate.md` works: Debian's Go and Java compile what its commands generate, and its examples get a response.

Skipped unless Debian's packages are installed: see `.ci/run`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.docs import ROOT, blocks
from support.programs import run
from support.stack import Stack

_BLOCKS = blocks("docs/generate.md")
GO_YAML, JAVA_YAML = (text for kind, text in _BLOCKS if kind == "yaml")
GO_BUF, GO_PROTOC, JAVA_BUF = (text for kind, text in _BLOCKS if kind == "bash")
[GO_ASK] = (text for kind, text in _BLOCKS if kind == "go")
[JAVA_ASK] = (text for kind, text in _BLOCKS if kind == "java")

GO_MAIN = """
package main

import (
	"context"
	"log"
	"os"

	"example.com/you/arouter"
	"google.golang.org/grpc"
)

func main() {
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure()) // Debian's grpc is older than NewClient
	if err != nil {
		log.Fatal(err)
	}
	err = arouter.Ask(context.Background(), connection, os.Getenv("AROUTER_KEY"), os.Args[2], "Say hello.", os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
}
"""
# Where Debian's packages put what the generated code needs.
DEBIAN_GO = "/usr/share/gocode"
DEBIAN_JARS = Path("/usr/share/java")


def needs(*programs_and_files: str) -> pytest.MarkDecorator:
    missing = [name for name in programs_and_files if not (shutil.which(name) or Path(name).is_file())]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project beside the protos."""
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    return tmp_path


@needs("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc", f"{DEBIAN_GO}/src/google.golang.org/grpc/doc.go")
@pytest.mark.parametrize("command", [GO_BUF, GO_PROTOC], ids=["buf", "protoc"])
def test_go_asks_a_model(command: str, project: Path, stack: Stack, emulator: Emulator) -> None:
    (project / "buf.gen.yaml").write_text(GO_YAML, "utf-8")
    run(["bash", "-euo", "pipefail", "-c", command], project)
    you = project / "gopath/src/example.com/you"
    for name, text in {"arouter/ask.go": GO_ASK, "main/main.go": GO_MAIN}.items():
        (you / name).parent.mkdir(parents=True)
        (you / name).write_text(text, "utf-8")
    (you / "gen").symlink_to(project / "gen")
    paths = {"GOPATH": f"{project / 'gopath'}:{DEBIAN_GO}", "GO111MODULE": "off", "GOFLAGS": ""}
    run(["go", "build", "-o", "ask", "example.com/you/main"], project, paths)

    said = run(["./ask", f"127.0.0.1:{stack.grpc_port}", "emu/text"], project, {"AROUTER_KEY": stack.key})

    assert said == TEXT


@needs("javac", "protoc", "grpc_java_plugin", f"{DEBIAN_JARS}/grpc-netty.jar", f"{DEBIAN_JARS}/netty-all.jar")
def test_java_asks_a_model(project: Path, stack: Stack, emulator: Emulator) -> None:
    (project / "buf.gen.yaml").write_text(JAVA_YAML, "utf-8")
    run(["bash", "-euo", "pipefail", "-c", JAVA_BUF], project)
    ask = JAVA_ASK
    for ours, here in (
        ("127.0.0.1:50051", f"127.0.0.1:{stack.grpc_port}"),
        ("local/smollm2-135m-instruct", "emu/text"),
    ):
        assert ask.count(ours) == 1
        ask = ask.replace(ours, here)
    (project / "Ask.java").write_text(ask, "utf-8")
    jars = f"{DEBIAN_JARS}/*"
    sources = map(str, (project / "java").rglob("*.java"))
    run(["javac", "-nowarn", "-proc:none", "-cp", jars, "-d", "classes", "Ask.java", *sources], project)

    said = run(["java", "-cp", f"classes:{jars}", "Ask"], project, {"AROUTER_KEY": stack.key})

    assert said == TEXT
