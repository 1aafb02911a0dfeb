"""Sizes of TLS 1.3 records (RFC 8446 5.1, 5.2); apart, as what knows them need not load the ciphers."""

HEADER_BYTES = 5
TAG_BYTES = 16
OVERHEAD_BYTES = 17
"""The type's byte and the authentication tag: what protects an unpadded content."""
RECORD_BYTES = HEADER_BYTES + OVERHEAD_BYTES
"""What an unpadded record has beside its content."""
CONTENT_LIMIT_BYTES = 1 << 14
PROTECTED_LIMIT_BYTES = CONTENT_LIMIT_BYTES + OVERHEAD_BYTES
"""Of any record, as padding counts (5.4): what each cipher suite of RFC 8446 makes of 2^14 + 1 bytes."""
