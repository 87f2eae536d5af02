"""`st.connection("kafka", type=KafkaConnection)`: a cluster from secrets or the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from streamlit.connections import BaseConnection

from lib.sources.kafka import KafkaTopics
from lib.sources.kafka.settings import ENVIRONMENT, settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping


class KafkaConnection(BaseConnection[KafkaTopics]):
    """Topics of the cluster that `[connections.kafka]` or the environment names.

    Connecting opens no socket: a broker that is away is noticed when it is read, and said there.
    """

    def _connect(self, **kwargs: Any) -> KafkaTopics:  # noqa: ANN401 (Streamlit's signature)
        return KafkaTopics(settings_from({**self._secrets.to_dict(), **kwargs}, os.environ))

    @property
    def source(self) -> KafkaTopics:
        """The source of topics.

        Raises
        ------
        SettingsError
            When the settings cannot be used.
        """
        return self._instance


def is_kafka_configured(connections: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether the `[connections]` of the secrets, or the environment, name a cluster."""
    return "kafka" in connections or bool(environment.get(ENVIRONMENT["bootstrap_servers"]))
