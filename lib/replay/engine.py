"""The seam between the engines and everything that uses them: how an engine describes itself.

An engine is one file in `lib/replay/engines/`, with a subclass of `Setting` and an `Engine` made of
it, and one line in `lib/replay/registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from lib.core.blockwise import answered
from lib.replay.windows import WINDOW_KINDS, resized

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.core.blockwise import Question
    from lib.replay.code import Names, Program
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay, Window

GAPS_S: Final = (
    1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200,
)  # fmt: skip
"""Session gaps and window sizes that curves show, s."""

DELAYS_S: Final = (0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600)
"""Watermark delays and graces that curves show, s."""

INITIAL_LENGTH_MS: Final = 30_000
INITIAL_DELAY_MS: Final = 5_000
"""Session gap or window size, and delay or grace, where nothing is chosen."""


@dataclass(frozen=True, kw_only=True)
class Delay:
    """What an engine calls the time by which its clock, or a window's end, waits for late events.

    Attributes
    ----------
    name
        Attribute of the engine's settings, milliseconds.
    title
        What it is called; with "a" before it in sentences.
    engine_default
        What the engine does where it is not set, in words.
    help
        What it means, and what more of it does.
    """

    name: str = "delay_ms"
    title: str = "Watermark delay"
    engine_default: str = "has to be set"
    help: str = (
        "The watermark is the newest event time minus this delay. Longer: fewer late events are "
        "dropped, and results come later."
    )


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What can be set in an engine beside the window and the delay; one of the subclasses.

    What Skewline takes where nothing is chosen is the default of the setting's attribute.

    Attributes
    ----------
    name
        Attribute of the engine's settings.
    title
        Title of the control.
    link
        Name of the URL's parameter. Two engines share a choice where this is the same.
    engine_default
        What the engine does where it is not set, in words.
    help
        What it means, and what choosing it does, for the control's tooltip.
    group
        Title of the popover that parameters next to each other share; empty: none.
    windows
        Kinds of windows for which it means anything.
    needs
        Name of a parameter before it; while that one is 0 or off, this one cannot be chosen.
    """

    name: str
    title: str
    link: str
    engine_default: str
    help: str
    group: str = ""
    windows: tuple[type[Window], ...] = WINDOW_KINDS
    needs: str | None = None


@dataclass(frozen=True, kw_only=True)
class Switch(Parameter):
    """On or off."""


@dataclass(frozen=True, kw_only=True)
class Duration(Parameter):
    """Milliseconds, typed as people write durations.

    Attributes
    ----------
    unit
        What a number alone counts: `ms` or `s`.
    zero_is_none
        Whether 0 means None in the setting.
    """

    unit: str = "s"
    zero_is_none: bool = False


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """How many of something, a whole number, typed.

    Attributes
    ----------
    least, step
        Smallest number that can be typed, and how far apart those are that buttons lead to.
    zero_is_none
        Whether 0 means None in the setting.
    """

    least: int = 0
    step: int = 1
    zero_is_none: bool = False


@dataclass(frozen=True)
class Setting(ABC):
    """How a job of an engine is set. Every engine has a subclass with attributes of its own.

    Frozen and made of plain values, so that settings can be compared and hashed. Durations are
    milliseconds. The attribute that `engine.delay` names is 0 by default; so are, or have another
    default, those of `engine.parameters`.
    """

    window: Window

    @property
    @abstractmethod
    def engine(self) -> Engine[Any]:
        """The engine that the setting is for."""


AnySetting = TypeVar("AnySetting", bound=Setting)


@dataclass(frozen=True, kw_only=True)
class Engine(Generic[AnySetting]):
    """An engine, or one API of an engine that has several.

    Attributes
    ----------
    name
        What the command line and files call it.
    label
        What it is called, also in links.
    new_setting
        Takes a window, and the setting's other attributes by name.
    clock
        Asks events in arrival order what the engine's clock does while it reads them, or whatever
        else moves with all events: `lib.core.blockwise` says how.
    replay
        Returns what the engine would have made of the events of some keys, with the answer to
        `clock`.
    programs
        Returns the code to paste for a setting.
    delay
        What its watermark delay is called.
    parameters
        What else can be set, in the order of the controls.
    joins_at_gap
        Whether two events exactly the session gap apart share a session.
    remark
        Returns what has to be said of a setting on a topic so called, as sentences, or nothing.
    waits_for_all
        Returns whether no result comes out before every partition of the topic has an event.
    warm_up
        Settings that, beside the default one, compile the engine's own loops when replayed.
    """

    name: str
    label: str
    new_setting: Callable[..., AnySetting]
    clock: Callable[[ReplayInput, AnySetting], Question[Any]]
    replay: Callable[[ReplayInput, AnySetting, Any], Replay]
    programs: Callable[[AnySetting, Names], tuple[Program, ...]]
    delay: Delay = Delay()
    parameters: tuple[Parameter, ...] = ()
    joins_at_gap: bool = True
    remark: Callable[[AnySetting, Names], str] = lambda *_: ""
    waits_for_all: Callable[[AnySetting], bool] = lambda _: False
    warm_up: tuple[AnySetting, ...] = ()

    def setting(self, window: Window, delay_ms: int = 0) -> AnySetting:
        """Return the setting with this window and delay, all else at its default."""
        return self.new_setting(window, **{self.delay.name: delay_ms})


def replay(events: ReplayInput, setting: Setting) -> Replay:
    """Return what the engine that `setting` is for would have made of the events."""
    return setting.engine.replay(events, setting, answered(setting.engine.clock(events, setting)))


def delay_ms(setting: Setting) -> int:
    """Return the watermark delay, or what the engine has in its place, in milliseconds."""
    delay: int = getattr(setting, setting.engine.delay.name)
    return delay


def with_delay(setting: AnySetting, delay_ms: int) -> AnySetting:
    """Return the setting with another watermark delay, or what the engine has in its place."""
    delay: dict[str, Any] = {setting.engine.delay.name: delay_ms}
    return replace(setting, **delay)


def with_length(setting: AnySetting, length_ms: int) -> AnySetting:
    """Return the setting with another session gap or window size."""
    return replace(setting, window=resized(setting.window, length_ms))
