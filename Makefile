# Everything is set up inside this folder: Python in .venv, Apache Kafka in tests/kafka/lib. Only
# `make test` may also install Debian packages, see scripts/install-test-tools.sh.

VENV := .venv
BIN := $(VENV)/bin
APP_INSTALLED := $(VENV)/.requirements-installed
COMPILED := $(VENV)/.compiled
DEV_INSTALLED := $(VENV)/.requirements-dev-installed
KAFKA_INSTALLED := tests/kafka/lib/.installed
REGISTRY_INSTALLED := tests/registry/lib/.installed
OLDER_KAFKA := 3.9.1
OLDER_KAFKA_INSTALLED := tests/kafka/lib-$(OLDER_KAFKA)/.installed
OIDC_INSTALLED := tests/oidc/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help run test cluster faults versions lint audit fuzz alike kafka registry oidc compare screenshots clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(COMPILED) ## Open Skewline in a browser
	$(BIN)/streamlit run streamlit_app.py

test: lint $(COMPILED) ## Check the code, then run the tests, on a real Kafka broker and in Chromium
	scripts/install-test-tools.sh
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

cluster: $(COMPILED) $(DEV_INSTALLED) ## Run the tests of what a Dask cluster tells, against one machine
	scripts/install-test-tools.sh
	$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal tests/cluster

faults: $(COMPILED) ## Read 1,000,000 records from clusters that fail, with both readers (half an hour)
	scripts/install-test-tools.sh
	$(BIN)/python -m pytest tests/faults

versions: $(DEV_INSTALLED) $(KAFKA_INSTALLED) $(OLDER_KAFKA_INSTALLED) ## Run the tests on a broker with two majors of Kafka
	for jars in lib lib-$(OLDER_KAFKA); do \
	    TEST_KAFKA_JARS=$$jars $(BIN)/python -m pytest -m kafka tests/sources tests/loading || exit 1; \
	done

lint: $(DEV_INSTALLED) ## Check style, format, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(DEV_INSTALLED) ## Ask whether any package that the app needs has a known hole
	$(BIN)/pip-audit --strict --requirement requirements.txt --requirement requirements-msk.txt --requirement requirements-cluster.txt

fuzz: $(DEV_INSTALLED) ## Throw changed bytes at every reader, MINUTES (5) each
	@for reader in $$($(BIN)/python -c 'from tests.fuzz import READERS; print(*READERS)'); do \
	    $(BIN)/python -m tests.fuzz $$reader --minutes $(or $(MINUTES),5) || exit 1; \
	done

alike: $(DEV_INSTALLED) ## Compare reports of one machine and of a cluster, of topics drawn by lot, MINUTES (5)
	$(BIN)/python -m tests.cluster.alike --minutes $(or $(MINUTES),5)

kafka: $(KAFKA_INSTALLED) ## Get the Apache Kafka that the tests run against; needs Maven

compare: $(DEV_INSTALLED) requirements-bench.txt ## Get what the benchmarks compare Skewline with
	$(BIN)/python -m pip install --requirement requirements-bench.txt
	scripts/install-benchmark-tools.sh

registry: $(REGISTRY_INSTALLED) ## Get the schema registry that the tests run against; needs Maven

oidc: $(OIDC_INSTALLED) ## Get the OpenID Connect provider that the tests sign in with; needs npm

screenshots: $(DEV_INSTALLED) ## Take the pictures of the documentation again; needs Chromium
	$(BIN)/python scripts/screenshots.py

clean: ## Delete everything that was set up or generated
	rm -rf $(VENV) .venv-flink .venv-spark .venv-beam build
	rm -rf $(dir $(KAFKA_INSTALLED)) tests/kafka/lib-* $(dir $(REGISTRY_INSTALLED)) $(dir $(OIDC_INSTALLED))
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	scripts/make-venv.sh $(VENV)

$(APP_INSTALLED): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --requirement $<
	touch $@

$(COMPILED): $(APP_INSTALLED) $(shell find lib -name '*.py')
	@echo 'Compiling what is compiled (some 20 seconds, once)'
	@$(BIN)/python -m lib.warm_up
	@touch $@

$(DEV_INSTALLED): requirements-dev.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --requirement $<
	touch $@

$(KAFKA_INSTALLED): tests/kafka/pom.xml
$(REGISTRY_INSTALLED): tests/registry/pom.xml
$(KAFKA_INSTALLED) $(REGISTRY_INSTALLED):
	rm -rf $(@D)
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies
	touch $@

$(OLDER_KAFKA_INSTALLED): tests/kafka/pom.xml
	rm -rf $(@D)
	mvn --batch-mode --quiet --file $< -Dkafka.version=$(OLDER_KAFKA) -Dkafka.jars=$(notdir $(@D)) \
	    dependency:copy-dependencies
	touch $@

$(OIDC_INSTALLED): tests/oidc/package.json
	npm install --prefix $(<D) --no-package-lock --no-audit --no-fund --silent
	touch $@

include tests/oracles/oracles.mk
