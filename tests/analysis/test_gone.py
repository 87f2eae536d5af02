from lib.analysis.gone import gone
from tests.support.tables import events_table

MINUTE = 60_000


def topic(until, every=1_000):
    """Clients heard every second, each until a moment."""
    rows = [(at, name) for name, end in until.items() for at in range(0, end, every)]
    rows.sort()
    times = [at for at, _ in rows]
    return events_table(times, [at + 5 for at in times], client=[name for _, name in rows])


def test_a_client_that_stops_long_before_the_others_is_gone():
    staying = dict.fromkeys("bcdefgh", 10 * MINUTE)
    table = gone(topic({"a": 4 * MINUTE, **staying}))
    assert table["ClientID"].tolist() == ["a"]
    assert table["LastHeard"].tolist() == [4 * MINUTE - 1_000 + 5]
    assert table["Silent"].tolist() == [6 * MINUTE]
    assert table["Longest"].tolist() == [1_000]


def test_a_job_that_ran_once_is_not_gone():
    staying = dict.fromkeys("bcdefgh", 10 * MINUTE)
    assert gone(topic({"job": MINUTE, **staying})).empty


def test_where_most_ran_once_those_that_stayed_longer_are_not_gone():
    jobs = dict.fromkeys("abcdef", MINUTE)
    assert gone(topic({**jobs, "g": 5 * MINUTE, "h": 10 * MINUTE, "i": 10 * MINUTE})).empty


def test_where_clients_come_and_go_nobody_is_gone():
    assert gone(topic({name: (n + 3) * MINUTE for n, name in enumerate("abcdefgh")})).empty


def test_a_client_that_paused_as_long_before_is_not_gone():
    early, late = topic({"a": MINUTE}), topic(dict.fromkeys("bcdefgh", 10 * MINUTE))
    times = sorted(
        [(at, "a") for at in early["Timestamp"]]
        + [(at + 5 * MINUTE, "a") for at in early["Timestamp"]]
        + list(zip(late["Timestamp"], late["ClientID"], strict=True))
    )
    events = events_table(
        [at for at, _ in times], [at + 5 for at, _ in times], client=[who for _, who in times]
    )
    assert gone(events).empty


def test_an_empty_topic_has_lost_nobody():
    assert gone(events_table([], [])).empty
