"""What building either kind of playlist has in common: lines, variables, violations, and the tags of 4.4.1 and 4.4.2.

Rules (8216bis unless said otherwise):

- Unknown tags, comments and blank lines are ignored (4.1, 6.3.1).
- A tag that is wrong is ignored with a violation, as players do, unless none can do without it (`UnplayableError`). A
  strict reading fails the playlist for it, but for a tag that merely informs (`Tag.informative`).
- A tag of the other kind of playlist is ignored likewise, unless the playlist is of the other kind after all
  (`OtherKind`); a strict reading fails it (4.4.6). So it does for a variable that is not defined before its use
  (6.3.1), which players leave as it stands.
- Variables are replaced once, left to right, without looking again at what was put in (6.3.1). What they may expand to
  is bounded: a playlist is input from a stranger.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.attributes import (
    RULE,
    Attributes,
    TagError,
    UnplayableError,
    UnrecognizedValue,
    decimal_integer,
    leading_integer,
)
from hls_swarm.hls.playlist import ByteRange, Key, KeyMethod, Start
from hls_swarm.hls.reading import Player, Reading
from hls_swarm.hls.uri import is_data, resolver, sendable, with_slashes
from hls_swarm.records import Violation

MAX_VIOLATIONS = 100
MAX_EXPANDED_CHARACTERS = 1 << 20
MAX_QUERY_PARAMETERS = 1000
MAX_WRONG_TAGS = 1000
"""Wrong tags of one name that are ignored one by one; after that all of that name are."""
MAX_URI_CHARACTERS = 1 << 16
"""Servers take a few thousand and browsers ask for no more than two million; a `data:` URI is asked of no one."""
MEMORY = 1024
"""References and attribute lists that are remembered, as some playlists say the same over and over."""
_LONGEST_REMEMBERED = 512
_DIGITS_OF_64_BITS = 20

_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")
_PLAIN_NAME = re.compile(r"[^/.?#: ][^: ]*+").fullmatch
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_UNQUOTABLE = re.compile(r'[\n\r"]').search


class OtherKind(Exception):  # noqa: N818 not an error: the playlist is to be read again
    """The playlist is of the other kind than its first tags say."""


class Tag(NamedTuple):
    """How one tag is read.

    Attributes:
        read: takes the builder and the text after the colon.
        section: of draft-pantos-hls-rfc8216bis-22.
        once: it may not appear twice.
        informative: a player can do without it: wrong, it is ignored however the playlist is read.
    """

    read: Callable[[Any, str], None]
    section: str
    once: bool = False
    informative: bool = False

    @property
    def rule(self) -> str:
        """The section as errors name it."""
        return "8216bis " + self.section


class Source(msgspec.Struct, frozen=True, gc=False):
    """What is read, and how.

    Attributes:
        url: what URIs are resolved against.
        imports: the multivariant playlist's variables.
        text: all of it.
        plain: whether the text is ASCII without control characters, variable references, backslashes that are slashes
            and lines without measure, which allows a short cut.
    """

    url: str
    imports: Mapping[str, str]
    reading: Reading
    text: str
    plain: bool


class Builder:
    """The state while a playlist is read line by line; one subclass for each kind.

    Attributes:
        line, first_line: the present line, and that of EXTM3U.
    """

    kind: ClassVar[str]
    tags: ClassVar[Mapping[str, Tag]]
    foreign: ClassVar[Mapping[str, Tag]]
    __slots__ = (
        "_attribute_lists",
        "_expanded_characters",
        "_resolved",
        "_seen",
        "_violations",
        "_wrong",
        "base",
        "directory",
        "first_line",
        "imports",
        "independent_segments",
        "line",
        "plain",
        "reading",
        "source",
        "start",
        "url",
        "variables",
        "version",
    )

    def __init__(self, source: Source) -> None:
        base = resolver(source.url)
        self.source = source
        self.url, self.imports, self.reading, self.plain = source.url, source.imports, source.reading, source.plain
        self.base, self.directory = base, base.directory
        self.line = self.first_line = 1
        self.version = 1
        self.independent_segments = False
        self.start: Start | None = None
        self.variables: dict[str, str] = {}
        self._seen: set[str] = set()
        self._wrong: dict[str, int] = {}
        self._resolved: dict[str, str] = {}
        self._attribute_lists: dict[str, Attributes] = {}
        self._violations: dict[tuple[str, str], Violation] = {}
        self._expanded_characters = 0

    # --- lines ---------------------------------------------------------------------------------------------------

    def tag(self, line: str) -> None:
        """Read a line that begins with `#EXT`."""
        name, _, value = line.partition(":")
        tag = self.tags.get(name)
        if tag is None:
            name = name.rstrip(" \t")
            tag = self.tags.get(name)
            if tag is None:
                if name in self.foreign:
                    self.foreign_tag(name, line)
                return
            self.tolerate(f"white space after {name[1:]}", "8216bis 4.1")
        if tag.once:
            if name in self._seen:
                self.breach(f"{name[1:]} appears twice", tag.rule, line, refused_by=self.refusing_twice(name))
            self._seen.add(name)
        if name in self._wrong and self._wrong[name] >= MAX_WRONG_TAGS:
            self.tolerate(f"further {name[1:]} ignored", tag.rule)
            return
        try:
            tag.read(self, value)
        except UnrecognizedValue as unrecognized:
            self.tolerate(f"{name[1:]} ignored: {unrecognized}", "8216bis 6.3.1")
        except TagError as error:
            if not tag.informative and (self.reading.strict or isinstance(error, UnplayableError)):
                self.fail(f"{name[1:]}: {error.reason}", error.rule or tag.rule, line)
            reason, rule = f"{name[1:]} ignored: {error.reason}", error.rule or tag.rule
            if error.refused_by and not self.reading.strict:
                self.breach(reason, rule, line, refused_by=error.refused_by)
            else:
                self.tolerate(reason, rule)
        else:
            return
        self._wrong[name] = self._wrong.get(name, 0) + 1

    def refusing_twice(self, name: str) -> tuple[Player, ...]:  # noqa: ARG002 the kinds of playlist differ
        """Who refuses the playlist when this tag comes again that may come once."""
        return ()

    def foreign_tag(self, name: str, line: str) -> None:
        """A tag that only the other kind of playlist has."""
        reason = f"{name[1:]} does not belong in a {self.kind} playlist"
        if self.reading.strict:
            self.fail(f"{reason}, which {self._made_so_by()} makes it", "8216bis 4.4.6", line)
        self.tolerate(reason, "8216bis 4.4.6")

    def _made_so_by(self) -> str:
        """The first tag that only this kind of playlist has, and where it stands."""
        for number, line in enumerate(self.source.text.split("\n"), 1):
            name = line.strip(" \t").partition(":")[0].rstrip(" \t")
            if name in self.tags and name not in COMMON_TAGS:
                return f"{name[1:]} in line {number}"
        raise AssertionError("a playlist is of a kind by one of its tags")

    def fail(self, reason: str, rule: str, text: str = "") -> NoReturn:
        """Give the playlist up, at the present line."""
        raise PlaylistError(reason, line=self.line, text=text, rule=rule)

    def breach(self, reason: str, rule: str, text: str = "", *, refused_by: tuple[Player, ...] = ()) -> None:
        """Note a violation at the present line that a strict reading refuses, and these players do."""
        if self.reading.strict:
            self.fail(reason, rule, text)
        if self.reading.refuses(refused_by):
            self.fail(f"{reason}, which {' and '.join(refused_by)} refuse", rule, text)
        self.tolerate(reason, rule, refused_by)

    def tolerate(self, reason: str, rule: str, refused_by: tuple[Player, ...] = ()) -> None:
        """Note a violation at the present line: the first of each sort, and no more than `MAX_VIOLATIONS`."""
        if (reason, rule) not in self._violations and len(self._violations) < MAX_VIOLATIONS:
            self._violations[reason, rule] = Violation(reason, rule, self.line, refused_by)

    def tolerate_whole(self, reason: str, rule: str) -> None:
        """Note a violation of the playlist as a whole."""
        self.line = 0
        self.tolerate(reason, rule)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All that were noted, in order."""
        return tuple(self._violations.values())

    # --- values --------------------------------------------------------------------------------------------------

    def attributes(self, value: str) -> Attributes:
        """The attribute list of the present tag."""
        known = self._attribute_lists.get(value)
        if known is None:
            known = Attributes(value, self)
            if len(self._attribute_lists) < MEMORY and len(value) < _LONGEST_REMEMBERED:
                self._attribute_lists[value] = known
        return known

    def number(self, value: str, what: str, *, refused_by: tuple[Player, ...] = ()) -> int:
        """The decimal-integer that is the whole value of the present tag, or that it begins with.

        Args:
            refused_by: who refuses a value that begins with no number.

        Raises:
            TagError: it does, or the reading is strict and there is something else in the value.
        """
        if value.isdecimal() and value.isascii() and len(value) < _DIGITS_OF_64_BITS:
            return int(value)
        text = value.strip(" \t")
        if self.reading.strict:
            return decimal_integer(text, what)
        number = leading_integer(text)
        if number is None:
            raise TagError(f"{what} is not a decimal integer", rule=RULE, refused_by=refused_by)
        if not text.isdecimal():
            self.tolerate(f"{what} is not a decimal integer", RULE)
        return number

    def uri(self, reference: str) -> str:
        """A URI resolved against the playlist's own (4.1)."""
        known = self._resolved.get(reference)
        if known is None:
            known = self._absolute(reference)
            if len(self._resolved) < MEMORY and len(reference) < _LONGEST_REMEMBERED:
                self._resolved[reference] = known
        return known

    def _absolute(self, reference: str) -> str:
        base = self.base if reference and reference[0] != "#" else resolver(self.url, reference)
        if len(reference) > MAX_URI_CHARACTERS and not is_data(reference):
            self.fail(
                f"a URI of {len(reference):,} characters, more than {MAX_URI_CHARACTERS:,}", "8216bis 4.1", reference
            )
        if not self.plain or " " in reference:
            if self.reading.backslash_is_slash and "\\" in reference:
                written, reference = reference, with_slashes(reference)
                if reference != written:
                    self.tolerate("a backslash in a URI, which browsers make a slash", "8216bis 4.1")
            if "//" in reference and not reference.isascii():
                return base.resolve(reference)  # a host beyond ASCII has an encoding of its own
            reference = sendable(reference)
        if reference and ":" not in reference and "/." not in reference:
            # What `Resolver.resolve` would do, in a tenth of the time.
            if reference[0] not in "/.?#":
                return base.directory + reference
            if reference[0] == "?":
                return base.document + reference
            if reference[0] == "/" and reference[1:2] != "/":
                return base.root + reference
            if reference[:3] == "../" and _PLAIN_NAME(reference, 3):
                return base.parent + reference[3:]
            if reference[:2] == "./" and _PLAIN_NAME(reference, 2):
                return base.directory + reference[2:]
        return base.resolve(reference)

    def uri_line(self, line: str) -> str:
        """The URI that a line consists of: white space cut, variables replaced, resolved."""
        reference = line.strip()
        if reference != line:
            self.tolerate("white space around a URI", "8216bis 4.1")
        if "{$" in reference:
            reference = self.substitute(reference)
        return self.uri(reference)

    def substitute(self, text: str) -> str:
        """`text` with its variable references replaced (4.3, 6.3.1).

        Raises:
            PlaylistError: a variable is not defined here, or the text grows beyond all measure.
        """
        return _REFERENCE.sub(self._value_of, text)

    def _value_of(self, match: re.Match[str]) -> str:
        value = self.variables.get(match[1])
        if value is None:
            reason = f"variable {match[1][:64]} is not defined"
            self.breach(reason, "8216bis 6.3.1", match.string, refused_by=(Player.HLSJS,))
            return match[0]
        self._expanded_characters += len(value)
        if self._expanded_characters > MAX_EXPANDED_CHARACTERS:
            self.fail("variables expand to too much text", "8216bis 4.3", match.string)
        return value

    def key_of(self, value: str) -> Key:
        """The attributes that EXT-X-KEY and EXT-X-SESSION-KEY share (4.4.4.4, 4.4.6.5)."""
        attributes = self.attributes(value)
        method = attributes.enumerated("METHOD", KeyMethod, essential=True)
        if method is None:
            raise TagError("METHOD is missing")
        if method is KeyMethod.NONE:
            if len(attributes.names()) > 1:
                self.tolerate("EXT-X-KEY with METHOD=NONE has other attributes", "8216bis 4.4.4.4")
            return Key(method, "", None, "identity", (1,))
        key_format = attributes.quoted("KEYFORMAT") or "identity"
        uri = attributes.quoted("URI")
        if not uri:
            missing = "URI is missing" if uri is None else "URI is empty"
            raise UnplayableError(missing) if key_format == "identity" else TagError(missing)
        return Key(
            method, self.uri(uri), attributes.hexadecimal("IV", 16), key_format, self._key_format_versions(attributes)
        )

    def _key_format_versions(self, attributes: Attributes) -> tuple[int, ...]:
        versions: list[int] = []
        for text in attributes.strings("KEYFORMATVERSIONS", "/"):
            if self.reading.strict:
                versions.append(decimal_integer(text, "KEYFORMATVERSIONS"))
                continue
            number = leading_integer(text)
            if number is None or not text.isdecimal():
                self.tolerate("KEYFORMATVERSIONS is not a decimal integer", RULE)
            versions += () if number is None else (number,)
        return tuple(versions) or (1,)

    # --- 4.4.1 Basic tags ----------------------------------------------------------------------------------------

    def extm3u(self, value: str) -> None:
        """4.4.1.1 EXTM3U; the parser has seen to it that it comes first."""
        if self.line > self.first_line or value:
            self.tolerate("EXTM3U again, or with a value", "8216bis 4.4.1.1")

    def ext_x_version(self, value: str) -> None:
        """4.4.1.2 EXT-X-VERSION: a client must refuse a second one; players do not."""
        version = self.number(value, "version", refused_by=(Player.MEDIA3,))
        if not version:
            raise TagError("version 0 does not exist")
        self.version = version

    # --- 4.4.2 Media or multivariant playlist tags ---------------------------------------------------------------

    def ext_x_independent_segments(self, value: str) -> None:  # noqa: ARG002 the tag has no value
        """4.4.2.1 EXT-X-INDEPENDENT-SEGMENTS."""
        if self.independent_segments:
            self.tolerate("EXT-X-INDEPENDENT-SEGMENTS appears twice", "8216bis 4.4.2")
        self.independent_segments = True

    def ext_x_start(self, value: str) -> None:
        """4.4.2.2 EXT-X-START."""
        attributes = self.attributes(value)
        offset = attributes.signed("TIME-OFFSET")
        if offset is None:
            if "TIME-OFFSET" in attributes:
                return  # it is no number, which is noted
            raise TagError("TIME-OFFSET is missing")
        if self.start is not None:
            self.tolerate("EXT-X-START appears twice", "8216bis 4.4.2")
        self.start = Start(offset, bool(attributes.flag("PRECISE")))

    def ext_x_define(self, value: str) -> None:
        """4.4.2.3 EXT-X-DEFINE: NAME with VALUE, IMPORT, or QUERYPARAM."""
        attributes = self.attributes(value)
        forms = [form for form in ("NAME", "IMPORT", "QUERYPARAM") if form in attributes]
        if len(forms) != 1:
            raise TagError("needs one of NAME, IMPORT and QUERYPARAM")
        name = attributes.required(forms[0])
        if _VARIABLE_NAME(name) is None:
            raise TagError("a variable's name has letters, digits, - and _ only")
        if name in self.variables:
            raise TagError(f"variable {name[:64]} is defined twice")
        if forms[0] == "NAME":
            defined = attributes.quoted("VALUE")
            if defined is None:
                raise TagError("VALUE is missing")
        elif forms[0] == "IMPORT":
            defined = self._imported(name)
        else:
            defined = self._query_parameter(name)
        self.variables[name] = defined

    def _imported(self, name: str) -> str:
        value = self.imports.get(name)
        if value is None:
            raise TagError(f"variable {name[:64]} can not be imported: the multivariant playlist does not define it")
        return value

    def _query_parameter(self, name: str) -> str:
        """The value of a query parameter in the URI of the playlist, percent-decoded as players do."""
        try:
            pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True, max_num_fields=MAX_QUERY_PARAMETERS)
        except ValueError as error:
            raise TagError(f"the playlist's own URL can not be taken apart: {error}") from error
        for key, value in pairs:
            if key == name and (value or not self.reading.strict):
                if not value:
                    self.tolerate(f"the query parameter {name[:64]} has no value", "8216bis 4.4.2.3")
                if _UNQUOTABLE(value) is not None:
                    self.tolerate("a query parameter has characters that no quoted string has", "8216bis 4.4.2.3")
                return value
        raise TagError(f"the playlist's URL has no value for the query parameter {name[:64]}")


COMMON_TAGS: dict[str, Tag] = {
    "#EXTM3U": Tag(Builder.extm3u, "4.4.1.1"),
    "#EXT-X-VERSION": Tag(Builder.ext_x_version, "4.4.1.2", once=True),
    "#EXT-X-INDEPENDENT-SEGMENTS": Tag(Builder.ext_x_independent_segments, "4.4.2.1"),
    "#EXT-X-START": Tag(Builder.ext_x_start, "4.4.2.2", informative=True),
    "#EXT-X-DEFINE": Tag(Builder.ext_x_define, "4.4.2.3"),
}


def implicit_range(
    length: int, first: int | None, uri: str, before: ByteRange | None, uri_before: str
) -> ByteRange | None:
    """A byte range whose first byte, if not given, follows the one before in the same resource (4.4.4.2).

    None where there is nothing before for it to follow.
    """
    if first is not None:
        return first, length
    if before is None or uri != uri_before:
        return None
    return before[0] + before[1], length


def after(before: ByteRange | None) -> int:
    """The byte after a range; 0 where there is none."""
    return 0 if before is None else before[0] + before[1]
