"""Whose fault it is: of which client or partition events are dropped, and because of which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.analysis import client_clocks
from lib.charts import windows as charts
from lib.charts.picture import Picture
from lib.charts.rows import shown_name
from lib.core.columns import CLIENT, EVENTS
from lib.core.formatting import counted, duration, escaped_markdown, share_text
from lib.events.client_names import written
from lib.events.table import names_clients
from lib.replay import blame as of_groups
from lib.replay import partitions as of_partitions
from lib.replay.sweep import IDLE, takes_minimum
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import show_picture
from lib.ui.parts.outcome import figures_row
from lib.ui.replays import fault_of, idle_of
from lib.ui.tables import MOST_ROWS, WholeTable, show_table, weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lib.charts.times import TimeScale
    from lib.replay.blame import Blame, Fault
    from lib.replay.engine import Setting
    from lib.replay.goal import Goal
    from lib.replay.outcome import Outcome
    from lib.replay.partitions import PartitionSkew
    from lib.ui.visible import Visible

_MATERIAL: Final = 0.1
"""Share of the dropped events that one client must account for to be named."""

_DRAWN: Final = 12


@dataclass(frozen=True, eq=False)
class DrawnFault:
    """What is drawn of whose fault it is, of a topic wherever its events are.

    Attributes
    ----------
    fault
        Because of whom events are dropped, with `setting`.
    idle
        Finds what other idle timeouts would do.
    topic, clocks
        What the topic is called, and what `lib.analysis.client_clocks` says of its clients.
    """

    fault: Fault
    setting: Setting
    goal: Goal
    idle: Callable[[], Mapping[int | None, Outcome]]
    topic: str
    clocks: pd.DataFrame
    zero_ms: int
    scale: TimeScale


def idle_ms(setting: Setting) -> int:
    """Return after how many ms without an event a partition is silent."""
    return getattr(setting, IDLE, None) or of_partitions.IDLE_TIMEOUT_MS


def whose_fault(visible: Visible, setting: Setting, goal: Goal) -> None:
    """Draw of whom and because of whom events are dropped, by client and by partition."""
    fault_told(
        DrawnFault(
            fault_of(visible, setting, goal, idle_ms(setting)),
            setting,
            goal,
            lambda: idle_of(visible, setting),
            visible.topic.report.topic,
            analysis_of(visible.topic).clocks,
            visible.zero_ms,
            visible.scale,
        )
    )


def fault_told(told: DrawnFault) -> None:
    """Draw of whom and because of whom events are dropped, by client and by partition."""
    if told.fault.clients.dropped:
        _of_clients(told)
    else:
        st.caption("With the present setting no event is dropped, so there is nobody to blame.")
    if len(told.fault.skew.table) > 1:
        _of_partitions(told)


def _of_clients(told: DrawnFault) -> None:
    blame, names = told.fault.clients, told.fault.names
    st.markdown(_sentence(told))
    first = _named(blame.table.head(MOST_ROWS), names, shown_name)
    chart, shown = st.columns([2, 3])
    with chart:
        show_picture(
            Picture(
                charts.blame_bars(first.head(_DRAWN), "Client"),
                f"{counted(blame.dropped, 'event')} dropped: how many of each client, and of "
                "others because of it",
                "A bar is a number of dropped events: of the client itself, and of others that are "
                "kept without it.",
            ),
            parameters.BLAME_CHART,
        )
    with shown:
        show_table(
            _written(first),
            whole=WholeTable(
                "the clients",
                f"{told.topic}-blame.csv",
                len(blame.table),
                weakly(
                    lambda table, names: _written(_named(table, names, written)),
                    blame.table,
                    names,
                ),
            ),
            alt="Events dropped of each client, because of it and without it",
        )
    st.caption(_how_blamed(blame))


def _how_blamed(blame: Blame) -> str:
    """Return of whom something is told, and what the columns mean."""
    left_out, one = blame.ahead - blame.replayed, blame.replayed == 1
    each = "1 client" if one else f"each of {counted(blame.replayed, 'client')} in turn"
    return (
        f"Replayed without {each}"
        + (
            f", those that led when most events were dropped; {left_out:,} more were ahead of all "
            "others at some time and are not judged."
            if left_out
            else f": {'the only one that was' if one else 'all that were'} ever ahead of all "
            "others. No other can have moved the watermark."
        )
        + " “Because of it” counts events of others that are kept without it; below 0, it saved "
        "some. “Without it”: dropped in all. “Led by”: at most, when an event of another was "
        "dropped. “Rest needs”: the delay with which all others would keep the goal."
    )


def _named(table: pd.DataFrame, names: pd.Index, name_of: Callable[[object], str]) -> pd.DataFrame:
    clients = names[table[of_groups.GROUP].to_numpy()]
    return table.assign(**{of_groups.GROUP: [name_of(client) for client in clients]})


def _sentence(told: DrawnFault) -> str:
    """Return whose clock, or lead, most dropped events are due to."""
    blame, names = told.fault.clients, told.fault.names
    because = blame.table[of_groups.DROPPED_BECAUSE].fillna(0)
    if not len(because) or because.iloc[0] < max(1, _MATERIAL * blame.dropped):
        return _nobody(blame, names, max(0, int(because.max())))
    row = blame.table.iloc[0]
    client = names[int(row[of_groups.GROUP])]
    name = escaped_markdown(shown_name(client))
    ahead = _clock_ahead_ms(told.clocks, client)
    lead = row[of_groups.LEAD_MS]
    if ahead is not None:
        begins = f"Client {name}'s clock is {duration(ahead)} ahead"
    elif pd.notna(lead):
        begins = f"Client {name}'s events lead all others' by up to {duration(lead)}"
    else:
        begins = f"Client {name} moves the watermark"
    need = row[of_groups.NEED_WITHOUT_MS]
    needed = "" if pd.isna(need) else f"a delay of {duration(need)}" if need else "no delay"
    rest = needed and f" The rest alone would keep the goal with {needed}."
    return (
        f"**{begins}: without it {counted(int(row[of_groups.DROPPED_WITHOUT]), 'event')} would be "
        f"dropped instead of {blame.dropped:,}.**{rest}"
    )


def _nobody(blame: Blame, names: pd.Index, saved: int) -> str:
    """Return that no client is to blame, as leaving one out saves `saved` of others at most."""
    of, dropped = blame.table[of_groups.DROPPED_OF], counted(blame.dropped, "dropped event")
    most = escaped_markdown(shown_name(names[int(blame.table[of_groups.GROUP].iloc[of.argmax()])]))
    if not names_clients(names):
        return f"**No client can be blamed** for the {dropped}: no field names the clients."
    if len(names) == 1:
        return f"**No other client is to blame** for the {dropped}: the topic names only {most}."
    every = blame.replayed == blame.ahead
    who = "No client's clock or lead" if every else f"None of the {blame.replayed:,} clients tried"
    one = "any one" if every else "any one of them"
    return (
        f"**{who} is to blame** for the {dropped}: leaving out {one} would save "
        f"{f'{saved:,}' if saved else 'none'} of the others' events"
        f"{' at most' if saved else ''}. {_share_of_most(int(of.max()), blame.dropped)} of client "
        f"{most}."
    )


def _share_of_most(most: int, dropped: int) -> str:
    if most == dropped:
        return "It is" if dropped == 1 else "All of those dropped are"
    return f"{most:,} of those dropped {'is' if most == 1 else 'are'}"


def _clock_ahead_ms(clocks: pd.DataFrame, client: object) -> float | None:
    """Return by how much a client's clock is ahead, where the analysis of clocks finds it wrong."""
    wrong = clocks[clocks[client_clocks.WRONG]]
    offset = wrong.loc[wrong[CLIENT].astype(object) == client, client_clocks.CLOCK_OFFSET]
    ahead = offset[offset > 0]
    return float(ahead.iloc[0]) if len(ahead) else None


