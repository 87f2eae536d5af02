import numpy as np

from lib.analysis.summary import Summary, summarise
from tests.support.tables import events_table

EVENTS = events_table(
    [1_000, 3_000, 2_000, 5_000],
    [1_010, 3_400, 2_500, 4_990],
    client=["a", "b", "a", "c"],
    session=["s", "t", "s", "u"],
)


def test_headline_figures_of_all_events():
    assert summarise(EVENTS, slice(None)) == Summary(
        events=4,
        clients=3,
        sessions=3,
        first_event_ms=1_000,
        last_event_ms=5_000,
        first_received_ms=1_010,
        last_received_ms=4_990,
        median_delay_ms=205,
        largest_delay_ms=500,
        ahead=1,
    )


def test_only_the_chosen_rows_count():
    some = summarise(EVENTS, np.array([0, 2]))
    assert (some.events, some.clients, some.sessions, some.ahead) == (2, 1, 1, 0)
    assert (some.last_event_ms, some.largest_delay_ms) == (2_000, 500)


def test_events_without_a_client_are_of_no_client():
    nameless = EVENTS.assign(ClientID=EVENTS["ClientID"].where(EVENTS["ClientID"] != "a"))
    assert summarise(nameless, slice(None)).clients == 2
