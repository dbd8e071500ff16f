"""Traditional encryption of zip files (PKWARE's APPNOTE, 6.1), which Python reads but does not write."""

import io
import struct
import zipfile
import zlib


def encrypted_zip(entries, password):
    """A zip of {name: bytes}, each member stored and encrypted."""
    buffer = io.BytesIO()
    found = {}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            if name.endswith("/"):
                archive.writestr(name, b"")
                continue
            crc = zlib.crc32(content)
            # Twelve bytes go ahead, the last of which lets the reader know a wrong password.
            archive.writestr(name, _encrypt(bytes(11) + bytes([crc >> 24]) + content, password))
            entry = archive.getinfo(name)
            entry.flag_bits |= 1
            entry.CRC, entry.file_size = crc, len(content)
            found[entry.header_offset] = crc, len(content)
    packed = bytearray(buffer.getvalue())
    for offset, (crc, size) in found.items():  # the members' own headers were written before
        packed[offset + 6] |= 1
        packed[offset + 14 : offset + 18] = struct.pack("<I", crc)
        packed[offset + 22 : offset + 26] = struct.pack("<I", size)
    return bytes(packed)


def _encrypt(content, password):
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte):
        keys[0] = _crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = _crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in content:
        pad = keys[2] | 2
        out.append(byte ^ ((pad * (pad ^ 1)) >> 8) & 255)
        update(byte)
    return bytes(out)


def _table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        yield value


_TABLE = tuple(_table())


def _crc(crc, byte):
    return crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
