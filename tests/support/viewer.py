"""A viewer of the running app as the server sees one: its websocket, without a browser."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Subprotocol
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamlit.proto.Element_pb2 import Element
    from streamlit.proto.Slider_pb2 import Slider

PATIENCE_S = 120


@dataclass
class Viewer:
    """One tab with a page of the app open.

    Attributes
    ----------
    elements
        What the last run drew, by its place on the page.
    bytes
        What the last run sent.
    polls
        Fragment → seconds after which the page asks for it again, as a load's progress.
    """

    connection: ClientConnection
    page: str
    query: Mapping[str, str]
    elements: dict[tuple[int, ...], Element] = field(default_factory=dict)
    bytes: int = 0
    polls: dict[str, float] = field(default_factory=dict)

    def close(self) -> None:
        """Close the tab."""
        self.connection.close()

    def run(self, moved: Mapping[str, tuple[float, float]] | None = None) -> float:
        """Run the page, with sliders moved to a range; return the seconds until it was drawn."""
        state = self._state()
        for name, ends in (moved or {}).items():
            state.widget_states.widgets.add(id=name).double_array_value.data.extend(ends)
        return self._ask(state)

    def run_settled(self) -> float:
        """Run the page until nothing is being read any more; return the seconds that it took."""
        started = time.monotonic()
        self.run()
        while self.is_reading:
            assert time.monotonic() - started < PATIENCE_S, "still reading"
            self.poll()
        return time.monotonic() - started

    def poll(self) -> None:
        """Run what the page runs again by itself, once its time has come."""
        fragment, seconds = next(iter(self.polls.items()))
        time.sleep(seconds)
        state = self._state()
        state.fragment_id, state.is_auto_rerun = fragment, True
        self._ask(state)

    def start(self) -> None:
        """Have the page run, and wait until something is drawn."""
        self._send(self._state())
        while not self._take().HasField("delta"):
            pass

    @property
    def is_reading(self) -> bool:
        """Whether the page shows the progress of a load."""
        return any(each.WhichOneof("type") == "progress" for each in self.elements.values())

    @property
    def window(self) -> Slider:
        """The slider of the time window."""
        sliders = (each.slider for each in self.elements.values() if each.HasField("slider"))
        return next(slider for slider in sliders if slider.id.endswith("-window"))

    @property
    def texts(self) -> Iterator[str]:
        """Every text on the page."""
        for element in self.elements.values():
            shown = getattr(element, str(element.WhichOneof("type")))
            yield from (getattr(shown, name, "") for name in ("body", "title", "text", "label"))

    def _state(self) -> ClientState:
        return ClientState(page_name=self.page, query_string=urlencode(self.query))

    def _send(self, state: ClientState) -> None:
        self.connection.send(BackMsg(rerun_script=state).SerializeToString())

    def _ask(self, state: ClientState) -> float:
        started, self.bytes = time.monotonic(), 0
        self._send(state)
        while True:
            message = self._take()
            if message.WhichOneof("type") == "script_finished" and (
                message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                return time.monotonic() - started

    def _take(self) -> ForwardMsg:
        data = self.connection.recv(timeout=PATIENCE_S)
        assert isinstance(data, bytes)
        self.bytes += len(data)
        message: ForwardMsg = ForwardMsg.FromString(data)
        match message.WhichOneof("type"):
            case "new_session" if not message.metadata.run.fragment_ids:
                self.elements, self.polls = {}, {}
            case "auto_rerun":
                self.polls[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            case "delta" if message.delta.HasField("new_element"):
                place = tuple(message.metadata.delta_path)
                self.elements[place] = message.delta.new_element
        return message


def viewer(url: str, page: str = "", **query: str) -> Viewer:
    """Return a viewer with a page of the app at `url` open, nothing run yet."""
    address = url.replace("http://", "ws://") + "/_stcore/stream"
    connection = connect(
        address,
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        open_timeout=PATIENCE_S,
        legacy=True,  # connected here, and closed by `Viewer.close`
    )
    return Viewer(connection, page, query)
