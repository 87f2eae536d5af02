"""The advisor: the smallest setting that keeps a promise, and the code to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.core.formatting import duration
from lib.replay.advisor import FITTED_SHARE, Advice, Goal
from lib.replay.code import names_of
from lib.replay.engine import Setting, delay_ms
from lib.replay.windows import SessionWindow
from lib.ui.parameters import BREAK, LOSE
from lib.ui.replays import MOST_FOR_MANY, advice_of, true_sessions

if TYPE_CHECKING:
    from lib.loading.load import LoadedTopic
    from lib.replay.outcome import Outcome
    from lib.ui.page import Visible

_ANY: Final = "any"
_SHARES: Final = ("0", "0.01", "0.1", "0.5", "1", "2", "5", "10")


def advisor(visible: Visible, setting: Setting) -> None:
    """Draw the goal, the smallest setting that meets it, and the code for it."""
    goal = _choose_goal(visible, setting)
    advice = advice_of(visible.topic, setting, goal)
    if advice is None:
        st.warning(
            "Allow more events to be dropped or more sessions to be broken, or choose another gap.",
            title="No setting of this engine keeps that on this topic.",
            icon=":material/search_off:",
        )
        return
    st.success(_sentence(advice), icon=":material/recommend:")
    if not advice.holds:
        st.warning(_reservation(advice), icon=":material/rule:")
    rows = [("fitted", advice.setting, advice.fitted), ("checked", advice.setting, advice.held_out)]
    rows += [("all events", *advice.on_all)] if advice.on_all else []
    rows += [("checked", other, outcome) for other, outcome in advice.elsewhere]
    st.dataframe(
        pd.DataFrame([_row(*row) for row in rows]),
        hide_index=True,
        alt="The setting on the part it was fitted on, on the rest, and in the other engines",
    )
    tried = min(len(visible.table), MOST_FOR_MANY)
    st.caption(
        f"Fitted on the first {advice.fitted_events:,} events in arrival order, checked on the "
        f"{tried - advice.fitted_events:,} after them; in the other engines, checked there too."
    )
    _code(visible.topic, advice.to_set)


def _choose_goal(visible: Visible, setting: Setting) -> Goal:
    with st.container(horizontal=True):
        dropped = st.selectbox(
            "Lose at most, % of events",
            _SHARES,
            index=_SHARES.index("0.1"),
            key=LOSE.name,
            bind="query-params",
            width=220,
        )
        has_sessions = true_sessions(visible.topic) is not None
        broken = st.selectbox(
            "Break at most, % of sessions",
            (_ANY, *_SHARES),
            index=0,
            key=BREAK.name,
            bind="query-params",
            width=220,
            disabled=not (has_sessions and isinstance(setting.window, SessionWindow)),
            help="A session is broken when it is not exact. With a number here the session gap is "
            "looked for too.",
        )
    most_broken = None if broken == _ANY else float(broken) / 100
    return Goal(float(dropped) / 100, most_broken)


def _sentence(advice: Advice) -> str:
    setting = advice.to_set
    outcome, latency = advice.fitted, advice.held_out.latency_median_ms
    if advice.on_all:
        outcome = advice.on_all[1]
        latency = outcome.latency_median_ms
    wait = "" if latency is None else f" Half of the results come out within {duration(latency)}."
    return (
        f"**{setting.engine.label}: {_delay(setting)} with {_windows(setting)}** drops "
        f"{outcome.dropped_share:.3%} of the events{_broken(outcome)}.{wait}"
    )


def _reservation(advice: Advice) -> str:
    """Return what is to be said of advice that does not hold on the part it was not fitted on."""
    does = f"drops {advice.held_out.dropped_share:.3%}{_broken(advice.held_out)}"
    rest = f"the last {1 - FITTED_SHARE:.0%}"
    if advice.on_all is None:
        return f"On {rest} of the events, which it was not fitted on, it {does}: take some more."
    return (
        f"It is fitted on all events. Fitted on the first {FITTED_SHARE:.0%} alone, it would have "
        f"been {_delay(advice.setting)} with {_windows(advice.setting)}, which on {rest} {does}: "
        "what is still to come may need more."
    )


def _delay(setting: Setting) -> str:
    return f"a {setting.engine.delay.title.lower()} of {duration(delay_ms(setting))}"


def _windows(setting: Setting) -> str:
    kind = "a session gap" if isinstance(setting.window, SessionWindow) else "windows"
    return f"{kind} of {duration(setting.window.length_ms)}"


def _broken(outcome: Outcome) -> str:
    if outcome.sessions is None:
        return ""
    return f" and leaves {outcome.sessions.broken_share:.2%} of the sessions not exact"


def _row(part: str, setting: Setting, outcome: Outcome) -> dict[str, object]:
    row: dict[str, object] = {
        "Engine": setting.engine.label,
        "Part": part,
        "Gap or size (s)": setting.window.length_ms / 1000,
        "Delay or grace (s)": delay_ms(setting) / 1000,
        "Dropped": f"{outcome.dropped_share:.3%}",
    }
    if outcome.sessions is not None:
        row["Sessions exact"] = f"{1 - outcome.sessions.broken_share:.2%}"
    latency = outcome.latency_median_ms
    return row | {"Result latency": "none" if latency is None else duration(latency)}


def _code(topic: LoadedTopic, setting: Setting) -> None:
    names = names_of(topic.report.topic, topic.fields)
    with st.expander("The code to paste", icon=":material/code:"):
        for program in setting.engine.programs(setting, names):
            st.markdown(f"**{program.title}**")
            st.code(program.text, language=program.language)
