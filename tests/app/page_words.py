"""What is read or heard of a page: which of its words are English and not marked so."""

import html
import re
from html.parser import HTMLParser

PLACE = re.compile(r"%\(\w+\)s|\{\w+\}|%%")
#: No part of a code, such as M80.08XA.
WORD = re.compile(r"(?<!\w)[A-Za-z]{2,}(?!\w)", re.ASCII)
#: What stands in Latin letters on Chinese pages: names, abbreviations, formats, units.
LATIN = {
    *("scnen", "cds", "SCNEN", "Cobb", "Tinel", "PVP", "PKP", "ROC", "ICI", "SD"),
    *("liu", "nomogram", "table", "sha", "PDF", "SVG", "JSON", "XML", "JavaScript"),
    *("CHAI", "TRIPOD", "PROBAST", "AI", "Model", "Facts", "ONC", "HTI", "CFR", "BMJ"),
    *("Collins", "Moons", "et", "al", "FDA", "CE", "MDR", "IIa", "CDS", "Hooks"),
    *("Epic", "Oracle", "Health", "Cerner", "Sandbox", "FHIR", "SMART", "OpenAPI"),
    *("HTTP", "POST", "curl", "request", "json", "Markdown", "English", "UTC"),
    *("Observation", "Procedure", "Reposition", "Supplement", "OperationOutcome"),
    *("ServiceRequest", "Condition", "MedicationRequest", "absolute", "smart"),
    *("ICD", "PCS", "OID", "patient", "view", "null", "ms", "mL", "log", "docs", "md"),
    *("generic", "MRI", "model", "safety", "recalibrate", "monitoring"),
    *("PKCE", "Cookie", "Provenance", "final", "pvp", "pkp", "cm"),
    *("LASSO", "AUC", "Hosmer", "Lemeshow", "bootstrap"),
}  # fmt: skip


class Words(HTMLParser):
    """Collects what is read or heard of a page, but for what is marked as English."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.hidden = []

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        is_left = own.get("lang") == "en" or tag in {"code", "pre", "script", "style"}
        if tag not in {"meta", "link", "input", "br", "hr", "img"}:
            self.hidden.append(bool(is_left or (self.hidden and self.hidden[-1])))
        if not is_left and not (self.hidden and self.hidden[-1]):
            heard = ("aria-label", "placeholder", "title", "alt", "data-said")
            heard += ("data-story", "data-modes", "data-nothing", "data-format")
            heard += ("data-words", "data-closed")
            self.found += [own[name] for name in heard if own.get(name)]

    def handle_endtag(self, tag):
        self.hidden.pop()

    def handle_data(self, data):
        if not (self.hidden and self.hidden[-1]) and data.strip():
            self.found.append(data)


def english(text):
    """Find the English words of a page that is in another language."""
    words = Words()
    words.feed(text)
    words.close()
    left = set()
    for found in words.found:
        # Keys of the script's words, addresses and digests are not read.
        told = re.sub(
            r'"\w+":|\\u\w{4}|https?://\S+|sha256:\w+', "", html.unescape(found)
        )
        for word in WORD.findall(PLACE.sub("", told)):
            if word not in LATIN:
                left.add((word, found[:60]))
    return left
