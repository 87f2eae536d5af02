"""The advisor: the setting that keeps a goal, whether it can be relied on, the code to paste."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.charts import windows as charts
from lib.core.columns import LATENCY_MEDIAN_MS
from lib.core.durations import written_ms
from lib.core.formatting import counted, duration, escaped_markdown, share_text
from lib.core.tickets import Ticket
from lib.core.times.forms import FORMS
from lib.events.fields import JOINED
from lib.replay.engine import Setting, delay_ms
from lib.replay.goal import Goal
from lib.replay.reading import reading_of
from lib.replay.sentences import NO_ADVICE, TOO_FEW, advice_sentence, how_chosen, named
from lib.replay.windows import SessionWindow
from lib.ui import parameters
from lib.ui.answers import impossible_times_in
from lib.ui.chart import show_picture
from lib.ui.lazy import expander
from lib.ui.links import copy_for_ticket, link_to
from lib.ui.parameters import BREAK, DELAY, LOSE, SESSION_GAP, binding
from lib.ui.parts.engine_settings import names_in
from lib.ui.parts.export import export_dropped
from lib.ui.replays import advice_of, elsewhere_of, tradeoff_of
from lib.ui.show import clock_name
from lib.ui.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice, Tried
    from lib.replay.code import Names
    from lib.replay.outcome import Outcome
    from lib.ui.parameters import UrlParameter
    from lib.ui.visible import Visible

_ANY: Final = "any"


def advisor(visible: Visible, setting: Setting, goal: Goal) -> None:
    """Draw the setting that keeps the goal, what it did on later events, and the code for it."""
    advice = advice_of(visible, setting, goal)
    if len(visible.topic.events.timed) < 2:
        st.info(TOO_FEW, icon=":material/search_off:")
        return
    if advice is None:
        say_no_setting(impossible_times_in(visible.whole, visible.times.zone))
        return
    export = partial(export_dropped, visible, advice.setting, advice.outcome.dropped)
    advice_told(advice, goal, visible.topic, visible.key, visible.times, export)


def advice_told(
    advice: Advice,
    goal: Goal,
    topic: LoadedTopic,
    key: str,
    times: Times,
    export: Callable[[], None],
) -> None:
    """Draw an advice, wherever the events are, and the code for it.

    Parameters
    ----------
    topic
        What is known of the topic: its events are not looked at.
    key
        The column that windows are grouped by.
    export
        Offers the events that the advised setting drops.
    """
    said = _say(advice, goal, times, topic)
    with st.container(horizontal=True):
        _use_button(advice.setting)
        with st.container(width="content"):  # else it takes the room up to the next
            export()
        _copy(advice, said, topic)
    st.caption(how_chosen(advice, len(topic.positions)))
    if advice.tried:
        expander(
            "Each stretch that it was tested on",
            partial(_show_stretches, _stretches(advice.tried, times)),
            key=parameters.STRETCHES_OPEN,
            icon=":material/table_rows:",
        )
    _code(topic, key, advice.setting)


def say_no_setting(why: str) -> None:
    """Say that no setting keeps the goal; `why` is what else there is to say of that."""
    st.warning(
        f"{escaped_markdown(why)} Allow more events to be dropped or more sessions not to be "
        "exact, or choose another gap.".lstrip(),
        title=NO_ADVICE,
        icon=":material/search_off:",
    )


def _say(advice: Advice, goal: Goal, times: Times, topic: LoadedTopic) -> str:
    """Say what is advised, and return that without emphasis."""
    far_ahead, empty = topic.contents.far_ahead, topic.report.empty
    sentence = advice_sentence(advice, goal, times.moment, far_ahead, empty)
    subject, said = named(advice.setting), sentence
    sentence = f"**{subject}**{sentence.removeprefix(subject)}"
    if advice.refusal is None:
        st.success(sentence, icon=":material/recommend:")
    else:
        st.warning(sentence, icon=":material/rule:")
    return said


def _copy(advice: Advice, sentence: str, topic: LoadedTopic) -> None:
    outcome, latency = advice.outcome, advice.outcome.latency_median_ms
    numbers = {
        "Topic": topic.report.topic,
        "Engine": advice.setting.engine.label,
        advice.setting.window.length_title: written_ms(advice.setting.window.length_ms),
        advice.setting.engine.delay.title: written_ms(delay_ms(advice.setting)),
        "Dropped": f"{outcome.dropped:,} of {outcome.events:,} events "
        f"({share_text(outcome.dropped_share)})",
        "Median result latency": "none" if latency is None else duration(latency),
    }
    ticket = Ticket(sentence, numbers, link_to())
    copy_for_ticket(lambda: ticket, parameters.ticket_key("advice"))


def choose_goal(setting: Setting, *, has_sessions: bool) -> Goal:
    """Draw the controls of the goal and return it; a topic may have sessions of its own."""
    with st.container(horizontal=True):
        dropped = _choose_share(
            "Drop at most, % of events",
            LOSE,
            help="A delay that drops no more is advised: the less may be dropped, the longer it "
            "is, and the later results come. A number from 0 to 100.",
            width=220,
        )
        broken = _choose_share(
            "Not exact at most, % of sessions",
            BREAK,
            disabled=not (has_sessions and isinstance(setting.window, SessionWindow)),
            help="A session is exact when one window holds exactly its events. A number from 0 to "
            f"100, with which the session gap is looked for, too; or {_ANY}.",
            width=260,
        )
    assert dropped is not None
    return Goal(dropped, broken)


def _choose_share(
    title: str,
    parameter: UrlParameter[str],
    *,
    help: str,  # noqa: A002 - Streamlit's word
    width: int,
    disabled: bool = False,
) -> float | None:
    """Draw a box to type a percentage into; return the share, None for any."""

    def is_share(text: str) -> bool:
        return _percent(text) is not None or text == parameter.default

    box = st.container(width=width)
    typed = box.text_input(
        title,
        parameter.default,
        max_chars=20,
        key=parameter.name,
        bind=binding(parameter.name, is_share),
        help=help,
        disabled=disabled,
    )
    used = typed if is_share(typed) else parameter.default
    if used != typed:
        box.caption(
            f":red[:material/error: “{escaped_markdown(typed)}” is not used: write a number from 0 "
            f"to 100.] What holds is {used}."
        )
    percent = _percent(used)
    return None if percent is None else percent / 100


def _percent(text: str) -> float | None:
    """Return a number from 0 to 100; None where a text says none."""
    try:
        found = float(text.strip().removesuffix("%"))
    except ValueError:
        return None
    return found if 0 <= found <= 100 else None


def _use_button(setting: Setting) -> None:
    st.button(
        "Use this setting",
        icon=":material/check:",
        on_click=_use,
        args=(setting,),
        help="Sets the controls at the top of the page.",
    )


def _use(setting: Setting) -> None:
    # The boxes are bound to the URL's parameters of these names.
    st.session_state[SESSION_GAP.name] = written_ms(setting.window.length_ms)
    st.session_state[DELAY.name] = written_ms(delay_ms(setting))


def _stretches(tried: Sequence[Tried], times: Times) -> list[dict[str, str]]:
    clock = clock_name(times)
    return [
        {
            f"Tested from, {clock}": times.cell(one.begin_ms),
            f"to, {clock}": times.cell(one.end_ms),
            "Chosen on the first": f"{one.begin:,} events",
            one.setting.engine.delay.title: written_ms(delay_ms(one.setting)),
            "Dropped": share_text(one.dropped_share),
            **({} if one.broken_share is None else {"Not exact": share_text(one.broken_share)}),
            "Goal kept": "yes" if one.kept_goal else "no",
        }
        for one in tried
    ]


def _show_stretches(rows: list[dict[str, str]]) -> None:
    show_table(pd.DataFrame(rows), alt="Stretches of later events, and what was dropped")


def tradeoff(visible: Visible, setting: Setting, goal: Goal) -> None:
    """Draw what settings around the advised one trade latency for, and the other engines."""
    advice = advice_of(visible, setting, goal)
    if advice is None:
        st.caption("No setting is advised, so there is none to draw around.")
        return
    draw_tradeoff(tradeoff_of(visible, advice.setting), advice)
    show_elsewhere(advice, elsewhere_of(visible, advice.setting))


def draw_tradeoff(tried: pd.DataFrame, advice: Advice) -> None:
    """Draw what settings around the advised one trade latency for: `lib.replay.sweep.curve`."""
    if tried[LATENCY_MEDIAN_MS].isna().all():
        st.caption("None of the settings around the advised one has a final result to draw.")
        return
    show_picture(charts.tradeoff(tried, advice.setting, advice.outcome), parameters.TRADEOFF_CHART)


def show_elsewhere(advice: Advice, others: Sequence[tuple[Setting, Outcome | None]]) -> None:
    """Show the advised setting beside the nearest in each other engine; None: it is not told."""
    rows = [(advice.setting, advice.outcome), *others]
    st.markdown("**The same in the other engines**")
    show_table(
        pd.DataFrame([_row(*each) for each in rows]),
        alt="The advised setting and the nearest in the other engines, on the whole topic",
    )


def _row(setting: Setting, outcome: Outcome | None) -> dict[str, object]:
    row: dict[str, object] = {
        "Engine": setting.engine.label,
        "Gap or size": written_ms(setting.window.length_ms),
        "Delay or grace": written_ms(delay_ms(setting)),
    }
    if outcome is None:
        return row | {"Dropped": "is told on one machine"}
    if outcome.stopped:
        return row | {"Dropped": f"stops after {counted(outcome.events, 'event')}"}
    row["Dropped"] = share_text(outcome.dropped_share)
    if outcome.sessions is not None:
        row["Sessions exact"] = share_text(1 - outcome.sessions.broken_share)
    latency = outcome.latency_median_ms
    return row | {"Result latency": "none" if latency is None else duration(latency)}


def _to_adapt(topic: LoadedTopic) -> Iterator[str]:
    """Give what the programs do otherwise than Skewline has read the topic, as sentences."""
    reading = reading_of(topic.decoder)
    if reading is None:
        assert topic.decoder is not None
        yield (
            f"The programs read values as plain JSON. Those of this topic are "
            f"{escaped_markdown(topic.decoder.name)}: put in how your jobs read them."
        )
    elif reading.avro is not None:
        yield (
            "The Java and Python programs read all values with the schema of the topic's first "
            "record. Where it has others, too, put in a deserializer that asks your registry."
        )
    sources = topic.fields.event_time.sources
    if len(sources) > 1 or any(JOINED in source for source in sources):
        yield (
            f"The programs read one field as the event time. Here it is "
            f"{escaped_markdown(', else '.join(sources))}: put that in."
        )
    if topic.corrected:
        yield "The programs read event times as they are, with no clock corrected."
    yield from _forms_to_adapt(topic)


def _forms_to_adapt(topic: LoadedTopic) -> Iterator[str]:
    """Give what the programs do not read of the forms of event times."""
    notes, event = topic.contents.notes.get("event_time"), topic.fields.event_time
    if notes is None:
        return
    if notes.other_forms:
        forms = ", ".join(FORMS[form].label for form in notes.other_forms)
        clients = sum(map(len, notes.other_forms.values()))
        yield (
            "The programs read all event times in one form. Here another is written by "
            f"{counted(clients, 'client')}: {escaped_markdown(forms)}. Put that in."
        )
    if "gps_s" in (event.form, *notes.forms.values()):
        yield "The programs take 18 leap seconds off GPS times, which is right from 2017 on."


_TOKENS: Final = "".join(
    f"[data-testid=stCode] .token.{token} {{color: light-dark({light}, {dark}) !important}}"
    for tokens, light, dark in (
        (("keyword", "function", "class-name"), "#1257b5", "#7fb2f8"),
        (("string",), "#0a6b2d", "#6fcf8e"),
        (("number", "constant", "operator"), "#00695c", "#63cdbb"),
        (("punctuation", "comment"), "#565f6e", "#9aa6b6"),
    )
    for token in tokens
)
"""Colours of programs: Streamlit's own are one set for both themes, too pale on either."""


def _code(topic: LoadedTopic, key: str, setting: Setting) -> None:
    fill = partial(_programs, [*_to_adapt(topic)], names_in(topic, key), setting)
    expander("The code to paste", fill, key=parameters.CODE_OPEN, icon=":material/code:")


def _programs(to_adapt: Sequence[str], names: Names, setting: Setting) -> None:
    st.html(f"<style>{_TOKENS}</style>")
    for sentence in to_adapt:
        st.warning(sentence, icon=":material/edit:")
    for program in setting.engine.programs(setting, names):
        st.markdown(f"**{program.title}**")
        if program.remark:
            st.warning(program.remark, icon=":material/edit:")
        st.code(program.text, language=program.language, wrap_lines=True)
