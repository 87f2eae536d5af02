"""A topic that a cluster holds, replayed: the clock in arrival order, then what clients have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lib.cluster.asking import NotInBlocksError, answer, ask
from lib.cluster.topic import SHARED_SESSIONS
from lib.core.columns import SESSION
from lib.replay.in_blocks import clocks_question, outcome_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

    from lib.cluster.topic import Doing, HeldTopic
    from lib.core.blockwise import Question
    from lib.replay.in_blocks import Clocks, Job
    from lib.replay.outcome import Outcome


def outcome_on(client: Client, held: HeldTopic, job: Job, *, doing: Doing) -> Outcome:
    """Return what an engine would have made of a topic, in numbers.

    Raises
    ------
    NotInBlocksError
        When the engine, so set, or the topic's sessions need all events in one block.
    """
    apart = held.names.are_apart or len(held.by_client) == 1
    if (job.has_sessions or job.key == SESSION) and not apart:
        raise NotInBlocksError(SHARED_SESSIONS, "Ask it on one machine.")
    doing(f"Replaying {job.setting.engine.label}'s clock")
    try:
        clocks = answer(client, partial(clocks_question, job=job), held.in_order)
    except NotInBlocksError as fault:
        what = f"{fault.what} On a cluster that is not replayed: report without --cluster."
        raise NotInBlocksError(what, fault.remedy) from None
    doing(f"Replaying what {job.setting.engine.label} makes of each client's events")
    # The clocks stay on the cluster: who asks a block finds them there.
    question = client.submit(_asking, job, clocks, pure=False)
    found: Outcome = ask(client, question, held.by_client)
    return found


def _asking(job: Job, clocks: Clocks) -> Callable[..., Question[Outcome]]:
    return partial(outcome_question, job=job, clocks=clocks)
