"""What a page says when a topic is not what it was."""

from __future__ import annotations

from tests.support.broker import Record, create_topic, delete_records, delete_topic
from tests.support.opened import metrics, open_app, press


def test_pages_say_what_expired_and_that_a_topic_was_made_anew(
    broker, app_isolation, make_topic, produce
):
    # Given a topic that is on the screen
    address, topic = broker.bootstrap_servers, make_topic()
    value = b'{"Timestamp": %d, "ClientID": 1, "SessionID": "s", "EventID": %d}'
    records = [Record(value % (1_545_230_000_000 + n, n)) for n in range(30)]
    produce(topic, records[:10])
    app_isolation.write_text(f'[connections.kafka]\nbootstrap_servers = "{address}"\n')
    at = open_app(source="Kafka", topic=topic)
    assert metrics(at)["Events"] == "10"

    # When more is written of which some expires, and somebody presses Reload
    produce(topic, records[10:])
    delete_records(address, topic, 15)
    press(at, "Reload")

    # Then what is left is there, and the page says what is not
    assert metrics(at)["Events"] == "15"
    assert "5 offsets expired while the topic was read" in " ".join(w.value for w in at.warning)
    assert not any("never arrived" in each.value for each in at.markdown)

    # And when the topic is made anew, the new one is there alone, and the page says so
    delete_topic(address, topic)
    create_topic(address, topic)
    produce(topic, records[:3])
    press(at, "Reload")
    assert metrics(at)["Events"] == "3"
    assert any("made anew" in info.value for info in at.info)
