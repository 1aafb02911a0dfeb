"""AES-128 in CBC mode with PKCS7 padding, as EXT-X-KEY METHOD=AES-128 wants it (RFC 8216 4.3.2.4), encryption only.

For the small encrypted stream of the embedded origin: FIPS 197 with one table per column, some 100 kB a second. It
guards nothing and is not made against side channels: the key is served to everyone beside the stream.
"""

import struct


def _tables() -> tuple[list[int], list[int]]:
    """The substitution box, and the table that joins it with MixColumns for the first column (FIPS 197 5.1)."""
    exponents, logarithms, value = [0] * 256, [0] * 256, 1
    for power in range(255):
        exponents[power], logarithms[value] = value, power
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
    box = []
    for byte in range(256):
        inverse = exponents[(255 - logarithms[byte]) % 255] if byte else 0
        mixed = inverse
        for turn in range(1, 5):
            mixed ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xFF
        box.append(mixed ^ 0x63)
    table = []
    for out in box:
        double = (out << 1) ^ (0x11B if out & 0x80 else 0)
        table.append(double << 24 | out << 16 | out << 8 | (double ^ out))
    return box, table


_BOX, _T0 = _tables()
_T1, _T2, _T3 = ([(word >> turn | word << (32 - turn)) & 0xFFFFFFFF for word in _T0] for turn in (8, 16, 24))


def _round_keys(key: bytes) -> list[int]:
    words = list(struct.unpack(">4I", key))
    constant = 1
    for index in range(4, 44):
        word = words[-1]
        if index % 4 == 0:
            turned = (word << 8 | word >> 24) & 0xFFFFFFFF
            word = (
                _BOX[turned >> 24] << 24
                | _BOX[turned >> 16 & 255] << 16
                | _BOX[turned >> 8 & 255] << 8
                | _BOX[turned & 255]
            ) ^ (constant << 24)
            constant = constant << 1 ^ (0x11B if constant & 0x80 else 0)
        words.append(words[-4] ^ word)
    return words


def encrypt_cbc(data: bytes, key: bytes, vector: bytes) -> bytes:
    """`data`, padded and encrypted.

    Args:
        key: 16 bytes.
        vector: initialisation vector, 16 bytes.
    """
    if len(key) != 16 or len(vector) != 16:
        raise ValueError("AES-128 in CBC mode needs a key and a vector of 16 bytes")
    pad = 16 - len(data) % 16
    padded = data + bytes([pad]) * pad
    keys, out = _round_keys(key), []
    t0, t1, t2, t3, box = _T0, _T1, _T2, _T3, _BOX
    k0, k1, k2, k3 = keys[:4]
    a, b, c, d = struct.unpack(">4I", vector)
    middle = range(4, 40, 4)
    for w, x, y, z in struct.iter_unpack(">4I", padded):
        a, b, c, d = a ^ w ^ k0, b ^ x ^ k1, c ^ y ^ k2, d ^ z ^ k3
        for at in middle:
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ keys[at],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ keys[at + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ keys[at + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ keys[at + 3],
            )
        a, b, c, d = (
            (box[a >> 24] << 24 | box[b >> 16 & 255] << 16 | box[c >> 8 & 255] << 8 | box[d & 255]) ^ keys[40],
            (box[b >> 24] << 24 | box[c >> 16 & 255] << 16 | box[d >> 8 & 255] << 8 | box[a & 255]) ^ keys[41],
            (box[c >> 24] << 24 | box[d >> 16 & 255] << 16 | box[a >> 8 & 255] << 8 | box[b & 255]) ^ keys[42],
            (box[d >> 24] << 24 | box[a >> 16 & 255] << 16 | box[b >> 8 & 255] << 8 | box[c & 255]) ^ keys[43],
        )
        out.append(struct.pack(">4I", a, b, c, d))
    return b"".join(out)
