"""Pages in the language of their reader, which the answer names and the address may."""

import re
from collections.abc import Callable
from functools import partial
from gettext import NullTranslations
from typing import Final

from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept

from service.languages import ENGLISH, catalogue, tell

__all__ = [
    "PAGE_LANGUAGES",
    "asked",
    "expect",
    "gettext",
    "preferred",
    "render_page",
    "speak",
    "spoken",
    "words",
]

#: What each language of the pages calls itself.
PAGE_LANGUAGES: Final = {ENGLISH: "English", "zh-Hans": "简体中文"}

#: What browsers say without the script (CLDR, likely subtags). `zh-TW` and `zh-HK` are
#: written in the other one.
_SIMPLIFIED: Final = frozenset({"zh", "zh-cn", "zh-sg", "zh-my"})
_SETTING: Final = "PAGES_LANGUAGE"

#: Three words and more in Latin letters, with what may stand between two.
_LATIN: Final = re.compile(r"([A-Za-z]+(?:[\s.,;:/&()'’_+={}\-]+[A-Za-z]+){2,})")
_IN_ENGLISH: Final = Markup('<span lang="en">{}</span>')


def speak(app: Flask, language: str, is_approved: Callable[[str], bool]) -> None:
    """
    Let the templates of an application be translated.

    Parameters
    ----------
    app : flask.Flask
        The application.
    language : str
        For readers whose browser names none of ours.
    is_approved : callable
        Whether clinicians have approved what is said in a language. Pages in another
        say that they have not.
    """
    app.config[_SETTING] = language
    app.jinja_env.globals["is_approved"] = is_approved
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined] # the extension's
        lambda text: words().gettext(text),
        lambda one, many, n: words().ngettext(one, many, n),
        newstyle=True,
        pgettext=lambda context, text: words().pgettext(context, text),
    )
    app.jinja_env.filters["told"] = _told
    app.jinja_env.filters["marked"] = _marked


def preferred(accepted: LanguageAccept, otherwise: str) -> str:
    """
    Find the language of the pages that a reader likes best.

    Parameters
    ----------
    accepted : werkzeug.datastructures.LanguageAccept
        ``Accept-Language``, best first.
    otherwise : str
        What to say to a reader of none of ours.

    Returns
    -------
    str
        One of `PAGE_LANGUAGES`.

    Examples
    --------
    >>> preferred(LanguageAccept([("zh-CN", 1), ("en", 0.8)]), "en")
    'zh-Hans'
    """
    for tag, quality in accepted:
        if quality <= 0:
            continue
        lower = tag.lower()
        if lower in _SIMPLIFIED:
            return "zh-Hans"
        for language in PAGE_LANGUAGES:
            if f"{lower}-".startswith(f"{language.lower()}-"):
                return language
    return otherwise


def spoken() -> str:
    """
    Tell the language of the reader of the current request.

    Returns
    -------
    str
        The one that the address names (``?lang=``), else what the browser likes best,
        else that of the settings.
    """
    if "language" not in g:
        otherwise = g.get("otherwise") or current_app.config[_SETTING]
        g.language = asked() or preferred(request.accept_languages, str(otherwise))
    return str(g.language)


def asked() -> str | None:
    """
    Tell the language that the reader chose.

    Returns
    -------
    str or None
        The one that the address names, or that was chosen before it; None if neither.
    """
    said = request.args.get("lang", "")
    return said if said in PAGE_LANGUAGES else g.get("chosen")


def expect(*, chosen: str | None = None, otherwise: str | None = None) -> None:
    """
    Tell what else is known of the language of this request's reader.

    Parameters
    ----------
    chosen : str or None, optional
        What was chosen on an earlier page, for an address that cannot say it.
    otherwise : str or None, optional
        For a reader whose browser names none of ours; before that of the settings.
    """
    g.pop("language", None)
    if chosen in PAGE_LANGUAGES:
        g.chosen = chosen
    if otherwise in PAGE_LANGUAGES:
        g.otherwise = otherwise


def gettext(text: str) -> str:
    """
    Say a text in the language of the current request's reader.

    Parameters
    ----------
    text : str
        In English, as it was marked for translation.

    Returns
    -------
    str
        The text.
    """
    return words().gettext(text)


def words() -> NullTranslations:
    """
    Give the words of the language of the current request's reader.

    Returns
    -------
    gettext.NullTranslations
        Those of pages, read when they are first asked for.
    """
    return catalogue(spoken(), "pages")


def render_page(template: str, **values: object) -> Response:
    """
    Write a page in the language of its reader.

    Parameters
    ----------
    template : str
        Name of a file in ``service/templates/pages``.
    **values : object
        What it needs, beside the language.

    Returns
    -------
    flask.Response
        The page; it says its language, and by what it was chosen.
    """
    language = spoken()
    page = render_template(
        template,
        language=language,
        languages=PAGE_LANGUAGES,
        page_url=_page_url(),
        **values,
    )
    response = make_response(page)
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


def _page_url() -> Callable[..., str]:
    """Keep a language that was chosen while somebody goes from page to page."""
    if asked():
        return partial(url_for, lang=spoken())
    return url_for


def _told(text: str) -> str:
    """Say a text that is data; what has no translation is marked as English."""
    told = tell(words(), text)
    if told != text or spoken() == ENGLISH:
        return _marked(told)
    return _IN_ENGLISH.format(text)


def _marked(text: str) -> str:
    """Mark titles, addresses and commands that stand in English in another language."""
    if spoken() == ENGLISH:
        return text
    pieces = enumerate(_LATIN.split(text))
    return Markup().join(
        _IN_ENGLISH.format(each) if i % 2 else each for i, each in pieces
    )
