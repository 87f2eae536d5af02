"""A client is found by how it is called in a link, whatever clients are."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.events.client_names import called, client_at, written


@given(
    st.one_of(
        st.sets(st.integers(-(2**63), 2**63 - 1), min_size=1),
        st.sets(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
        st.sets(st.text(), min_size=1),
        st.sets(st.booleans(), min_size=1),
    )
)
def test_a_client_is_found_by_how_it_is_written(names):
    clients = pd.Index(sorted(names))
    assert [client_at(clients, written(client)) for client in clients] == list(range(len(clients)))


@pytest.mark.parametrize("clients", [[1, 2], [1.5], ["a"], [True]])
def test_another_name_is_not_found(clients):
    assert client_at(pd.Index(clients), "nobody") is None


@pytest.mark.parametrize(
    ("client", "name"),
    [("", "“”"), (" ", "“ ”"), ("kiosk ", "“kiosk ”"), (" 7", "“ 7”"), ("a b", "a b"), (7.0, "7")],
)
def test_a_name_that_begins_or_ends_unseen_is_called_in_quotation_marks(client, name):
    assert called(client) == name
