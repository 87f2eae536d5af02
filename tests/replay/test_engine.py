"""The seam: what the rest makes of an engine that it has only been told of."""

from __future__ import annotations

from dataclasses import fields

import pytest
from streamlit.testing.v1 import AppTest

from lib.replay import registry
from lib.replay.advisor import elsewhere
from lib.replay.engine import delay_ms, replay, with_delay, with_length
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import WINDOW_KINDS, HoppingWindow, SessionWindow, TumblingWindow
from tests.replay.sequences import one_key, windows_of
from tests.replay.toy_engine import TOY, TUNABLE, ToySetting, TunableSetting
from tests.support.opened import WINDOWS, metrics, open_app

GAP = SessionWindow(10)

every_engine = pytest.mark.parametrize("engine", registry.ENGINES, ids=lambda e: e.label)


@pytest.fixture
def with_toys(monkeypatch):
    """The registry with a line more for each toy."""
    monkeypatch.setattr(registry, "ENGINES", (*registry.ENGINES, TUNABLE, TOY))


class TestEveryEngine:
    @every_engine
    def test_a_setting_knows_its_engine(self, engine):
        assert engine.setting(GAP).engine is engine

    @every_engine
    def test_its_delay_and_parameters_are_attributes_of_its_settings(self, engine):
        names = {field.name for field in fields(engine.setting(GAP))}

        assert {engine.delay.name, *(p.name for p in engine.parameters)} <= names

    @every_engine
    @pytest.mark.parametrize("kind", WINDOW_KINDS)
    def test_delay_and_length_can_be_changed_and_read(self, engine, kind):
        setting = with_length(with_delay(engine.setting(kind(2), 5), 7), 8)

        assert (setting.window, delay_ms(setting)) == (kind(8), 7)
        assert setting == engine.setting(kind(8), 7)

    @every_engine
    def test_says_rightly_whether_events_exactly_the_gap_apart_share_a_session(self, engine):
        windows = windows_of(replay(one_key(0, 10), engine.setting(GAP)))

        assert len(windows) == (1 if engine.joins_at_gap else 2)

    def test_labels_are_different(self):
        labels = [engine.label for engine in registry.ENGINES]

        assert len(set(labels)) == len(labels)

    def test_the_delay_of_kafka_streams_is_its_grace(self):
        assert with_delay(KafkaStreamsSetting(GAP), 7).grace_ms == 7


class TestElsewhere:
    def test_is_every_other_engine_with_the_same_window_and_delay(self):
        others = elsewhere(FlinkSetting(TumblingWindow(5), delay_ms=3))

        assert [other.engine.label for other in others] == ["Kafka Streams", "Spark", "Beam"]
        assert {(other.window, delay_ms(other)) for other in others} == {(TumblingWindow(5), 3)}

    def test_flink_is_there_once_as_sql(self):
        labels = [other.engine.label for other in elsewhere(SparkSetting(GAP))]

        assert labels == ["Flink SQL", "Kafka Streams", "Beam"]

    @pytest.mark.usefixtures("with_toys")
    def test_has_an_engine_of_one_more_line_in_the_registry(self):
        assert ToySetting(GAP, 3) in elsewhere(SparkSetting(GAP, 3))


# A page with the controls only; what they make is kept in the session.
CONTROLS = """
import streamlit as st
from lib.ui.parts.engine_settings import choose_setting

st.session_state["made"], _ = choose_setting(["ClientID"])
"""


@pytest.mark.usefixtures("with_toys")
class TestControls:
    @staticmethod
    def opened(engine, **query):
        at = AppTest.from_string(CONTROLS)
        for name, value in {"engine": engine, **query}.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception
        return at

    def test_make_the_setting_of_an_engine_of_one_more_line_in_the_registry(self):
        at = self.opened("Tunable toy", delay="10 s", toy_wait="20 s", toy_limit="3")

        labels = [box.label for box in at.text_input]
        assert labels == ["Session gap", "Patience", "Wait · default: 10 s"]
        made = at.session_state["made"]
        assert made == TunableSetting(SessionWindow(30_000), 10_000, True, 20_000, 3)

    def test_leave_what_is_not_touched_as_the_setting_has_it(self):
        made = self.opened("Tunable toy").session_state["made"]

        assert made == TunableSetting(SessionWindow(30_000), 5_000)

    def test_leave_out_what_means_nothing_for_the_kind_of_window(self):
        assert [t.label for t in self.opened("Toy").toggle] == ["Toy cache · default: on"]
        assert not self.opened("Toy", window_kind="Tumbling").toggle

    def test_make_windows_that_hop(self):
        at = self.opened("Flink SQL", window_kind="Hopping", session_gap="20 s", parts="4")

        made = at.session_state["made"]
        assert made.window == HoppingWindow(20_000, 4)
        assert made.window.advance_ms == 5_000

    def test_do_not_take_what_needs_something_that_is_off(self):
        at = self.opened("Tunable toy", toy_wait="0", toy_limit="3")

        assert at.number_input(key="toy_limit").disabled
        assert at.session_state["made"].limit is None


@pytest.mark.usefixtures("with_toys", "app_isolation")
class TestPage:
    def test_shows_an_engine_of_one_more_line_in_the_registry(self):
        at = open_app(WINDOWS, engine="Toy")

        assert metrics(at)["Dropped"] == "0 (0.00 %)"
        assert "**Toy: a patience of 0 s with a session gap of 30 s**" in at.warning[0].value
        assert "sessions-10 0" in [code.value for code in at.code]
        over = [drawn.proto.alt for drawn in at.get("vega_lite_chart")]
        [by_patience] = [alt for alt in over if alt.startswith("By patience: ")]
        assert "events dropped" in by_patience
