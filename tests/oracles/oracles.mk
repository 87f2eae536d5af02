# The real engines, each in a place of its own inside this folder, and their answers compared with
# lib/replay. Needs a JDK of 17 or later and Maven. `make golden` also keeps the answers.

ORACLES := tests/oracles
ORACLE_BUILD := build/oracles
ENGINES := flink kafka_streams beam beam_python spark

.PHONY: oracles golden programs $(ENGINES:%=oracle-%)

oracles: ## Run event sequences through the real engines, two at a time, and compare
	$(MAKE) --jobs=2 --output-sync=target $(ENGINES:%=oracle-%) programs

golden: ## The same, and keep their answers for make test
	$(MAKE) oracles ORACLE_OPTIONS=--write

ORACLES_READY := $(DEV_INSTALLED) $(ORACLE_BUILD)/flink/.compiled \
    $(ORACLE_BUILD)/kafka_streams/.compiled $(ORACLE_BUILD)/beam/.compiled \
    .venv-beam/.installed .venv-spark/.installed
PROGRAMS_READY := $(ORACLES_READY) $(KAFKA_INSTALLED) $(ORACLE_BUILD)/spark/.fetched \
    $(ORACLE_BUILD)/flink/programs/.fetched

$(ENGINES:%=oracle-%): oracle-%: $(ORACLES_READY)
	$(BIN)/python -m tests.oracles.run $* $(ORACLE_OPTIONS)

programs: $(PROGRAMS_READY) ## Compile the programs to paste, and run them on a real broker
	$(BIN)/python -m tests.oracles.check_times
	$(BIN)/python -m tests.oracles.check_programs

.venv-%/.installed: $(ORACLES)/%/requirements.txt | $(DEV_INSTALLED)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	touch $@

$(ORACLE_BUILD)/flink/.compiled: $(wildcard $(ORACLES)/flink/*.java) $(ORACLES)/flink/pom.xml \
    .venv-flink/.installed
	mkdir -p $(@D)
	javac -nowarn -d $(@D) -cp "$$(echo .venv-flink/lib/python*/site-packages/pyflink/lib)/*" \
	    $(filter %.java,$^)
	mvn --batch-mode --quiet --file $(ORACLES)/flink/pom.xml dependency:copy-dependencies \
	    -DoutputDirectory=$(CURDIR)/$(@D)/lib
	touch $@

$(ORACLE_BUILD)/%/.fetched: $(ORACLES)/%/pom.xml
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies \
	    -DoutputDirectory=$(CURDIR)/$(@D)/lib
	touch $@

$(ORACLE_BUILD)/%/.compiled: $(ORACLES)/%/pom.xml $(ORACLES)/%/src/main/java/oracle/*.java
	mvn --batch-mode --quiet --file $< compile dependency:copy-dependencies \
	    -DoutputDirectory=$(CURDIR)/$(@D)/lib
	touch $@