def _written(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Client": table[of_groups.GROUP],
            "Events": table[EVENTS],
            "Dropped of it": table[of_groups.DROPPED_OF],
            "Because of it": table[of_groups.DROPPED_BECAUSE],
            "Without it": table[of_groups.DROPPED_WITHOUT],
            "Led by (s)": table[of_groups.LEAD_MS] / 1000,
            "Rest needs (s)": table[of_groups.NEED_WITHOUT_MS] / 1000,
        }
    )


def _of_partitions(told: DrawnFault) -> None:
    setting, skew, idle = told.setting, told.fault.skew, idle_ms(told.setting)
    idle_is_set = getattr(setting, IDLE, None) is not None
    without = (
        ""
        if takes_minimum(setting)
        else f"{setting.engine.label}, as set, takes no minimum over partitions: none holds "
        "another back. With a watermark per partition it would be so. "
    )
    st.markdown(f"**Partitions.** {without}{_held_back(skew, idle)} {_merged(skew, told.goal)}")
    show_picture(
        Picture(
            charts.held_back(skew.timeline, zero_ms=told.zero_ms, scale=told.scale),
            f"How far the partition furthest behind holds back the others, over time. "
            f"{_held_back(skew, idle)}",
            "A watermark per partition is the minimum over partitions: the one furthest behind "
            "holds it back. Pale where that one was silent: it had sent nothing for more than "
            f"{duration(idle)}."
            + (" With the idle timeout set, it then holds nothing back." if idle_is_set else ""),
        ),
        parameters.PARTITION_CHART,
    )
    show_table(
        _written_partitions(told.fault.partitions, skew),
        alt="Partitions: events dropped, and for how long each holds the minimum back",
    )
    _of_idle_timeouts(told.idle(), setting)


