"""From acts to vertebrae: which acts concern the same one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from service.fhir.acts import PEDICLE_SCREW, Act
from service.fhir.evidence import Evidence, current
from service.fhir.operations import ProcedureFact
from service.fhir.places import ANYWHERE, level_of, narrowest, order, span
from service.fhir.times import When, enclosing

__all__ = ["Doubt", "Draft", "cluster", "construct_sites"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """
    Another method, for which only records that cannot be used speak.

    Attributes
    ----------
    methods : frozenset of str
        The methods if those records counted.
    sources : tuple of str
        Their references.
    """

    methods: frozenset[str]
    sources: tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """
    One operated vertebra while its acts are gathered.

    Attributes
    ----------
    place : frozenset of str
        Levels that the acts leave possible.
    acts : list of Act
        What was done to it.
    methods : set of str
        All methods that its codes speak of.
    known : dict of int to ProcedureFact
        The Procedures, each once, by identity.
    tellers : dict of tuple to ProcedureFact
        Which Procedure first told of each code.
    when : When or None
        From the first to the last of its Procedures; None without any time, and
        until it is settled.
    sources : tuple of str
        References of the Procedures in a fixed order, once it is settled.
    number_unknown : bool
        Whether the same act stands there twice without levels, or at several sites of
        which one cannot be read, or whether there is another vertebra is open.
    doubt : Doubt or None
        What leaves the method open.
    """

    place: frozenset[str]
    acts: list[Act] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    known: dict[int, ProcedureFact] = field(default_factory=dict)
    tellers: dict[tuple[str, str], ProcedureFact] = field(default_factory=dict)
    when: When | None = None
    sources: tuple[str, ...] = ()
    number_unknown: bool = False
    doubt: Doubt | None = None

    @property
    def facts(self) -> list[ProcedureFact]:
        """
        List the Procedures.

        Returns
        -------
        list of ProcedureFact
            Each once.
        """
        return list(self.known.values())

    def settle(self) -> None:
        """Sum up the Procedures, once all acts are there."""
        facts = self.known.values()
        times = [fact.when for fact in facts if fact.when]
        self.when = enclosing(times) if times else None
        self.sources = tuple(sorted({fact.source for fact in facts}))

    def add(self, act: Act) -> None:
        """
        Count an act to this vertebra.

        Parameters
        ----------
        act : Act
            What was done.
        """
        self.acts.append(act)
        self.methods |= act.methods
        for fact in act.facts:
            self.known[id(fact)] = fact
            self.number_unknown |= fact.has_unread_site
        for code in act.codes:
            self.tellers.setdefault((code.system, code.code), act.facts[0])

    def repeats(self, act: Act) -> bool:
        """
        Tell whether another Procedure of the vertebra has the same code.

        Parameters
        ----------
        act : Act
            What was done.

        Returns
        -------
        bool
            True if this may be a second vertebra.
        """
        fact = act.facts[0]
        return any(
            self.tellers.get((code.system, code.code), fact) is not fact
            for code in act.codes
        )


def cluster(acts: Sequence[Act], fractures: Sequence[Evidence]) -> list[Draft]:
    """
    Gather the acts of each vertebra.

    Parameters
    ----------
    acts : sequence of Act
        All acts of the chosen operations.
    fractures : sequence of Evidence
        Fractures of the stay: they decide which vertebra screws were for.

    Returns
    -------
    list of Draft
        Vertebrae from the head downwards.
    """
    listed = sorted(acts, key=_specificity) if len(acts) > 1 else acts
    screws = [act for act in listed if PEDICLE_SCREW in act.methods]
    drafts: list[Draft] = []
    for act in listed:
        if PEDICLE_SCREW not in act.methods:
            _place_act(act, drafts)
    if screws:
        _place_screws(screws, fractures, drafts)
    for draft in drafts:
        draft.settle()
    if len(drafts) > 1:
        drafts.sort(key=lambda draft: (order(draft.place), draft.sources))
    return drafts


def _specificity(act: Act) -> tuple[int, tuple[int, ...], str]:
    return (len(act.place), order(act.place), act.facts[0].source)


def _place_act(act: Act, drafts: list[Draft]) -> None:
    """Add an act to its vertebra; without a level, to one it may be a record of."""
    place = act.place
    if level_of(place):
        possible = [draft for draft in drafts if draft.place == place]
    else:
        possible = [draft for draft in drafts if draft.place & place]
        for draft in possible:
            draft.number_unknown |= draft.repeats(act)
    if not possible:
        drafts.append(draft := Draft(place))
        draft.add(act)
        return
    if len(possible) > 1 and any(act.methods & d.methods for d in possible):
        return  # a second record of one of them: it adds nothing
    for draft in possible:
        draft.add(act)
        draft.place &= place


def _place_screws(
    screws: Sequence[Act], fractures: Sequence[Evidence], drafts: list[Draft]
) -> None:
    """Put a construct where the fractures are; several only if its sites say so."""
    sites = construct_sites(screws)
    construct = span(sites) if sites else ANYWHERE
    inner = [evidence for evidence in fractures if evidence.place & construct]
    if not drafts:  # else an older one may be of the augmented vertebra
        inner = current(inner, {f.encounter for act in screws for f in act.facts})
    broken = {evidence.place for evidence in inner}
    inside = sorted((place for place in broken if level_of(place)), key=order)
    if sites and len(inside) > 1:
        for place in inside:
            _join(screws, place, drafts, is_one=True)
    else:
        place = narrowest(broken) & construct
        one_site = place == construct and len(set(sites)) > 1
        is_one = len(inside) < 2  # noqa: PLR2004 several fractures: which one is open
        _join(screws, ANYWHERE if one_site else place, drafts, is_one=is_one)


def construct_sites(screws: Iterable[Act]) -> list[frozenset[str]]:
    """
    List the body sites of a screw fixation.

    Parameters
    ----------
    screws : iterable of Act
        Its acts.

    Returns
    -------
    list of frozenset of str
        Sites as recorded.
    """
    return [site for act in screws for fact in act.facts for site in fact.sites]


def _join(
    screws: Iterable[Act], place: frozenset[str], drafts: list[Draft], *, is_one: bool
) -> None:
    same = [
        draft
        for draft in drafts
        if place <= draft.place or (is_one and draft.place <= place)
    ]
    if len(same) != 1:
        same = [Draft(place)]
        drafts += same
    same[0].place &= place
    for act in screws:
        same[0].add(act)
