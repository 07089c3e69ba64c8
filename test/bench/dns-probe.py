"""Asks a name server for the address of a name until it answers one: dns-probe.py SERVER NAME SECONDS."""
import random
import socket
import struct
import sys
import time

server, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end = time.monotonic() + seconds
while time.monotonic() < end:
    number = random.randrange(65536)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(0.3)
        try:
            link.sendto(query, (server, 53))
            answer = link.recv(512)
        except OSError:
            time.sleep(0.05)
            continue
    got, flags, _, answers = struct.unpack(">4H", answer[:8])
    if got == number and flags & 0xF == 0 and answers > 0:
        sys.exit(0)
    time.sleep(0.05)
print(f"{server} gave no address for {name} in {seconds:.0f} s", file=sys.stderr)
sys.exit(1)
