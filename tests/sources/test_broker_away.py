"""A broker that goes away while somebody looks at its topic: the last good data stays."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.support import broker as kafka
from tests.support.app import REPOSITORY


@pytest.mark.usefixtures("broker")  # marks the test, and skips it where there is no Kafka
def test_the_last_good_data_stays_with_a_sentence_on_what_failed(app_isolation):
    # Given a topic that is on the screen
    with kafka.running_broker() as short_lived:
        address = short_lived.bootstrap_servers
        kafka.create_topic(address, "events")
        value = b'{"Timestamp": 1545230000000, "ClientID": 1, "SessionID": "s", "EventID": %d}'
        kafka.produce(address, "events", [kafka.Record(value % n) for n in range(3)])
        app_isolation.write_text(
            f'[connections.kafka]\nbootstrap_servers = "{address}"\ntimeout_s = 2.0\n'
        )
        at = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=30)
        settled(at.run())
        assert events(at) == "3"
        assert any("Reader: librdkafka." in caption.value for caption in at.caption)

    # When the broker is gone and somebody presses Reload
    next(button for button in at.sidebar.button if button.label == "Reload").click()
    settled(at.run())

    # Then what was there is there, and the page says why it is no newer
    assert events(at) == "3"
    said = at.warning[0]
    assert f"No Kafka broker answers at {address}" in said.proto.title
    assert "What was loaded before is shown" in said.value


def events(at):
    return {metric.label: metric.value for metric in at.metric}["Events"]


def settled(at):
    """Run the app until nothing is being read any more; what a browser's timer does."""
    for _ in range(200):
        if not at.get("progress"):
            break
        at.run()
    assert not at.exception
    return at
