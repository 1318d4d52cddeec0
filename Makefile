.PHONY: help demo test test-long bench-radius bench-revision bench-controller bench-portal bench-large lint venv clean

help:
	@echo "make demo       a phone gets online through a real captive gateway, on this machine, in a network of its own;"
	@echo "                it stays up for your browser until Ctrl-C; make demo ONCE=1 ends by itself"
	@echo "make test       lint, then every test; real peers run in a network of their own"
	@echo "make test-long  soaks and full matrices"
	@echo "make bench-radius  how fast RADIUS is, beside FreeRADIUS and pyrad (ten minutes; RADIUS=--quick: one)"
	@echo "make bench-revision  how late RADIUS answers while a city of 10,000 gateways is taken up (a minute)"
	@echo "make bench-controller  what a push costs, beside Ansible, pyinfra, ssh and bare paramiko (CONTROLLER=--quick: a look)"
	@echo "make bench-large   what a million visits cost retention, logins beside it, and lists (ten minutes; LARGE='--visits 20000': a look)"
	@echo "make bench-portal  what a login at the portal costs, beside openNDS's own page (five minutes; PORTAL=--quick: a look)"
	@echo "make lint       ruff, mypy and import-linter alone"
	@echo "make clean      removes build/ and caches"

demo: venv
	@tools/peers.sh demo
	@tools/demo.sh

test: venv
	@tools/peers.sh test
	@tools/test.sh

test-long: venv
	@tools/peers.sh test
	@tools/peers.sh long
	@tools/bed.sh build/venv/bin/python -m pytest -m long

bench-radius: venv
	@tools/peers.sh bench
	@tools/installed.sh
	@tools/bench.sh radius $(RADIUS)

bench-revision: venv
	@tools/bench.sh revision $(REVISION)

bench-controller: venv
	@tools/peers.sh bench
	@build/venv/bin/python -m tests.bench.controller.peers
	@tools/bed.sh build/venv/bin/python -m tests.bench.controller $(CONTROLLER)

bench-large: venv
	@build/venv/bin/python -m tests.bench.large $(LARGE)

bench-portal: venv
	@tools/peers.sh test
	@tools/bed.sh build/venv/bin/python -m tests.bench.portal $(PORTAL)

lint: venv
	@build/venv/bin/ruff check .
	@build/venv/bin/ruff format --check .
	@build/venv/bin/mypy
	@build/venv/bin/lint-imports
	@build/venv/bin/shellcheck .ci/run tools/*.sh tests/bed/*.sh

venv:
	@tools/venv.sh

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
