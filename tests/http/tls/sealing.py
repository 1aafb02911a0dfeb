"""A server's end of TLS 1.3 after the handshake, which seals what it is told to."""

import socket
import struct

from hls_swarm.http.tls.protection import APPLICATION_DATA, HANDSHAKE, SUITES, Protection

SUITE = SUITES["TLS_AES_128_GCM_SHA256"]
SERVER, CLIENT = b"s" * 32, b"c" * 32
KEY_UPDATE, KEY_UPDATE_ASKED = b"\x18\x00\x00\x01\x00", b"\x18\x00\x00\x01\x01"
RECEIVE_SECONDS = 10


class Server:
    """The other end: seals what it is told to, and keeps it until it is sent."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.writing = Protection(SUITE, SERVER)
        self.reading = Protection(SUITE, CLIENT)
        self.out = b""

    def data(self, content: bytes, size: int = 16384) -> None:
        for at in range(0, len(content), size):
            self.out += self.writing.seal(APPLICATION_DATA, content[at : at + size])

    def padded(self, content: bytes, padding: int) -> None:
        inner = content + b"\x17" + bytes(padding)
        # What `seal` appends is the type; padding zeros and the type before them are content to it.
        header = b"\x17\x03\x03" + struct.pack(">H", len(inner) + 16)
        nonce = (self.writing._iv ^ self.writing.sequence).to_bytes(12, "big")
        self.out += header + self.writing._aead.encrypt(nonce, inner, header)
        self.writing.sequence += 1

    def message(self, kind: int, content: bytes) -> None:
        self.out += self.writing.seal(kind, content)

    def update_keys(self, message: bytes = KEY_UPDATE) -> None:
        self.message(HANDSHAKE, message)
        self.writing.update()

    def in_the_clear(self) -> None:
        """An alert without protection."""
        self.out += b"\x15\x03\x03\x00\x02\x02\x50"

    def corrupt(self, back: int) -> None:
        """Change a byte of what will be sent, so far from its end."""
        at = len(self.out) - back
        self.out = self.out[:at] + bytes((self.out[at] ^ 1,)) + self.out[at + 1 :]

    def received(self) -> bytes:
        """The content of the next record from the client."""
        header = self._exactly(5)
        protected = self._exactly(header[3] << 8 | header[4])
        return bytes(self.reading.open(header, protected, memoryview(bytearray(len(protected)))).content)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.sock.recv(count - len(data))
        return data
