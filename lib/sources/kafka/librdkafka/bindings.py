"""librdkafka's C functions, from the copy of it that comes with confluent-kafka.

Declared as in librdkafka's public header `rdkafka.h`, the documentation of its C API:
https://github.com/confluentinc/librdkafka/blob/v2.16.0/src/rdkafka.h. Its ABI has been stable since
1.0: functions and fields are added, never changed.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lib.sources.kafka.errors import not_accepted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MESSAGE: Final = np.dtype(
    [
        ("err", np.int32),
        ("rkt", np.intp),
        ("partition", np.int32),
        ("payload", np.intp),  # null: a tombstone
        ("len", np.intp),
        ("key", np.intp),
        ("key_len", np.intp),
        ("offset", np.int64),
        ("_private", np.intp),
    ],
    align=True,
)
"""`rd_kafka_message_t`, laid out as the C compiler does."""

ENDED: Final = -191
"""RD_KAFKA_RESP_ERR__PARTITION_EOF: `err` of what is no message, but says that a partition ends."""

NativeFunction = Any
"""A function of a C library; ctypes has no public name for its type."""

_TEXT_BYTES: Final = 512
_CONSUMER: Final = 1  # RD_KAFKA_CONSUMER of rd_kafka_type_t
_CONF_OK: Final = 0  # RD_KAFKA_CONF_OK
_ERROR_EVENT: Final = 0x8  # RD_KAFKA_EVENT_ERROR
TOKEN_EVENT: Final = 0x100
"""RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH: a client needs a token, its first or another one."""

_FUNCTIONS: Final[dict[str, tuple[Any, ...]]] = {
    # Name: what it returns, what it takes.
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_set": (c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
    "rd_kafka_conf_set_events": (None, c_void_p, c_int),
    "rd_kafka_conf_destroy": (None, c_void_p),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_topic_new": (c_void_p, c_void_p, c_char_p, c_void_p),
    "rd_kafka_topic_destroy": (None, c_void_p),
    "rd_kafka_queue_new": (c_void_p, c_void_p),
    "rd_kafka_queue_get_main": (c_void_p, c_void_p),
    "rd_kafka_queue_destroy": (None, c_void_p),
    "rd_kafka_queue_poll": (c_void_p, c_void_p, c_int),
    "rd_kafka_event_type": (c_int, c_void_p),
    "rd_kafka_event_error": (c_int, c_void_p),
    "rd_kafka_event_error_string": (c_char_p, c_void_p),
    "rd_kafka_event_destroy": (None, c_void_p),
    "rd_kafka_consume_start_queue": (c_int, c_void_p, c_int32, c_int64, c_void_p),
    "rd_kafka_consume_stop": (c_int, c_void_p, c_int32),
    "rd_kafka_consume_batch_queue": (ctypes.c_ssize_t, c_void_p, c_int, c_void_p, c_size_t),
    "rd_kafka_header_get_all": (
        c_int,
        c_void_p,
        c_size_t,
        POINTER(c_char_p),
        POINTER(c_void_p),
        POINTER(c_size_t),
    ),
    "rd_kafka_oauthbearer_set_token": (
        c_int,
        c_void_p,
        c_char_p,
        c_int64,
        c_char_p,
        POINTER(c_char_p),
        c_size_t,
        c_char_p,
        c_size_t,
    ),
    "rd_kafka_last_error": (c_int,),
    "rd_kafka_err2str": (c_char_p, c_int),
    # Called from compiled code, by address.
    "rd_kafka_message_timestamp": (c_int64, c_void_p, c_void_p),
    "rd_kafka_message_headers": (c_int, c_void_p, c_void_p),
    "rd_kafka_message_destroy": (None, c_void_p),
}


class NoLibraryError(Exception):
    """librdkafka cannot be called here; the text says why."""


@cache
def library() -> ctypes.CDLL:
    """Return librdkafka with its functions declared.

    What confluent-kafka's extension module is linked to is found through the module: the loader
    looks for a name in a library and in those that it needs. Windows does not.

    Raises
    ------
    NoLibraryError
        When it is not installed, or cannot be loaded or called.
    """
    try:
        found = ctypes.CDLL(import_module("confluent_kafka.cimpl").__file__)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except ModuleNotFoundError as error:
        raise NoLibraryError(
            "confluent-kafka, which brings librdkafka, is not installed"
        ) from error
    except (ImportError, OSError, AttributeError) as error:
        raise NoLibraryError(f"librdkafka cannot be loaded: {error}") from error
    return found


def address_of(function: NativeFunction) -> int:
    """Return where a C function is."""
    return ctypes.cast(function, c_void_p).value or 0


def new_consumer(lib: ctypes.CDLL, config: Mapping[str, str]) -> int:
    """Return a new client that belongs to no group; `rd_kafka_destroy` ends it.

    Raises
    ------
    SettingsError
        When librdkafka does not accept the configuration.
    """
    said = ctypes.create_string_buffer(_TEXT_BYTES)
    conf = lib.rd_kafka_conf_new()
    lib.rd_kafka_conf_set_events(conf, _ERROR_EVENT | TOKEN_EVENT)
    for name, value in config.items():
        if lib.rd_kafka_conf_set(conf, name.encode(), value.encode(), said, len(said)) != _CONF_OK:
            lib.rd_kafka_conf_destroy(conf)
            raise not_accepted(said.value.decode())
    client: int | None = lib.rd_kafka_new(_CONSUMER, conf, said, len(said))
    if client is None:
        lib.rd_kafka_conf_destroy(conf)
        raise not_accepted(said.value.decode())
    return client


def set_token(
    lib: ctypes.CDLL, client: int, value: str, expires_ms: int, principal: str, pairs: Sequence[str]
) -> None:
    """Give a client the token that it logs in with.

    Parameters
    ----------
    pairs
        What is sent beside it: names and values in turn.

    Raises
    ------
    SettingsError
        When librdkafka does not accept it.
    """
    said = ctypes.create_string_buffer(_TEXT_BYTES)
    beside = (c_char_p * len(pairs))(*(text.encode() for text in pairs))
    if lib.rd_kafka_oauthbearer_set_token(
        *(client, value.encode(), expires_ms, principal.encode()),
        *(beside, len(pairs), said, len(said)),
    ):
        raise not_accepted(said.value.decode())


def headers_of(lib: ctypes.CDLL, headers: int) -> list[tuple[str, bytes | None]]:
    """Return name and value of each header in `rd_kafka_headers_t` at `headers`, in their order."""
    name, value, size = c_char_p(), c_void_p(), c_size_t()
    found: list[tuple[str, bytes | None]] = []
    while not lib.rd_kafka_header_get_all(
        headers, len(found), byref(name), byref(value), byref(size)
    ):
        content = None if value.value is None else ctypes.string_at(value.value, size.value)
        found.append(((name.value or b"").decode(errors="replace"), content))
    return found