def _written_partitions(blame: Blame, skew: PartitionSkew) -> pd.DataFrame:
    found = blame.table.set_index(of_groups.GROUP)
    dropped = found.reindex(skew.table[of_partitions.PARTITION])
    because = dropped[of_groups.DROPPED_BECAUSE]
    if blame.ahead == blame.replayed:  # no other partition can have moved the watermark
        because = because.fillna(0)
    return pd.DataFrame(
        {
            "Partition": skew.table[of_partitions.PARTITION],
            "Events": skew.table[EVENTS],
            "Dropped of it": dropped[of_groups.DROPPED_OF].fillna(0).to_numpy(),
            "Because of it": because.to_numpy(),
            "Holds back for (s)": skew.table[of_partitions.HOLDS_BACK_MS] / 1000,
            "Silent meanwhile (s)": skew.table[of_partitions.SILENT_MS] / 1000,
            "Behind by (s)": skew.table[of_partitions.BEHIND_MS] / 1000,
            "Longest silence (s)": skew.table[of_partitions.LONGEST_SILENCE_MS] / 1000,
            "Out of order (s)": skew.table[of_partitions.OUT_OF_ORDER_MS] / 1000,
        }
    )


def _held_back(skew: PartitionSkew, idle_ms: int) -> str:
    most = skew.table.iloc[int(skew.table[of_partitions.HOLDS_BACK_MS].to_numpy().argmax())]
    silent = int(most[of_partitions.SILENT_MS])
    idle = (
        f" For {duration(silent)} of that it had sent nothing for more than {duration(idle_ms)}."
        if silent
        else f" It was never silent for more than {duration(idle_ms)} then."
    )
    return (
        f"Partition {int(most[of_partitions.PARTITION])} held the minimum back longest, for "
        f"{duration(int(most[of_partitions.HOLDS_BACK_MS]))} in all, by up to "
        f"{duration(int(most[of_partitions.BEHIND_MS]))}.{idle}"
    )


def _of_idle_timeouts(outcomes: Mapping[int | None, Outcome], setting: Setting) -> None:
    """Show what other idle timeouts do, where the engine has one."""
    if not outcomes:
        return
    st.markdown("**Other idle timeouts**, everything else as set")
    present = getattr(setting, IDLE)
    show_table(
        pd.DataFrame(
            {
                "Idle after": ("never" if ms is None else duration(ms))
                + (", as set" if ms == present else "")
            }
            | figures_row(outcome)
            for ms, outcome in outcomes.items()
        ),
        alt="What other idle timeouts would change",
    )


def _merged(skew: PartitionSkew, goal: Goal) -> str:
    return (
        f"Within their own partition {share_text(1 - goal.most_dropped)} of the events are at "
        f"most {duration(skew.within_ms)} behind the newest; with all partitions merged, "
        f"{duration(skew.merged_ms)}."
    )
