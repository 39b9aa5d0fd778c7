"""What is counted for Prometheus, right under several workers."""

import atexit
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from cds_hooks import Card, Feedback
from service.advice import Advice
from service.model.artifact import RiskModel
from service.switch import Order, Stop

__all__ = ["SHARED_FOLDER", "Metrics", "forget", "make_shared_folder"]

#: Where the library looks for the folder that the workers share.
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_CALL: Final = ("POST", "/cds-services/<service_id>")
#: Milliseconds where all was prefetched, seconds where a FHIR server is waited for.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10)


_Kind = TypeVar("_Kind", Counter, Histogram)


class _Children(dict[tuple[str | int | None, ...], _Kind]):
    """
    Parts of one metric by their labels, each looked up once.

    The library checks and writes out labels whenever it is asked for a part.
    """

    def __init__(self, metric: _Kind) -> None:
        self._part: Callable[..., _Kind] = metric.labels

    def __missing__(self, labels: tuple[str | int | None, ...]) -> _Kind:
        words = ["none" if label is None else str(label) for label in labels]
        child = self[labels] = self._part(*words)
        return child


class Metrics:
    """
    Count what happens, and write it out.

    What is counted lies in files that all workers share where `SHARED_FOLDER` is set,
    as gunicorn's configuration does; counts of a worker that ended stay. What is true
    of the whole instance is asked when somebody collects. Labels come from closed
    lists, never from what was sent.

    Parameters
    ----------
    override_codes : collection of str
        Reasons that cards offer for not following them; all others are ``other``.
    """

    def __init__(self, override_codes: Collection[str]) -> None:
        # The library chooses when it is imported, which may be before the folder is.
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call] # of the library
        self._counts = registry = CollectorRegistry()
        self._states: list[Callable[[], Iterable[Metric]]] = []
        self._override_codes = frozenset(override_codes)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"scnen_{name}", text, labels, registry=registry)

        self._calls = _Children(counter("calls", "Calls.", "service", "status"))
        seconds = Histogram(
            "scnen_call_seconds",
            "Time to the answer.",
            ("service",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._seconds = _Children(seconds)
        self._fetches = _Children(
            counter("fhir_fetches", "Queries to FHIR servers, by result.", "result")
        )
        self._cards = _Children(counter("cards", "Cards shown.", "kind", "band"))
        self._withheld = _Children(
            counter("withheld", "Cards composed, not shown.", "kind", "why")
        )
        self._missing = _Children(
            counter("missing", "Findings that a score lacked.", "predictor", "reason")
        )
        self._overrides = _Children(
            counter("overrides", "Cards that were overridden.", "reason")
        )
        self._replays = counter("replay_refusals", "Tokens that came twice.")
        self._refusals = counter("token_refusals", "Calls refused for their token.")
        self._lost = counter("spool_lost", "Decisions that could not be recorded.")

    def count_answer(
        self, told: Mapping[str, Any], status: int, seconds: float
    ) -> None:
        """
        Count an answer.

        Parameters
        ----------
        told : Mapping
            ``method``, ``route``, ``service`` and maybe ``refusal`` of the request, as
            its log line has them; a service that there is, or None.
        status : int
            The status.
        seconds : float
            Time since the request was there.
        """
        if refusal := told.get("refusal"):
            self._refusals.inc()
            if refusal == "replayed":
                self._replays.inc()
        service = told["service"]
        if service is not None and (told["method"], told["route"]) == _CALL:
            self._calls[service, status].inc()
            self._seconds[(service,)].observe(seconds)

    def count_fetch(self, result: str) -> None:
        """
        Count a query to a FHIR server.

        Parameters
        ----------
        result : str
            ``ok``, or the value of a `service.fhir.client.Fault`.
        """
        self._fetches[(result,)].inc()

    def count_advice(self, advice: Advice) -> None:
        """
        Count the cards of a call, shown or withheld, and what could not be scored.

        Parameters
        ----------
        advice : Advice
            The advice.
        """
        assessment = advice.assessment
        vertebrae = assessment.vertebrae if assessment else ()
        band = vertebrae[0].band if vertebrae else None
        for card in advice.response.cards:
            self._cards[_kind(card), band].inc()
        for card in advice.withheld:
            self._withheld[_kind(card), advice.quiet].inc()
        for vertebra in vertebrae:
            if not vertebra.asks_for_values:
                continue
            for predictor, gap in vertebra.missing.items():
                self._missing[predictor, gap.reason].inc()

    def count_feedback(self, items: Iterable[Feedback]) -> None:
        """
        Count overridden cards by the reason.

        Parameters
        ----------
        items : iterable of Feedback
            What clinicians did.
        """
        for item in items:
            if item.outcome == "overridden":
                reason = item.override_reason
                code = reason.code if reason else None
                is_listed = code is None or code in self._override_codes
                self._overrides[(code if is_listed else "other",)].inc()

    def count_lost(self, decisions: int = 1) -> None:
        """
        Count decisions that were given and could not be recorded.

        Parameters
        ----------
        decisions : int, optional
            How many.
        """
        self._lost.inc(decisions)

    def watch_store(
        self, is_up: Callable[[], bool], waiting_bytes: Callable[[], int]
    ) -> None:
        """
        Ask the store whenever somebody collects.

        Parameters
        ----------
        is_up : callable
            Whether the database can be reached.
        waiting_bytes : callable
            Bytes that the whole instance keeps for the database.
        """
        self._states.append(
            lambda: (
                _gauge("store_up", "Whether the database answers.", float(is_up())),
                _gauge("spool_bytes", "Bytes that wait for it.", waiting_bytes()),
            )
        )

    def watch_output(
        self,
        model: RiskModel,
        mode_now: Callable[[], StrEnum],
        order: Callable[[], Order | None],
        days_left: Callable[[], int | None],
    ) -> None:
        """
        Ask what is given out whenever somebody collects.

        Parameters
        ----------
        model : RiskModel
            The model whose number is shown.
        mode_now : callable
            What kind of number it is.
        order : callable
            What is switched off.
        days_left : callable
            Days until a calibration expires, below 0 after that; None without any.
        """

        def state() -> Iterator[Metric]:
            labels = ("id", "version", "digest", "mode")
            info = GaugeMetricFamily("scnen_model_info", "The model.", labels=labels)
            info.add_metric([model.id, model.version, model.digest, mode_now()], 1)
            yield info
            given = order()
            text = "Whether the advice is switched off."
            stopped = GaugeMetricFamily("scnen_stopped", text, labels=("mode",))
            for each in Stop:
                is_so = given is not None and given.stop is each
                stopped.add_metric([each.value], float(is_so))
            yield stopped
            if (days := days_left()) is not None:
                text = "Days until the calibration expires."
                yield _gauge("calibration_days_left", text, days)

        self._states.append(state)

    def exposition(self) -> bytes:
        """
        Write everything out, for all workers together.

        Returns
        -------
        bytes
            Prometheus' text format, version 0.0.4.
        """
        registry = CollectorRegistry()
        counts = self._counts
        if values.ValueClass._multiprocess:  # noqa: SLF001 the library's only mark of it
            counts = CollectorRegistry()
            multiprocess.MultiProcessCollector(counts)  # type: ignore[no-untyped-call] # as above
        registry.register(_Collected(counts.collect))
        for state in self._states:
            registry.register(_Collected(state))
        return generate_latest(registry)


class _Collected:
    """A function in the place of a collector."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect

    def describe(self) -> Iterable[Metric]:
        """Say nothing: asking would ask the database."""
        return ()


def make_shared_folder(memory: Path | None) -> str:
    """
    Make the folder that the workers share; it goes when this process ends.

    Parameters
    ----------
    memory : pathlib.Path or None
        A file system in memory; None for the one of temporary files.

    Returns
    -------
    str
        Its path, the value of `SHARED_FOLDER` for the workers.
    """
    try:
        folder = mkdtemp(prefix="scnen-metrics-", dir=memory)
    except OSError:
        folder = mkdtemp(prefix="scnen-metrics-")
    atexit.register(_remove, folder, os.getpid())
    return folder


def forget(pid: int) -> None:
    """
    Drop what was only true of a worker while it lived; what it counted stays.

    Parameters
    ----------
    pid : int
        Its process id.
    """
    if SHARED_FOLDER in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call] # as above


def _remove(folder: str, pid: int) -> None:
    # Workers are forks and end as well; the folder is not theirs.
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _kind(card: Card) -> str | None:
    topic = card.source.topic
    return topic.code if topic else None


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"scnen_{name}", text, value=value)
