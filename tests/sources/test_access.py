"""Who may look at what: rules, and the source that keeps them."""

import pytest

from lib.core.errors import NotAllowedError, SettingsError
from lib.core.masking import Masking
from lib.loading.load import load
from lib.sources.access import (
    OPERATOR,
    SOMEBODY,
    Viewer,
    may_enter,
    providers_of,
    rules_of,
    topics_for,
)
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.guarded import Guarded
from lib.sources.open import guarded, open_source, settings_faults

ANN = Viewer({"email": "Ann@Example.com", "groups": ["team", "all"]})
AUTH = {"auth": {"client_id": "x"}}


def secrets(*rules, auth=True):
    return (AUTH if auth else {}) | {"access": list(rules)}


@pytest.mark.parametrize(
    ("rule", "claims", "is_for"),
    [
        ({}, {"email": "a@x.org"}, True),
        ({"people": ["ann@example.com"]}, ANN.claims, True),
        ({"people": ["bob@example.com"]}, ANN.claims, False),
        ({"domains": ["EXAMPLE.com"]}, ANN.claims, True),
        ({"domains": ["example.com"]}, {"email": "a@example.com.evil.org"}, False),
        ({"domains": ["example.com"]}, {"email": "a@sub.example.com"}, False),
        ({"domains": ["example.com"]}, {"name": "example.com"}, False),
        ({"groups": ["team"]}, ANN.claims, True),
        ({"groups": ["Team"]}, ANN.claims, False),
        ({"groups": ["team"]}, {"groups": "team"}, True),
        ({"groups": ["te"]}, {"groups": "team"}, False),
        ({"groups": ["team"], "groups_claim": "roles"}, {"roles": ["team"]}, True),
        ({"people": ["ann@example.com"]}, ANN.claims | {"email_verified": False}, False),
        ({"domains": ["example.com"]}, ANN.claims | {"email_verified": "false"}, False),
        ({"people": ["ann@example.com"]}, ANN.claims | {"email_verified": True}, True),
        ({"people": ["bob@example.com"], "groups": ["all"]}, ANN.claims, True),
        ({"people": ["ann@example.com"]}, {}, False),
    ],
)
def test_a_rule_is_for_whoever_is_in_one_of_its_lists(rule, claims, is_for):
    assert may_enter(Viewer(claims), secrets(rule)) is is_for


@pytest.mark.parametrize(
    ("rules", "source", "topics"),
    [
        ([{}], "kafka", ("*",)),
        ([{"topics": ["a", "b*"]}], "kafka", ("a", "b*")),
        ([{"topics": ["a"]}, {"groups": ["team"], "topics": ["b"]}], "kafka", ("a", "b")),
        ([{"topics": ["a"]}, {"people": ["bob@x.org"], "topics": ["b"]}], "kafka", ("a",)),
        ([{"topics": ["a"]}, {}], "kafka", ("*",)),
        ([{"sources": ["stag*"]}], "staging", ("*",)),
        ([{"sources": ["stag*"]}], "production", ()),
    ],
)
def test_what_any_rule_allows_is_allowed(rules, source, topics):
    assert topics_for(ANN, source, secrets(*rules)) == topics


@pytest.mark.parametrize(
    ("given", "entered"),
    [({}, True), (AUTH, False), ({"access": []}, False), (AUTH | {"access": [{}]}, True)],
)
def test_without_rules_everybody_sees_everything_unless_people_sign_in(given, entered):
    assert may_enter(SOMEBODY, given) is entered


def test_rules_without_sign_in_are_for_everybody():
    assert topics_for(SOMEBODY, "kafka", secrets({"topics": ["a"]}, auth=False)) == ("a",)


def test_rules_do_not_concern_the_operator():
    given = secrets({"people": ["ann@example.com"], "topics": ["a"]})
    assert topics_for(OPERATOR, "kafka", given) == ("*",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (AUTH | {"access": {"people": ["a@x.org"]}}, "access is no list of tables"),
        (secrets({"peoples": ["a@x.org"]}), "peoples may be meant as people"),
        (secrets({"people": "a@x.org"}), r"people in \[\[access\]\] is no list of texts"),
        (secrets({"people": []}), r"people under \[\[access\]\] is empty"),
        (secrets({"domains": ["@x.org"]}), "has an @"),
        (secrets({"groups": ["team"]}, auth=False), "but nobody signs in"),
    ],
)
def test_rules_that_cannot_be_used_open_nothing(given, said):
    with pytest.raises(SettingsError, match=said):
        rules_of(given)
    with pytest.raises(SettingsError, match=said):
        open_source("samples", given, {}, ANN)


APP = {"redirect_uri": "http://x/oauth2callback", "cookie_secret": "s"}
PROVIDER = {"client_id": "c", "client_secret": "s", "server_metadata_url": "http://p"}


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        (APP | PROVIDER, ()),
        (APP | PROVIDER | {"client_kwargs": {"prompt": "login"}}, ()),
        (APP | {"google": PROVIDER, "okta": PROVIDER}, ("google", "okta")),
    ],
)
def test_providers_are_those_of_the_log_in(auth, names):
    assert providers_of({"auth": auth}) == names


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({}, "[auth] has no redirect_uri. [auth] has no cookie_secret. [auth] has no client_id."),
        (PROVIDER, "[auth] has no redirect_uri. [auth] has no cookie_secret. Set"),
        (
            APP | {"okta": {"client_id": "c"}},
            "[auth.okta] has no client_secret. [auth.okta] has no",
        ),
        (APP | {"my_own": PROVIDER}, "The provider my_own has an underscore"),
        ("x", "auth is no table"),
    ],
)
def test_what_the_log_in_lacks_is_said_when_the_server_starts(auth, said):
    [fault] = settings_faults({"auth": auth}, {})
    assert said in str(fault)


class TestGuardedSource:
    only_small = Guarded(samples(), allowed=("sessions-10",))

    def test_lists_the_topics_that_are_open_alone(self):
        assert [info.name for info in self.only_small.topics()] == ["sessions-10"]

    def test_loads_them(self):
        assert len(load(self.only_small, "sessions-10", Everything()).events.table)

    @pytest.mark.parametrize("topic", ["sessions-100", "no-such-topic", "SESSIONS-10"])
    def test_refuses_others_whether_they_are_there_or_not(self, topic):
        with pytest.raises(NotAllowedError, match=f"“{topic}” of Samples is not open to you"):
            load(self.only_small, topic, Everything())

    def test_refuses_to_read_a_plan_that_another_source_made(self):
        plan = samples().plan("sessions-100", Everything())
        with pytest.raises(NotAllowedError):
            self.only_small.read(plan)

    def test_shares_nothing_in_memory_with_what_shows_more_or_less(self):
        masked = Guarded(samples(), Masking(("a",), key="k"), ("sessions-10",))
        other_key = Guarded(samples(), Masking(("a",), key="l"), ("sessions-10",))
        every = [samples(), self.only_small, masked, other_key]
        assert len({source.identity for source in every}) == len(every)
        assert self.only_small.identity == Guarded(samples(), allowed=("sessions-10",)).identity

    def test_a_source_that_is_not_open_is_refused(self):
        given = secrets({"sources": ["kafka"]})
        with pytest.raises(NotAllowedError, match="Samples is not open to you"):
            open_source("samples", given, {}, ANN)

    def test_a_source_is_bare_where_nothing_is_kept_from_the_viewer(self):
        assert guarded(samples(), "samples", {}, {}, SOMEBODY) == samples()
