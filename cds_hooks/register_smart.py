"""The field of a register file that says how an EHR knows the SMART app."""

from pathlib import Path

from cds_hooks.addresses import normalised_origin
from cds_hooks.errors import InvalidClient
from cds_hooks.items import Item, Reader
from cds_hooks.smart_apps import SMARTApp

__all__ = ["read_smart_app"]

_MOST_BYTES = 16 * 1024


def read_smart_app(item: Item, folder: Path) -> SMARTApp | None:
    """
    Read how the app is registered with the client's EHR.

    Parameters
    ----------
    item : Item
        The field ``smart``.
    folder : pathlib.Path
        From where relative paths of secrets and keys lead on.

    Returns
    -------
    SMARTApp or None
        The app; None if anything is wrong with it.
    """
    readers: dict[str, Reader] = {
        "client_id": Item.text,
        "client_secret_file": lambda each: _file(each, folder),
        "private_key_file": lambda each: _key(each, folder),
        "key_id": Item.text,
        "frame_ancestors": lambda each: each.tuple_of(lambda e: e.made(_origin)),
        "writes": Item.flag,
    }
    count = len(item.faults)
    read = item.read_fields(readers, required=("client_id",))
    if len(item.faults) > count:
        return None
    names = {"client_secret_file": "secret", "private_key_file": "key"}
    try:
        return SMARTApp(**{names.get(name, name): each for name, each in read.items()})
    except InvalidClient as error:
        item.refuse(error.problem, error.remedy, shown=False)
    return None


def _origin(text: str) -> str:
    """Read the origin of a page; one of this machine frames nothing of a hospital."""
    origin = normalised_origin(text)
    if not origin.startswith("https:"):
        raise InvalidClient("is not https", "give the https origin of the EHR's pages")
    return origin


def _file(item: Item, folder: Path) -> str | None:
    """Read a secret out of a file of its own: the register is shown to people."""
    text = item.text()
    if text is None:
        return None
    try:
        with (folder / text).open("rb") as file:
            said = file.read(_MOST_BYTES + 1)[:_MOST_BYTES].decode("ascii").strip()
    except OSError as error:
        item.refuse(f"cannot be read: {error.strerror}", "name a file beside this one")
        return None
    except UnicodeDecodeError:
        said = ""
    if not said:
        item.refuse("holds no secret", "name a file with it and nothing else")
        return None
    return said


def _key(item: Item, folder: Path) -> str | None:
    said = _file(item, folder)
    if said is None or ("-----BEGIN " in said and "PRIVATE KEY-----" in said):
        return said
    item.refuse("holds no private key", "name a file with one in PEM")
    return None
