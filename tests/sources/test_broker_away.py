"""A broker that goes away while somebody looks at its topic: the last good data stays."""

import pytest

from lib.core.formatting import escaped_markdown
from tests.support import broker as kafka
from tests.support.opened import metrics, open_app, press


@pytest.mark.usefixtures("broker")  # marks the test, and skips it where there is no Kafka
def test_the_last_good_data_stays_with_a_sentence_on_what_failed(app_isolation):
    # Given a topic that is on the screen
    with kafka.running_broker() as short_lived:
        address = short_lived.bootstrap_servers
        kafka.create_topic(address, "events")
        value = b'{"Timestamp": 1545230000000, "ClientID": 1, "SessionID": "s", "EventID": %d}'
        kafka.produce(address, "events", [kafka.Record(value % n) for n in range(3)])
        app_isolation.write_text(
            f'[connections.kafka]\nbootstrap_servers = "{address}"\ntimeout_s = 5.0\n'
        )
        at = open_app()
        assert metrics(at)["Events"] == "3"
        assert any("Reader: librdkafka." in caption.value for caption in at.caption)

    # When the broker is gone and somebody presses Reload
    press(at, "Reload")

    # Then what was there is there, and the page says why it is no newer
    assert metrics(at)["Events"] == "3"
    said = at.warning[0]
    assert escaped_markdown(f"No Kafka broker answers at {address}") in said.proto.title
    assert "What was loaded before is shown" in said.value
