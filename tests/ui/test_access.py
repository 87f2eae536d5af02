"""What a viewer who has signed in gets to see, in the app without a browser."""

from __future__ import annotations

import pytest
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest

from lib.core.formatting import escaped_markdown
from tests.support.app import REPOSITORY
from tests.support.opened import PATIENCE_S, TWO_TOPICS, metrics, settled

AUTH = """
[auth]
redirect_uri = "http://localhost/oauth2callback"
cookie_secret = "a secret of the tests"
client_id = "skewline"
client_secret = "x"
server_metadata_url = "http://localhost/.well-known/openid-configuration"
"""
RULES = """
[[access]]
domains = ["example.com"]
sources = ["samples"]
topics = ["sessions-10"]
[[access]]
people = ["ann@example.org"]
"""


@pytest.fixture
def opened(app_isolation):
    def open_as(email=None, rules=RULES, auth=AUTH, **query):
        app_isolation.write_text(auth + rules)
        at = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=PATIENCE_S)
        at.user = {"is_logged_in": email is not None} | ({"email": email} if email else {})
        for name, value in query.items():
            at.query_params[name] = value
        return settled(at.run())

    return open_as


def errors(at):
    return [error.proto.title or error.value for error in at.error]


def test_nobody_sees_anything_before_signing_in(opened):
    at = opened(source="Samples", topic="sessions-10")
    assert [button.label for button in at.button] == ["Sign in"]
    assert not metrics(at)
    assert not at.sidebar.children


def test_whoever_is_on_no_list_is_told_so(opened):
    at = opened("eve@example.net")
    assert f"{escaped_markdown('eve@example.net')} is not on the list" in errors(at)[0]
    assert [button.label for button in at.button] == ["Sign out"]


def test_whoever_is_struck_off_is_out_at_the_next_run(opened, app_isolation):
    at = opened("ann@example.org", source="Samples", topic="sessions-10")
    assert metrics(at)
    app_isolation.write_text(AUTH + RULES.replace("ann@", "bob@"))
    secrets_singleton._reset()
    at.run()
    assert errors(at)
    assert not metrics(at)


def test_only_what_is_open_is_offered(opened):
    at = opened("bob@example.com")
    assert metrics(at)["Clients"]
    [source] = [each for each in at.sidebar.get("button_group") if each.key == "source"]
    assert source.options == ["Samples"]
    assert at.selectbox(key="topic").options == ["sessions-10"]


@pytest.mark.parametrize("topic", ["sessions-100", "no-such-topic"])
def test_a_link_to_another_topic_is_refused(opened, topic):
    opened("ann@example.org", source="Samples", topic="sessions-100")  # somebody else has it loaded
    at = opened("bob@example.com", source="Samples", topic=topic)
    assert f"The topic “{topic}” of Samples is not open to you." in errors(at)[0].replace("\\", "")
    assert not metrics(at)


def test_a_link_to_another_source_is_refused(opened):
    at = opened("bob@example.com", source="Upload", topic="x")
    assert errors(at) == ["Upload is not open to you."]
    assert not at.sidebar.get("file_uploader")


def test_rules_that_cannot_be_used_show_nothing(opened):
    at = opened("ann@example.org", rules='[[access]]\nperson = ["ann@example.org"]\n')
    assert "unknown settings: person" in errors(at)[0]
    assert not metrics(at)


def test_rules_without_sign_in_hold_for_everybody(opened):
    rules = '[[access]]\nsources = ["samples"]\ntopics = ["sessions-10"]\n'
    at = opened(rules=rules, auth="", source="Samples", topic="sessions-100")
    assert "is not open to you" in errors(at)[0]


def test_what_the_log_in_lacks_is_said_instead_of_a_button(opened):
    at = opened(auth='[auth]\nclient_id = "skewline"\n')
    assert "has no redirect_uri" in errors(at)[0]
    assert not at.button


class TestTwoTopics:
    def test_only_what_is_open_is_offered(self, opened):
        at = opened("bob@example.com", source="Samples", topic="sessions-10")
        settled(at.switch_page(TWO_TOPICS).run())
        offered = {box.label: box.options for box in at.main.get("selectbox")}
        assert offered["Second source"] == ["Samples"]
        assert offered["Second topic"] == ["sessions-10"]

    @pytest.mark.parametrize(
        ("link", "said"),
        [
            ({"other_topic": "sessions-100"}, "The topic “sessions-100” of Samples is not open"),
            ({"other_source": "Upload"}, "Upload is not open to you."),
        ],
    )
    def test_a_link_to_another_one_is_refused(self, opened, link, said):
        at = opened("bob@example.com", source="Samples", topic="sessions-10", **link)
        settled(at.switch_page(TWO_TOPICS).run())
        assert said in errors(at)[0]
