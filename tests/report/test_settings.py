"""What the command line says of an engine, of time and of shares."""

import pytest

from lib.core.errors import SettingsError
from lib.core.moments import moment_ms
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import HoppingWindow, SessionWindow, TumblingWindow
from lib.report.report import initial_setting
from lib.report.settings import WindowChoice, asked_duration_ms, setting_of, share

ANY_WINDOW = WindowChoice()


def setting(engine, *others, window=ANY_WINDOW, delay=None, lateness=None):
    return setting_of(engine, window, delay, lateness, others)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30s", 30_000),
        ("5m", 300_000),
        ("5min", 300_000),
        ("250ms", 250),
        ("1.5h", 5_400_000),
        ("1m30s", 90_000),
        ("2d", 172_800_000),
        ("0", 0),
    ],
)
def test_durations(text, ms):
    assert asked_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "30", "s", "-5s", "30 parsecs", "0.5ms", "5s later"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(SettingsError, match="is no duration"):
        asked_duration_ms(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2018-10-28", 1_540_684_800_000),
        ("2018-10-28T11:35", 1_540_726_500_000),
        ("2018-10-28T11:35:00Z", 1_540_726_500_000),
        ("2018-10-28T12:35+01:00", 1_540_726_500_000),
        ("1540726500000", 1_540_726_500_000),
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(text, ms):
    assert moment_ms(text) == ms


def test_what_is_no_moment_is_refused():
    with pytest.raises(SettingsError, match="is no moment"):
        moment_ms("yesterday")


def test_shares():
    assert (share("0.1%"), share("0.001"), share("5 %")) == (0.001, 0.001, 0.05)
    with pytest.raises(SettingsError, match="is no share"):
        share("120%")


class TestSetting:
    def test_what_is_not_said_is_as_on_the_windows_page(self):
        assert setting("flink") == initial_setting()

    def test_each_engine_has_its_own_delay(self):
        gap = WindowChoice(gap_ms=1_000)
        assert setting("flink", window=gap, delay=7) == FlinkSetting(SessionWindow(1_000), 7)
        streams = setting("kafka-streams", window=gap, delay=7)
        assert streams == KafkaStreamsSetting(SessionWindow(1_000), grace_ms=7)
        assert setting("flink-sql", window=gap, delay=7).api == "sql"
        beam = setting("beam", window=gap, delay=7, lateness=9)
        assert beam == BeamSetting(SessionWindow(1_000), 7, allowed_lateness_ms=9)

    def test_other_settings_by_the_name_in_the_engine_or_in_links(self):
        spark = setting("spark", "batch_records=10", "waiting=on", "trigger=5s", delay=0)
        assert spark == SparkSetting(
            SessionWindow(30_000), 0, waiting=True, trigger_ms=5_000, batch_records=10
        )
        assert setting("flink", "idle=60s", "per-partition=off") == FlinkSetting(
            SessionWindow(30_000), 5_000, idle_ms=60_000, per_partition=False
        )

    def test_a_number_alone_is_ms_where_the_name_says_so(self):
        assert setting("flink", "emission_ms=500").emission_ms == 500
        with pytest.raises(SettingsError, match="is no duration"):
            setting("flink", "emission=500")

    def test_zero_is_none_where_there_is_none(self):
        assert setting("spark", "batch=0").batch_records is None
        assert setting("kafka-streams", "most_ahead=none").most_ahead_ms is None

    @pytest.mark.parametrize(
        ("engine", "said", "why"),
        [
            (
                "spark",
                "nope=1",
                "Spark has no setting 'nope=1'. Write NAME=VALUE",
            ),
            ("spark", "batch_records", "Write NAME=VALUE"),
            ("spark", "batch_records=many", "is a whole number"),
            ("spark", "waiting=maybe", "is on or off"),
            ("flink", "fetch_records=0", "is at least 1"),
        ],
    )
    def test_what_an_engine_does_not_have_is_refused(self, engine, said, why):
        with pytest.raises(SettingsError, match=why):
            setting(engine, said)

    def test_what_cannot_be_together_is_refused(self):
        with pytest.raises(SettingsError, match="idle_ms needs emission_ms"):
            setting("flink", "emission=0", "idle=60s")
        with pytest.raises(SettingsError, match="Flink SQL has no"):
            setting("flink-sql", lateness=5)

    def test_windows(self):
        tumbling = setting("beam", window=WindowChoice(size_ms=10))
        assert tumbling.window == TumblingWindow(10)
        hopping = setting("beam", window=WindowChoice("hopping", size_ms=10, parts=5))
        assert hopping.window == HoppingWindow(10, 5)

    @pytest.mark.parametrize(
        "choice",
        [
            WindowChoice("session", size_ms=10),
            WindowChoice("tumbling", size_ms=10, parts=2),
            WindowChoice(gap_ms=0),
            WindowChoice("hopping", size_ms=10, parts=3),
        ],
    )
    def test_windows_that_there_are_not_are_refused(self, choice):
        with pytest.raises(SettingsError):
            setting("flink", window=choice)
