"""Reads a stream of server-sent events (HTML, 9.2) of another process of this program.

Rules: http and https; a message is bounded, so that a stranger can not fill the memory; a stream that stands still for
longer than a message may take has broken off.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from hls_swarm.foreign import one_line

MOST_MESSAGE_BYTES = 16 << 20
CONNECT_SECONDS = 10.0
_TOLD_BYTES = 200
QUIET_SECONDS = 15.0
"""A run sends one message a second."""


class StreamError(Exception):
    """Why there is no stream, or no more of it, in words."""


class RefusedError(StreamError):
    """The answer was no stream: to ask again would bring the same."""


async def messages(url: str) -> AsyncIterator[tuple[str, bytes]]:
    """Name and data of each message, until the stream ends.

    Raises:
        RefusedError: the answer is no stream.
        StreamError: it can not be reached, or broke off.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    writer = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                parts.hostname, port, limit=MOST_MESSAGE_BYTES, ssl=ssl.create_default_context() if secure else None
            )
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not _is_stream(head):
                words = await reader.read(_TOLD_BYTES)
                raise RefusedError(_refusal(head, words))
        while True:
            async with asyncio.timeout(QUIET_SECONDS):
                text = await reader.readuntil(b"\n\n")
            name, data = b"message", b""
            for line in text.splitlines():
                field, _, value = line.partition(b": ")
                name, data = (value if field == b"event" else name), (value if field == b"data" else data)
            if data:
                yield name.decode("latin-1"), data
    except TimeoutError as error:
        raise StreamError("no answer" if writer is None else "it stands still") from error
    except asyncio.IncompleteReadError as error:
        raise StreamError("it broke off") from error
    except asyncio.LimitOverrunError as error:
        raise RefusedError("a message is longer than any of a run is") from error
    except OSError as error:
        raise StreamError((error.strerror or str(error)).lower()) from error
    finally:
        if writer is not None:
            writer.close()


def _is_stream(head: bytes) -> bool:
    line, _, fields = head.lower().partition(b"\r\n")
    return line.split(b" ")[1:2] == [b"200"] and b"\r\ncontent-type: text/event-stream" in b"\r\n" + fields


def _refusal(head: bytes, words: bytes) -> str:
    status = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2].strip()
    said = one_line(words.decode("utf-8", "replace")).strip()
    if status.startswith("200"):
        return "it answers, but not as a run does"
    return f"{status}: {said}" if said else status
