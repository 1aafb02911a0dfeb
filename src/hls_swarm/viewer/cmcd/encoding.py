"""CMCD data as text: a structured field dictionary (RFC 8941), whole or in four header fields. Pure.

Rules:

- Keys are sorted, nothing stands between members; what is true is its key alone, what is false or unknown is left out.
- Strings are quoted, tokens are not; version 2 has lists in parentheses where one object may have several values.
- Which field a key goes to is the same in versions 1 and 2 (CTA-5004 2, CTA-5004-A), but for `pr`: version 1 has it
  with the session, version 2 with the status.
"""

import math
import re
from collections.abc import Mapping
from urllib.parse import quote

from hls_swarm.hls.uri import split_uri

_HEADERS = {
    "CMCD-Object": "ab br d lab lb ot tab tb tpb",
    "CMCD-Request": "bl cs dfa dl ltc mtp nor nrr pb sn sta su tbl",
    "CMCD-Session": "cid msd sf sid st v",
    "CMCD-Status": "bg bs bsa bsd bsda cdn ec nr pr pt rtp",
}
_FIELD_OF = {key: name for name, keys in _HEADERS.items() for key in keys.split()}
_NOT_IN_STRINGS = re.compile(r"[^\x20-\x7e]")


class Token(str):
    """A value that stands without quotes."""

    __slots__ = ()


Item = int | float | str
Value = Item | bool | tuple[Item, ...] | None
Data = Mapping[str, Value]


def dictionary(data: Data) -> str:
    """All of it, as a query has it."""
    return ",".join(_member(key, data[key]) for key in sorted(data) if _is_said(data[key]))


def headers(data: Data) -> tuple[tuple[str, str], ...]:
    """The same as header fields; those without a key are left out."""
    parts: dict[str, dict[str, Value]] = {}
    for key, value in data.items():
        if _is_said(value):
            field = _FIELD_OF.get(key, "CMCD-Request")
            if key == "pr" and "v" not in data:
                field = "CMCD-Session"
            parts.setdefault(field, {})[key] = value
    return tuple((name, dictionary(parts[name])) for name in _HEADERS if name in parts)


def rounded(value: float, step: int = 1) -> int:
    """To the nearest multiple, halves up, as JavaScript rounds."""
    return math.floor(value / step + 0.5) * step


def relative_path(url: str, base: str) -> str:
    """An address as seen from another, as hls.js's library writes it: with detours, but it leads there (`nor`)."""
    scheme, authority, path, query, _ = split_uri(url)
    base_scheme, base_authority, base_path, *_ = split_uri(base)
    if (scheme, authority) != (base_scheme, base_authority):
        return url
    to_parts, at_parts = path.split("/")[1:], base_path.split("/")[1:-1]
    # The library looks at the nth part after it has taken n away.
    for nth in range(min(len(to_parts), len(at_parts))):
        if nth >= len(at_parts) or nth >= len(to_parts) or to_parts[nth] != at_parts[nth]:
            break
        del to_parts[0], at_parts[0]
    path = "/".join([".."] * len(at_parts) + to_parts)
    return f"{path}?{query}" if query else path


def encoded(text: str) -> str:
    """Percent-encoded as `encodeURIComponent` does it."""
    return quote(text, safe="!'()*-._~")


def _is_said(value: Value) -> bool:
    return value is not None and value is not False and value != "" and value != ()


def _member(key: str, value: Value) -> str:
    if value is True:
        return key
    if isinstance(value, tuple):
        return f"{key}=({' '.join(map(_item, value))})"
    return key if value is None else f"{key}={_item(value)}"


def _item(value: Item) -> str:
    if isinstance(value, Token):
        return value
    if isinstance(value, str):
        plain = _NOT_IN_STRINGS.sub(lambda found: quote(found[0]), value)
        return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() else f"{round(value, 3):.3f}".rstrip("0").rstrip(".")
