"""What can go wrong, each with the sentence that a user needs."""

from __future__ import annotations

from typing import Final

UNFORESEEN: Final = "Something went wrong that Skewline did not foresee"
"""Begins the sentence on an error that is no `SkewlineError`."""


class SkewlineError(Exception):
    """Base of every error that Skewline raises on purpose.

    Parameters
    ----------
    what
        What went wrong and where, as one plain sentence.
    remedy
        What the user can do about it, as one plain sentence.
    said
        What the broker or a library said, in its own words; "" if it said nothing.
    """

    def __init__(self, what: str, remedy: str, said: str = "") -> None:
        super().__init__(what, remedy, said)
        self.what = what
        self.remedy = remedy
        self.said = said

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}"


class SettingsError(SkewlineError):
    """A setting is missing or cannot be used."""


class BrokerUnreachableError(SkewlineError):
    """No broker answers at the configured address."""


class AccessError(SkewlineError):
    """The broker refused: TLS, SASL or a missing permission."""


class NotAllowedError(SkewlineError):
    """The settings do not let this viewer read it."""


class SourceError(SkewlineError):
    """The source failed in a way that no other error names: `said` is all that is known."""


class TopicMissingError(SkewlineError):
    """The topic is not, or no longer, there."""


class TopicChangedError(SkewlineError):
    """The topic is another than it was when the read began: made anew, cut back or overwritten."""


class RecordMissingError(SkewlineError):
    """A topic has no such record, or no longer."""


class UnreadableTopicError(SkewlineError):
    """The broker's answer cannot be read, for example an unknown compression codec."""


class UnreadableFileError(SkewlineError):
    """A file is not what its name says, is truncated, or is larger than allowed."""


class FieldsError(SkewlineError):
    """The chosen fields do not fit the topic's records."""


class SchemaError(SkewlineError):
    """A schema cannot be had, or cannot be used."""


class TooLargeError(SkewlineError):
    """What is asked for would take more memory than there is for it.

    Parameters
    ----------
    fitting
        Records of it that would fit.
    """

    def __init__(self, what: str, remedy: str, fitting: int) -> None:
        super().__init__(what, remedy)
        self.fitting = fitting


class FilterError(SkewlineError):
    """A condition of the filter cannot be understood, or does not fit the topic's fields."""


class NotInBlocksError(SkewlineError):
    """A question needs all events in one block, and a topic on a cluster is in several."""
