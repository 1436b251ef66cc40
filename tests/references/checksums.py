"""CRC32C as it is defined, bit by bit: the remainder of Castagnoli's polynomial, reflected."""

_POLYNOMIAL = 0x82F63B78


def crc32c(content: bytes) -> int:
    """The check value of ``b"123456789"`` is e3069283."""
    remainder = 0xFFFFFFFF
    for byte in content:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (_POLYNOMIAL if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
