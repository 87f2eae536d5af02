"""The documentation says what is there: every link leads somewhere, every setting is named."""

import re
import tomllib
from dataclasses import fields
from urllib.parse import unquote, urlsplit

import pytest

from lib.core.masking import Masking
from lib.events.fields import CHOICES
from lib.sources.access import Rule
from lib.sources.kafka.schema_registry import RegistrySettings
from lib.sources.kafka.settings import KafkaSettings
from tests.support.app import REPOSITORY

DOCS = sorted(
    file.relative_to(REPOSITORY).as_posix()
    for file in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
)
CONFIGURATION = "docs/configuration.md"
GLOSSARY = "docs/glossary.md"

WORDS = """
allowed lateness, arrival order, burst, clock offset, CreateTime, delay, drift, engine, event time,
gone, grace, lateness, LogAppendTime, lost, lower envelope, normalized time, notebook, offset,
out-of-orderness, outage, outcome, partition, quiet, received time, record time, rejected, replay,
sent time, sequence number, session, session gap, shared outage, stream time, watermark, zero
"""


def text_of(document):
    return (REPOSITORY / document).read_text()


def prose_of(document):
    """Return a document without its code, in which a bracket is a bracket."""
    without_blocks = re.sub(r"^```.*?^```", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", without_blocks)


def links_of(document):
    """Return the targets of the links and pictures of a document."""
    prose = prose_of(document)
    inline = re.findall(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)", prose)
    return inline + re.findall(r"^\[[^\]]+\]:\s*(\S+)", prose, flags=re.MULTILINE)


def anchors_of(document):
    """Return the anchors that GitHub gives the headings of a document."""
    without_code = re.sub(r"^```.*?^```", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    found = []
    for heading in re.findall(r"^#+\s+(.*?)\s*$", without_code, flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        taken = sum(each == anchor or each.startswith(f"{anchor}-") for each in found)
        found.append(f"{anchor}-{taken}" if anchor in found else anchor)
    return found


def fault_of(document, link):
    """Return what is wrong with a link of a document; None where it leads somewhere."""
    url = urlsplit(link)
    if url.scheme in ("http", "https"):
        return None if url.netloc else "names no host"
    target = (REPOSITORY / document).parent / unquote(url.path) if url.path else None
    if target is not None and not target.resolve().is_relative_to(REPOSITORY):
        return "leads out of the repository"
    if target is not None and not target.exists():
        return "leads to no file"
    inside = document if target is None else target.resolve().relative_to(REPOSITORY).as_posix()
    if url.fragment and inside.endswith(".md") and url.fragment not in anchors_of(inside):
        return "leads to no heading"
    return None


class TestLinks:
    @pytest.mark.parametrize("document", DOCS)
    def test_every_link_leads_somewhere(self, document):
        faults = {link: fault_of(document, link) for link in links_of(document)}
        assert {link: fault for link, fault in faults.items() if fault} == {}

    def test_links_are_found(self):
        assert "docs/links.md" in links_of("README.md")
        assert "docs/images/comparison.png" in links_of("README.md")

    @pytest.mark.parametrize(
        ("link", "fault"),
        [
            ("https://example.org/a#b", None),
            ("https:///a", "names no host"),
            ("links.md", None),
            ("../README.md#two-commands", None),
            ("#environment-variables", None),
            ("gone.md", "leads to no file"),
            ("../README.md#gone", "leads to no heading"),
            ("#gone", "leads to no heading"),
            ("../../README.md", "leads out of the repository"),
        ],
    )
    def test_a_wrong_link_is_found(self, link, fault):
        assert fault_of(CONFIGURATION, link) == fault


def sections_of(document):
    """Return the text below each heading, by the heading."""
    parts = re.split(r"^#+ (.*)$", text_of(document), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def documented(section):
    """Return the names in the first column of a section's table."""
    rows = re.findall(r"^\| `([^`]+)`", sections_of(CONFIGURATION)[section], flags=re.MULTILINE)
    assert rows
    assert len(rows) == len(set(rows))
    return set(rows)


def variables_of_the_code():
    """Return the environment variables that the code names, whoever reads them."""
    named = re.compile(r"""["']((?:KAFKA|SCHEMA_REGISTRY|SKEWLINE)_[A-Z_]+)["']""")
    scripts = [*REPOSITORY.glob("lib/**/*.py"), *REPOSITORY.glob("pages/*.py")]
    return {name for script in scripts for name in named.findall(script.read_text())}


def attributes(dataclass):
    return {field.name for field in fields(dataclass)}


def text_of_default(value):
    """Return a default as TOML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class TestConfiguration:
    def test_every_environment_variable_is_documented_and_no_other(self):
        assert "KAFKA_BOOTSTRAP_SERVERS" in variables_of_the_code()
        assert documented("Environment variables") == variables_of_the_code()

    def test_the_environment_is_read_by_these_names_only(self):
        # A name put together, or another prefix, would not be found above.
        read = re.compile(r"(?:environ(?:ment)?(?:\.get\(|\[)|getenv\()\s*([^\s,)\]]+)")
        for script in [*REPOSITORY.glob("lib/**/*.py"), *REPOSITORY.glob("pages/*.py")]:
            for name in read.findall(script.read_text()):
                assert not name.startswith(("f'", 'f"')), f"{script}: {name}"
                if name.startswith(("'", '"')):
                    assert name.strip("'\"") in documented("Environment variables"), script

    @pytest.mark.parametrize(
        ("section", "settings"),
        [
            ("`[connections.kafka]`", attributes(KafkaSettings)),
            ("`[connections.kafka.schema_registry]`", attributes(RegistrySettings)),
            ("`[files]`", {"folder", "recursive"}),
            ("`[masking]`", attributes(Masking)),
            ("`[[access]]`", attributes(Rule)),
            ('`[fields."TOPIC"]`', set(CHOICES)),
        ],
    )
    def test_every_key_of_the_secrets_is_documented_and_no_other(self, section, settings):
        assert documented(section) == settings

    def test_every_section_of_the_secrets_example_is_documented(self):
        example = (REPOSITORY / ".streamlit/secrets.example.toml").read_text()
        uncommented = re.findall(r"^(?:# )?\[+(\w+)", example, flags=re.MULTILINE)
        named = re.findall(r"`\[+(\w+)", " ".join(sections_of(CONFIGURATION)))
        assert set(uncommented) == set(named)

    def test_defaults_are_those_of_the_code(self):
        rows = re.findall(
            r"^\| `(\w+)` \|.*\| `?([^|`]*?)`? \|$",
            sections_of(CONFIGURATION)["`[connections.kafka]`"],
            flags=re.MULTILINE,
        )
        defaults = {field.name: field.default for field in fields(KafkaSettings) if field.default}
        said = {name: default for name, default in rows if default not in ("none", "required")}
        said.pop("ssl_cafile")
        assert said == {name: text_of_default(defaults[name]) for name in said}
        assert {"reader", "isolation_level", "security_protocol", "timeout_s"} <= said.keys()

    def test_streamlits_settings_are_those_of_the_file(self):
        settings = tomllib.loads((REPOSITORY / ".streamlit/config.toml").read_text())
        ours = {
            f"{section}.{name}": value
            for section, of_section in settings.items()
            if section != "theme"
            for name, value in of_section.items()
        }
        rows = re.findall(
            r"^\| `([\w.]+)` \| `([^`]+)`",
            sections_of(CONFIGURATION)["Streamlit's settings"],
            flags=re.MULTILINE,
        )
        assert dict(rows) == {name: text_of_default(value) for name, value in ours.items()}


def glossary():
    """Return the terms of the glossary with their sentences, in the order of the page."""
    entry = re.compile(r"^- \*\*(.+?)\*\*: (.+?)(?=^- |\Z)", flags=re.MULTILINE | re.DOTALL)
    entries = entry.findall(text_of(GLOSSARY))
    return [(term, " ".join(sentence.split())) for term, sentence in entries]


class TestGlossary:
    def test_terms_are_in_alphabetical_order_and_each_is_there_once(self):
        keys = [re.sub(r"[^a-z ]", "", term.lower()) for term, _ in glossary()]
        assert keys == sorted(set(keys))

    def test_each_is_one_sentence(self):
        for term, sentence in glossary():
            assert re.fullmatch(r"[^.]+(\.\d[^.]*)*\.", sentence), term

    def test_the_words_that_pages_and_docs_use_are_there(self):
        terms = {term.removesuffix(", the") for term, _ in glossary()}
        assert {" ".join(word.split()) for word in WORDS.split(",")} <= terms


class TestChangelog:
    def test_begins_with_what_is_unreleased_and_dates_the_rest(self):
        versions = re.findall(r"^## (.*)$", text_of("CHANGELOG.md"), flags=re.MULTILINE)
        assert versions[0] == "[Unreleased]"
        assert versions[1:]
        for version in versions[1:]:
            assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)

    def test_has_the_version_of_the_project(self):
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
        assert f"## [{project['version']}]" in text_of("CHANGELOG.md")
