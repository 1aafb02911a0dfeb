"""What viewers' requests say, whom they may be sent to, and how long they may take."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    CONTROL,
    SettingValueError,
    check_choice,
    check_field_name,
    check_file_name,
    check_headers,
    check_host_and_port,
    check_more_than_zero,
    check_no_repeats,
    check_origin,
    check_url,
    check_whole,
    header_field,
)
from hls_swarm.settings.kinds import Lines, Seconds

Cmcd = Literal["query", "headers"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Requests:
    """Fields, tokens, a page and CMCD; hosts and time limits."""

    user_agent: str = ""
    """User-Agent of the viewers; by default hls-swarm and its version."""

    user_agent_file: str | None = None
    """File of User-Agent values, one a line, that viewers take in turn."""

    token_file: str | None = None
    """File of tokens, one a line, that viewers take in turn: each puts its own where the URL, --header or
    --user-agent has {token}. {viewer} there is the viewer's number."""

    header: Lines = ()
    """One more request header, as 'Name: value'; repeatable."""

    sensitive_header: tuple[str, ...] = ()
    """Name of a --header that is secret, besides Authorization, Cookie and those whose name says so, such as X-Api-Key;
    repeatable. What is secret goes to the origins of the given URLs only."""

    trust_host: tuple[str, ...] = ()
    """Host, or host:port, that gets secret headers and the URL's user and password too; repeatable."""

    only_host: tuple[str, ...] = ()
    """Ask no host but this, as host or host:port, and those of the given URLs, whatever playlists and redirects name;
    repeatable."""

    browser_origin: str | None = None
    """Origin of the page that viewers run in, such as https://player.example: they ask as its script would in Chromium,
    with Origin, Referer and Sec-Fetch fields and CORS preflights, and take no answer that it may not read."""

    browser_credentials: bool = False
    """With --browser-origin: ask with cookies (withCredentials), which origins must allow by name."""

    cmcd: Cmcd | None = None
    """Tell how the viewer fares with each request, as its player does (CMCD, CTA-5004): in the query or in headers.
    Players send none unless they are told to."""

    cmcd_version: int = 1
    """Version of CMCD in requests: 1 or 2."""

    cmcd_content_id: str = ""
    """Id of the content that CMCD names (cid)."""

    cmcd_collector: str | None = None
    """URL that viewers post CMCD events to (version 2): changes of state and bitrate, errors, and how it stands every
    30s; needs --cmcd. Its requests are counted apart."""

    cmcd_responses: bool = False
    """With --cmcd-collector: tell of each answer with media, too (event rr): as many reports as segments."""

    timeout: Seconds | None = None
    """Time limit of a whole playlist or segment request; by default the player's own limits."""

    no_cache: bool = False
    """Ask caches on the way for fresh answers (Cache-Control and Pragma: no-cache)."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The viewers' extra header fields as name and value."""
        return tuple(header_field(line) for line in self.header)

    def _check_requests(self) -> None:
        if CONTROL.search(self.user_agent):
            raise SettingValueError("user_agent", "has a line break or control character in it: take it out")
        if not self.user_agent.isascii():
            raise SettingValueError("user_agent", "has characters outside ASCII: take them out")
        for field in ("user_agent_file", "token_file"):
            if (name := getattr(self, field)) is not None:
                check_file_name(field, name)
        check_headers("header", self.header)
        for name in self.sensitive_header:
            check_field_name("sensitive_header", name)
        for field in ("trust_host", "only_host"):
            for host in getattr(self, field):
                check_host_and_port(field, host)
            check_no_repeats(field, getattr(self, field))
        if self.browser_origin is not None:
            check_origin("browser_origin", self.browser_origin)
        elif self.browser_credentials:
            raise SettingValueError("browser_credentials", "needs a page: name one with --browser-origin")
        self._check_cmcd()
        if self.timeout is not None:
            check_more_than_zero("timeout", self.timeout, " (leave it out for the player's own limits)")

    def _check_cmcd(self) -> None:
        check_whole("cmcd_version", self.cmcd_version, 1, 2)
        most = 64 if self.cmcd_version == 1 else 128
        if len(self.cmcd_content_id) > most:
            raise SettingValueError("cmcd_content_id", f"has {len(self.cmcd_content_id)} characters, more than {most}")
        if CONTROL.search(self.cmcd_content_id) or not self.cmcd_content_id.isascii():
            raise SettingValueError("cmcd_content_id", "has characters outside printable ASCII: take them out")
        if self.cmcd_collector is not None:
            check_url("cmcd_collector", self.cmcd_collector)
        if self.cmcd is None:
            for field in ("cmcd_content_id", "cmcd_collector", "cmcd_responses"):
                if getattr(self, field):
                    raise SettingValueError(field, "needs --cmcd: say query or headers")
            return
        if self.cmcd_responses and self.cmcd_collector is None:
            raise SettingValueError("cmcd_responses", "needs somebody who is told: name a --cmcd-collector")
        check_choice("cmcd", self.cmcd, get_args(Cmcd))
