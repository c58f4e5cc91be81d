# Everything starts from here: `make demo` and `make test` set up what they need on a fresh Debian machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

.PHONY: demo quick test explore test-current lint bench fuzz soak samples golden tables clean

demo: $(VENV)/.run
	$(BIN)/atshark demo --out out

# What to run while you work: all that needs no other program, port or clock, with fewer examples; under a minute.
quick: $(VENV)/.dev
	$(BIN)/ruff check .
	ATSHARK_EXAMPLES=0.3 $(BIN)/pytest -n 2 -m "not outside and not slow"

test: $(VENV)/.dev tshark peers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2

# Try the properties with examples that no run had before, and more of them; what it finds is mended and made a test.
explore: $(VENV)/.dev
	ATSHARK_EXPLORE=1 ATSHARK_EXAMPLES=5 $(BIN)/pytest -n 2 -m "not outside"

# The tests of Wireshark and of the command line in a Debian 13 of their own (.debian/trixie, made once), as an ordinary user.
test-current:
	tests/current.sh

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

# Measure everything, and write the tables of docs/performance.md. ATSHARK_BENCH_BYTES and ATSHARK_TAP_SECONDS make it shorter.
bench: $(VENV)/.dev tshark
	$(BIN)/python -m benchmarks

# Guided by coverage, for ATSHARK_FUZZ_SECONDS (60) each target; what it finds that is new goes to tests/corpus.
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz

# A day of traffic in half an hour, through the live tap; the result belongs into docs/reliability.md.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak

# Write the samples and their golden decodes again; review the difference before you commit it.
samples golden: $(VENV)/.dev
	$(BIN)/python -m tests.make_samples
	$(BIN)/python -m tests.make_logs

# Write what is generated: the JSON Schema from the record types, the coverage table.
tables: $(VENV)/.dev
	$(BIN)/python -m atshark.schema
	$(BIN)/python -m tests.coverage_table

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(APT) update && $(APT) install -y python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

.PHONY: tshark
tshark:
	@command -v tshark capinfos editcap >/dev/null || { \
	  echo "wireshark-common wireshark-common/install-setuid boolean false" | $(SUDO) debconf-set-selections; \
	  $(APT) update && $(APT) install -y --no-install-recommends tshark; }

# Real clients and servers that the tests carry over the virtual line, the two versions of Lua that Wireshark has, a browser.
.PHONY: peers
peers:
	@for program in mosquitto coap-server-notls coap-client-notls lua5.2 lua5.4 chromium; do \
	  PATH="$$PATH:/usr/sbin" command -v $$program >/dev/null || missing=1; done; \
	if [ "$$missing" ]; then \
	  $(APT) update && $(APT) install -y --no-install-recommends mosquitto libcoap3-bin lua5.2 lua5.4 chromium; fi

clean:
	$(SUDO) rm -rf --one-file-system .debian
	rm -rf $(VENV) out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
