import re
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lib.core.durations import written_ms
from lib.core.formatting import (
    code_span,
    counted,
    delay_text,
    duration,
    escaped_markdown,
    percent,
    rough_duration,
    share_text,
    size,
    visible_text,
)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (12, "12 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (65_162, "65.2 s"),
        (119_999, "120 s"),
        (120_000, "2 min"),
        (637_000, "10.6 min"),
        (3_599_999, "1 h"),
        (7_500_000, "2 h 5 min"),
        (113_100_000, "31 h 25 min"),
        (172_799_999, "2 d"),
        (277_200_000, "3 d 5 h"),
        (-3_600_000, "−1 h"),
    ],
)
def test_a_duration_is_in_the_unit_that_suits_it(ms, text):
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (202, "less than a second"),
        (1_200, "about a second"),
        (3_900, "a few seconds"),
        (13_000, "about 10 s"),
        (84_000, "about 80 s"),
        (95_000, "about 2 min"),
        (1_000_000, "about 20 min"),
        (13_000_000, "about 4 h"),
    ],
)
def test_an_estimate_does_not_pretend_to_be_exact(ms, text):
    assert rough_duration(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(2_100, "2.1 s"), (0, "0 ms"), (-0.4, "0 ms"), (-3_600_000, "1 h ahead")]
)
def test_a_delay_below_zero_says_that_the_clock_is_ahead(ms, text):
    assert delay_text(ms) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (2_428, "2,428 events")]
)
def test_a_number_agrees_with_its_noun(number, text):
    assert counted(number, "event") == text


@pytest.mark.parametrize(
    ("of_bytes", "text"), [(999, "999 B"), (35_000, "35 kB"), (1_240_000_000, "1.24 GB")]
)
def test_a_size_is_in_the_unit_that_suits_it(of_bytes, text):
    assert size(of_bytes) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-7, "less than 0.001 %"),
        (0.0005, "0.05 %"),
        (0.12345, "12.3 %"),
        (0.99, "99 %"),
        (0.9995, "99.95 %"),
        (1 - 1e-4, "99.99 %"),
        (1 - 1e-7, "more than 99.999 %"),
        (1, "100 %"),
    ],
)
def test_a_share_has_the_digits_that_tell(share, text):
    assert share_text(share) == text


SHARES = [share_text, percent, *(partial(percent, decimals=decimals) for decimals in (0, 1, 3))]


@pytest.mark.parametrize("written", SHARES)
@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((1, 10**9))
@example((10**9 - 1, 10**9))
def test_a_share_is_nothing_or_all_only_where_it_is(written, counts):
    some, every = counts

    words = re.fullmatch(r"(less than |more than )?([0-9]+(?:\.[0-9]+)?) %", written(some / every))

    assert words is not None
    bound, number = words[1], float(words[2])
    assert (number == 0) == (some == 0)
    assert (number == 100) == (some == every)
    exact = 100 * some / every
    if bound == "less than ":
        assert exact < number
    elif bound == "more than ":
        assert exact > number
    else:
        assert number == pytest.approx(exact, abs=0.5)


@given(st.integers(-(2**62), 2**62))
def test_no_duration_and_no_size_has_an_exponent(number):
    length = abs(number)
    said = [duration(number), delay_text(number), rough_duration(length), size(length)]
    said += [written_ms(length), counted(length, "event")]

    assert not [each for each in said if re.search("e[+-]?[0-9]", each)]


HOSTILE = [
    "![x](https://planted.example/a.png)",
    "![x][1]",
    "[x](javascript:alert(1))",
    "<img src=https://planted.example/a.png>",
    "https://planted.example www.planted.example a@planted.example",
    "*a* **b** _c_ __d__ ~~e~~ `f` ``g``",
    "# a",
    "> a",
    "- a",
    "+ a",
    "1. a",
    "2) a",
    "---",
    "~~~",
    "```",
    "    code",
    "| a | b |",
    "$x^2$ $$y$$",
    ":material/home: :material_home: :streamlit: :smile: :+1:",
    ":red[a] :red-background[b] :small[c] ::leaf :::box",
    "&lt;b&gt; &#58; &amp;",
    "\\*a\\* \\",
    "a -> b -- c <- d >= e <= f ~= g <-> h",
]
"""Texts that Streamlit would draw as something else."""


def shown(markdown):
    """Return what a Markdown element shows, if it is one paragraph of nothing but text."""
    parser = MarkdownIt().enable("strikethrough").enable("table")
    paragraph, inline, end = parser.parse(markdown.strip())  # Streamlit strips it too
    assert (paragraph.type, end.type) == ("paragraph_open", "paragraph_close")
    assert {child.type for child in inline.children} <= {"text", "text_special"}
    return "".join(child.content for child in inline.children).replace("\u2060", "")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "Client {} is slow.", "({})"])
def test_escaped_text_is_shown_letter_by_letter(text, around):
    assert shown(around.format(escaped_markdown(text))) == around.format(text).strip()


@given(st.text(alphabet="ab1 \\`*_[](){}<>#+-.!|~$&:;/@='\"^\u202e\n\t", min_size=1))
def test_any_text_is_shown_letter_by_letter_when_escaped(text):
    escaped = escaped_markdown(text)
    if escaped.strip():
        assert shown(escaped) == visible_text(text).strip()


@given(st.text(min_size=1))
def test_any_text_is_shown_on_one_line_with_every_character_seen(text):
    assert visible_text(text).isprintable()
    assert visible_text(visible_text(text)) == visible_text(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain – ä 漢 🙂", "plain – ä 漢 🙂"),
        ("a\nb\x00", "a⟨U+000A⟩b⟨U+0000⟩"),
        ("\u200b\u202e\u2066", "⟨U+200B⟩⟨U+202E⟩⟨U+2066⟩"),
        ("\ud800", "⟨U+D800⟩"),
        (54, "54"),
    ],
)
def test_what_does_not_show_is_written_as_its_code_point(text, seen):
    assert visible_text(text) == seen


# What Streamlit does to text after it has parsed the Markdown.
AFTERWARDS = re.compile(
    r":material_\w+:|:material/|:streamlit:|:[\w+-]+:|https?://|www\.|[\w.+-]@[\w-]"
    r"|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
    re.ASCII | re.IGNORECASE,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_streamlit_replaces_after_parsing(text):
    parsed = MarkdownIt().parse(escaped_markdown(text).strip())[1]
    after = "".join(child.content for child in parsed.children)
    assert not AFTERWARDS.search(after)
    assert ":material/" not in escaped_markdown(text)


@given(st.text(alphabet="a `\\:/materil\n", min_size=1).filter(str.strip))
def test_a_code_span_shows_any_words(text):
    _, inline, _ = MarkdownIt().parse(code_span(text))
    [code] = inline.children
    assert code.type == "code_inline"
    assert code.content.replace("\u2060", "") == visible_text(" ".join(text.split()))
