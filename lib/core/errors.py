"""What can go wrong, each with the sentence that a user needs."""

from __future__ import annotations


class SkewlineError(Exception):
    """Base of every error that Skewline raises on purpose.

    Parameters
    ----------
    what
        What went wrong and where, as one plain sentence.
    remedy
        What the user can do about it, as one plain sentence.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy


class SettingsError(SkewlineError):
    """A setting is missing or cannot be used."""


class BrokerUnreachableError(SkewlineError):
    """No broker answers at the configured address."""


class AccessError(SkewlineError):
    """The broker refused: TLS, SASL or a missing permission."""


class TopicMissingError(SkewlineError):
    """The topic is not, or no longer, there."""


class UnreadableTopicError(SkewlineError):
    """The broker's answer cannot be read, for example an unknown compression codec."""


class UnreadableFileError(SkewlineError):
    """A file is not what its name says, is truncated, or is larger than allowed."""


class FieldsError(SkewlineError):
    """The chosen fields do not fit the topic's records."""


class SchemaError(SkewlineError):
    """A schema cannot be had, or cannot be used."""
