"""Reading the variables of the environment, named and explained when refused."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from environs import Env, EnvNotSetError, EnvValidationError, ValidationError

from service.variables import VARIABLES, is_long_enough

__all__ = ["SettingsError", "read", "read_secret", "refuse_unusable"]

_PREFIX = "SCNEN_"
_SECRET_MAX_BYTES = 16_384


class SettingsError(ValueError):
    """A setting that cannot be used; names the variable and what is allowed."""


def refuse_unusable() -> None:
    """
    Refuse what would otherwise be ignored without a word.

    Raises
    ------
    SettingsError
        If a variable of ours is unknown or empty.
    """
    for name in sorted(os.environ):
        if not name.upper().startswith(_PREFIX):
            continue
        if name not in VARIABLES:
            raise SettingsError(f"{name}: unknown setting. {_nearest(name)}")
        if not os.environ[name].strip():
            raise SettingsError(
                f"{name}: set but empty. Give {VARIABLES[name].allowed}, or remove it."
            )


def _nearest(name: str) -> str:
    known = {variable.removeprefix(_PREFIX): variable for variable in VARIABLES}
    close = get_close_matches(name.upper().removeprefix(_PREFIX), known, n=1)
    if close:
        return f"Did you mean {known[close[0]]}?"
    return f"Known settings: {', '.join(VARIABLES)}."


def read(
    name: str,
    *,
    default: Any = ...,  # noqa: ANN401 the reader's own type
    check: Callable[[Any], None] | None = None,
) -> Any:  # noqa: ANN401 the variable's own type
    """
    Read one variable.

    Parameters
    ----------
    name : str
        A key of `VARIABLES`.
    default : object
        What it is if it is not set; Ellipsis if it must be set.
    check : callable, optional
        In place of the variable's own check.

    Returns
    -------
    object
        Its value, checked.

    Raises
    ------
    SettingsError
        If it is not allowed, or not set and has no default.
    """
    allowed, parse, own = VARIABLES[name]
    # The reader's message may hold the value, and a value may be a secret: `from None`.
    try:
        return getattr(Env(), parse)(name, default=default, validate=check or own)
    except EnvNotSetError:
        raise SettingsError(
            f"{name}: not set. Give {allowed}; only open mode has a default."
        ) from None
    except EnvValidationError:
        raise SettingsError(f"{name}: not allowed. Give {allowed}.") from None


def read_secret(name: str, default: Any) -> Any:  # noqa: ANN401 as `read`
    """
    Read a secret, or the file that a variable of its name and ``_FILE`` names.

    Parameters
    ----------
    name : str
        A key of `VARIABLES`.
    default : object
        As of `read`.

    Returns
    -------
    str or None
        The secret.

    Raises
    ------
    SettingsError
        If both are set, the file cannot be read, or the secret is too short.
    """
    file = read(f"{name}_FILE", default=None)
    if file is None:
        return read(name, default=default)
    if name in os.environ:
        raise SettingsError(f"{name}: set as well as {name}_FILE. Remove one of them.")
    try:
        with file.open("rb") as opened:
            secret = opened.read(_SECRET_MAX_BYTES).decode().strip()
        is_long_enough(secret)
    except (OSError, ValueError, ValidationError):
        raise SettingsError(
            f"{name}_FILE: {file} cannot be read or does not hold"
            f" {VARIABLES[name].allowed}."
        ) from None
    return secret
