"""The command line of the simulator: `python -m lib.simulate --help`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from lib.core.errors import SkewlineError
from lib.simulate.produce import produce
from lib.simulate.samples import SAMPLES, write_samples
from lib.simulate.scenario import Outage, Scenario
from lib.simulate.simulation import Simulation, simulate
from lib.simulate.truth import write_truth
from lib.sources.files.folder import SAMPLES_FOLDER
from lib.sources.files.kcat import SUFFIXES, write_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG: Final = """\
examples:
  python -m lib.simulate --clients 20 --sessions 200 --events 50000 --outage-share 0.2 \\
      --out traffic.jsonl.gz --truth traffic.truth.json
  python -m lib.simulate sessions-10 --produce localhost:9092
  python -m lib.simulate --events 600 --real-time --produce localhost:9092 --topic live
  python -m lib.simulate samples
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.what == "samples":
        for path in write_samples(options.folder):
            print(path)
        return
    if options.out is None and options.produce is None:
        parser.error("say where the topic goes: --out FILE or --produce HOST:PORT")
    if options.out is not None and not options.out.name.endswith(SUFFIXES):
        parser.error(f"--out must end in {' or '.join(SUFFIXES)}")
    if options.real_time and (options.produce is None or options.what != "traffic"):
        parser.error("--real-time goes with --produce, and not with a sample")
    try:
        _write(_simulation(options), options)
    except ValueError as error:
        parser.error(str(error))
    except SkewlineError as error:
        sys.exit(str(error))


def _simulation(options: argparse.Namespace) -> Simulation:
    if options.what in SAMPLES:
        return SAMPLES[options.what]()
    chosen = {name: value for name, value in vars(options).items() if name in _fields()}
    if options.real_time:
        chosen["start_ms"] = int(time.time() * 1000)
    return simulate(Scenario(**chosen))


def _write(simulation: Simulation, options: argparse.Namespace) -> None:
    topic = options.topic or options.what
    if options.truth is not None:
        write_truth(options.truth, simulation.truth)
    if options.out is not None:
        write_recorded(options.out, topic, simulation.batches())
    if options.produce is not None:
        produce(simulation, options.produce, topic, real_time=options.real_time)
    print(f"{topic}: {len(simulation.events)} records")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.simulate",
        description="Simulate a topic of client events, and write down the truth about it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="traffic",
        choices=["traffic", *SAMPLES, "samples"],
        help="traffic: as the scenario's options say (default); a sample topic's name: that one; "
        "samples: write all sample topics again, as they ship with the app",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, metavar="FILE", help="record to FILE, .jsonl[.gz]")
    output.add_argument("--truth", type=Path, metavar="FILE", help="write the truth, JSON")
    output.add_argument("--produce", metavar="HOST:PORT", help="produce to a Kafka broker")
    output.add_argument("--topic", metavar="NAME", help="name of the topic (default: what)")
    output.add_argument(
        "--real-time",
        action="store_true",
        help="produce each record when it is due, from now on; else as fast as possible, "
        "with explicit timestamps",
    )
    output.add_argument(
        "--folder", type=Path, default=SAMPLES_FOLDER, help="where “samples” writes"
    )
    _add_scenario(parser.add_argument_group("scenario"))
    return parser


def _fields() -> dict[str, Any]:
    """Return the annotations of the scenario's fields that are options, by name."""
    annotations = get_type_hints(Scenario, include_extras=True)
    del annotations["session_ids"]
    return annotations


def _add_scenario(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `Scenario`."""
    defaults = {field.name: field.default for field in dataclasses.fields(Scenario)}
    for name, annotation in _fields().items():
        kind, text = get_args(annotation)
        group.add_argument(
            "--outage" if name == "outages" else f"--{name.replace('_', '-')}",
            dest=name,
            default=defaults[name],
            help=f"{text} (default: %(default)s)",
            **_reading(kind),
        )


def _reading(kind: Any) -> dict[str, Any]:  # noqa: ANN401  (a type, or a typing construct)
    """Return how argparse should read a value of `kind`."""
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if kind == tuple[float, float]:
        return {"nargs": 2, "type": float, "metavar": ("LOW", "HIGH")}
    if kind == tuple[Outage, ...]:
        shape = ("CLIENT", "START_S", "LENGTH_S")
        return {"nargs": 3, "type": float, "metavar": shape, "action": _AppendOutage}
    return {"type": kind, "metavar": "N"}


class _AppendOutage(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401  (as argparse types it)
        option_string: str | None = None,
    ) -> None:
        client, start_s, length_s = values
        try:
            outage = Outage(int(client), start_s, length_s)
        except ValueError as error:
            parser.error(f"{option_string}: {error}")
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), outage))


if __name__ == "__main__":
    main()
