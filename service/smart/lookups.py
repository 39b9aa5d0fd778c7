"""What of the drafts is in the record already: looked up before anything is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from service.smart.resources import Draft

__all__ = ["is_void", "look_up"]

#: So often an entry may have been entered in error and be entered again.
_MOST_VOIDED: Final = 3


def look_up(
    drafts: Sequence[Draft], search: Callable[[str], object]
) -> tuple[list[Draft], dict[str, str]]:
    """
    Tell what is to be created from what is there.

    Not every server heeds the condition of a create; where nothing can be searched, it
    alone has to do. What was entered in error is not there: what it said is entered
    again, under an identifier of its own.

    Parameters
    ----------
    drafts : sequence of Draft
        What is to be in the record.
    search : callable
        Gives the JSON that a server answers to a query; None if it does not.

    Returns
    -------
    wanted : list of Draft
        What is to be created.
    names : dict of str to str
        References of what is there, by the `full_url` of its draft.
    """
    names: dict[str, str] = {}
    wanted = list(drafts)
    for _ in range(_MOST_VOIDED):
        found = _found(wanted, search)
        names |= {d.full_url: found[d.token] for d in wanted if found.get(d.token)}
        renewed = [
            replace(each, voided=each.voided + 1)
            if found.get(each.token) == ""
            else each
            for each in wanted
        ]
        if renewed == wanted:
            break
        wanted = renewed
    return [draft for draft in wanted if draft.full_url not in names], names


def is_void(resource: object) -> bool:
    """
    Tell whether a resource was entered in error.

    Parameters
    ----------
    resource : object
        JSON.

    Returns
    -------
    bool
        Whether its status says so.

    Examples
    --------
    >>> is_void({"status": "entered-in-error"})
    True
    """
    return isinstance(resource, dict) and resource.get("status") == "entered-in-error"


def _found(drafts: Sequence[Draft], search: Callable[[str], object]) -> dict[str, str]:
    """Give, for each identifier that is in use, a name; none of what is void."""
    found: dict[str, str] = {}
    for kind in dict.fromkeys(draft.kind for draft in drafts):
        tokens = ",".join(quote(d.token, safe="") for d in drafts if d.kind == kind)
        for entry in _objects(search(f"{kind}?identifier={tokens}"), "entry"):
            content = entry.get("resource")
            if not isinstance(content, dict):
                continue
            name = "" if is_void(content) else f"{kind}/{content.get('id')}"
            for each in _objects(content, "identifier"):
                token = f"{each.get('system')}|{each.get('value')}"
                found[token] = found.get(token) or name
    return found


def _objects(document: object, name: str) -> Iterator[Mapping[str, Any]]:
    """Give the objects in a list of a document; whatever else stands there is none."""
    members = document.get(name) if isinstance(document, dict) else None
    for each in members if isinstance(members, list) else ():
        if isinstance(each, dict):
            yield each
