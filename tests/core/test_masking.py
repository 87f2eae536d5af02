"""Which fields are masked, and what stands in their place."""

import base64
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.errors import SettingsError
from lib.core.masking import NOTHING_MASKED, Masking


@pytest.mark.parametrize(
    ("name", "path", "covers"),
    [
        ("email", "email", True),
        ("email", "Email", True),
        ("email", "user.email", True),
        ("email", "user.email.domain", True),
        ("email", "emails", False),
        ("user.email", "user.email", True),
        ("user.email", "payload.user.email", True),
        ("user.email", "user.name", False),
        ("user.email", "email", False),
        ("user", "user.name.first", True),
        ("user.*", "user.name", True),
        ("*.ssn", "person.ssn", True),
        ("*.ssn", "ssn", True),
        ("card_*", "payment.card_number", True),
        ("card_*", "payment.cardinal", False),
        ("*", "anything.at.all", True),
        ("/e-?mail|phone/", "user.e-mail", True),
        ("/e-?mail|phone/", "phones", False),
        (r"/user\.(name|id)/", "user.id", True),
        ("@key", "@key", True),
        ("*", "@key", False),
        ("email", "@key", False),
        ("@header:trace", "@header:trace", True),
        ("@header:trace", "trace", False),
        ("trace", "@header:trace", True),
        ("data_base64", "data.email", True),
    ],
)
def test_a_field_is_named_wherever_it_is_with_all_that_is_in_it(name, path, covers):
    assert Masking((name,)).covers(path) is covers


def test_a_regular_expression_that_is_none_is_refused():
    with pytest.raises(SettingsError, match=r"'/\(/' in fields of \[masking\] is no regular"):
        Masking(("/(/",))


class TestHashes:
    def test_equal_values_stay_equal_and_others_differ(self):
        masking = Masking(("id",))
        one, same, other = (masking.masked({"id": value})["id"] for value in (54, "54", 55))
        assert one == same == masking.masked({"id": 54.0})["id"]
        assert one != other
        assert one.startswith("masked-")

    def test_what_is_masked_already_stays(self):
        masking = Masking(("id",))
        once = masking.hashed("a")
        assert masking.hashed(once) == once

    def test_a_value_that_is_not_there_stays_away(self):
        assert Masking(("id",)).masked({"id": None, "a": 1}) == {"id": None, "a": 1}

    def test_a_key_makes_them_the_same_everywhere_and_another_key_makes_others(self):
        hashed = {key: Masking(("id",), key=key).hashed("ann") for key in ("", "one", "two")}
        assert len(set(hashed.values())) == 3
        program = "from lib.core.masking import Masking; print(*(Masking(('id',), key=k).hashed"
        program += "('ann') for k in ('', 'one')))"
        elsewhere = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        assert elsewhere[1] == hashed["one"]
        assert elsewhere[0] != hashed[""]

    def test_the_key_is_never_shown(self):
        assert "hunter2" not in repr(Masking(("id",), key="hunter2"))


SECRET = "ann@example.com"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"user": {"email": SECRET}}),
        json.dumps([{"email": [SECRET]}, 1]),
        json.dumps(json.dumps({"email": SECRET})),
        json.dumps({"inner": json.dumps({"email": SECRET})}),
        f'{{"email": "{SECRET}", "email": null}}',
        f'{{"a": {{"email": "{SECRET}"}}, "a": 1}}',
        f'{{"email": "{SECRET}"}} trailing',
        f"{{'email': '{SECRET}'}}",
        f"level=info email={SECRET}",
        f"/path?a=1&email={SECRET}",
        f'<user email="{SECRET}"/>',
        f"<email>{SECRET}</email>",
        f"Email : {SECRET}",
        base64.b64encode(json.dumps({"email": SECRET}).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps({"email": SECRET, "é": "ÿ?>"}).encode()).decode(),
        '{"a": ' * 3000 + f'{{"email": "{SECRET}"}}' + "}" * 3000,
    ],
)
def test_text_that_holds_a_masked_field_shows_none_of_it(text):
    shown = Masking(("email",)).masked_text(text)
    assert SECRET not in shown
    assert text not in shown


@pytest.mark.parametrize(
    "text", ["", "plain", "2018-10-28T11:35:00Z", '{"a":  1}', "[INFO] all is well: 1", "https://x"]
)
def test_other_text_stays_as_it_is(text):
    assert Masking(("email",)).masked_text(text) == text


def test_json_shows_all_else():
    shown = Masking(("email",)).masked_text(json.dumps({"email": SECRET, "a": [1, {"b": None}]}))
    assert json.loads(shown) | {"email": ""} == {"email": "", "a": [1, {"b": None}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(JSON)
def test_nothing_masked_changes_nothing(value):
    assert NOTHING_MASKED.masked(value) == value


@given(st.dictionaries(st.sampled_from(["a", "b", "email"]), JSON))
def test_wherever_it_stands_no_value_of_a_masked_field_is_left(record):
    planted = record | {"a": {"email": SECRET}, "b": [record, {"email": [SECRET]}]}
    masking = Masking(("email",))
    assert SECRET not in json.dumps(masking.masked(planted))
    assert SECRET not in masking.masked_text(json.dumps(planted))
