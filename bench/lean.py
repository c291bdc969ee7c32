"""The leanest possible gRPC client: prepared HTTP/2 frames on one socket, answers counted.

A grpc client in Python costs most of a core and would hide what the server can do. It runs as a
process of its own: `python -m bench.lean ADDRESS PATH TOKEN IN_FLIGHT SECONDS < requests`; requests
come as 4-byte lengths and bytes, the result leaves as one JSON line.
"""

import json
import select
import socket
import struct
import sys
import time
from collections import deque

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
BIG_WINDOW = 2**31 - 1
FRAME_MAX = 16_384
FIRST_WINDOW = 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """One header, literal and never indexed, so that every request has the same block."""
    raw_name, raw_value = name.encode(), value.encode()
    return b"\x10" + _length(len(raw_name)) + raw_name + _length(len(raw_value)) + raw_value


def _length(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    out = bytearray([127])
    number -= 127
    while number >= 128:
        out.append(number % 128 | 128)
        number //= 128
    out.append(number)
    return bytes(out)


class LeanClient:
    """Keeps a number of calls in flight and measures them."""

    def __init__(self, address: str, path: str, token: str) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": address,
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": "tuopin-bench",
            "authorization": f"Bearer {token}",
            "accept-language": "zh",
        }
        self._block = b"".join(literal(*each) for each in headers.items())
        window = struct.pack(">HI", 4, BIG_WINDOW)
        self._socket.sendall(
            PREFACE
            + frame(SETTINGS, 0, 0, window)
            + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", BIG_WINDOW - FIRST_WINDOW))
        )
        self._window = FIRST_WINDOW
        self._stream_window = FIRST_WINDOW
        self._next = 1
        self._started: dict[int, float] = {}
        self._answered: set[int] = set()
        self._in = bytearray()
        self.latencies_s: list[float] = []
        self.failed = 0

    def run(self, requests: "deque[bytes]", in_flight: int, seconds: float) -> float:
        """Calls until time or requests are over; gives seconds from first call to last answer."""
        began = time.perf_counter()
        until = began + seconds
        while True:
            out = []
            going_on = time.perf_counter() < until
            while going_on and requests and len(self._started) < in_flight:
                needed = len(requests[0]) + 5
                if needed > self._window:
                    break
                out.append(self._call(requests.popleft()))
            if out:
                self._socket.sendall(b"".join(out))
            if not self._started:
                return time.perf_counter() - began
            self._receive()

    def run_paced(
        self, requests: "deque[bytes]", in_flight: int, seconds: float, rate: float
    ) -> None:
        """Each call at its time, `rate` a second, unless `in_flight` are unanswered."""
        began, sent = time.perf_counter(), 0
        while True:
            passed_s = time.perf_counter() - began
            if passed_s >= seconds and not self._started:
                return
            while (
                passed_s < seconds
                and requests
                and sent < passed_s * rate
                and len(self._started) < in_flight
            ):
                self._socket.sendall(self._call(requests.popleft()))
                sent += 1
            next_s = max((sent + 1) / rate - passed_s, 0.0005)
            if select.select([self._socket], [], [], next_s)[0]:
                self._receive()

    def _call(self, request: bytes) -> bytes:
        stream, self._next = self._next, self._next + 2
        body = b"\x00" + struct.pack(">I", len(request)) + request
        assert len(body) <= self._stream_window, "a request larger than a stream's window"
        self._window -= len(body)
        frames = [frame(HEADERS, END_HEADERS, stream, self._block)]
        parts = [body[at : at + FRAME_MAX] for at in range(0, len(body), FRAME_MAX)]
        for part in parts:
            flags = END_STREAM if part is parts[-1] else 0
            frames.append(frame(DATA, flags, stream, part))
        self._started[stream] = time.perf_counter()
        return b"".join(frames)

    def _receive(self) -> None:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the server hung up")
        self._in += data
        at, end = 0, len(self._in)
        while end - at >= 9:
            length = int.from_bytes(self._in[at : at + 3], "big")
            if end - at < 9 + length:
                break
            kind, flags = self._in[at + 3], self._in[at + 4]
            stream = int.from_bytes(self._in[at + 5 : at + 9], "big") & 0x7FFFFFFF
            self._take(
                kind, flags, stream, memoryview(self._in)[at + 9 : at + 9 + length].tobytes()
            )
            at += 9 + length
        del self._in[:at]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            if payload:
                self._answered.add(stream)
        elif (kind == HEADERS and flags & END_STREAM) or (
            kind == RST_STREAM and stream in self._started
        ):
            self._finish(stream)
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                if name == 4:
                    self._stream_window = value
            self._socket.sendall(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self._socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and stream == 0:
            self._window += struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            raise ConnectionError(f"the server goes away: {payload[8:]!r}")

    def _finish(self, stream: int) -> None:
        self.latencies_s.append(time.perf_counter() - self._started.pop(stream))
        if stream in self._answered:
            self._answered.discard(stream)
        else:
            # A refusal has trailers only.
            self.failed += 1


def main(address: str, path: str, token: str, in_flight: str, seconds: str, rate: str = "") -> None:
    requests: deque[bytes] = deque()
    while head := sys.stdin.buffer.read(4):
        requests.append(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))
    client = LeanClient(address, path, token)
    if rate:
        client.run_paced(requests, int(in_flight), float(seconds), float(rate))
        print(json.dumps({"calls": len(client.latencies_s), "failed": client.failed}))
        return
    # Connections, caches and prepared statements warm up first.
    warm = deque(requests.popleft() for _ in range(min(len(requests) // 10, 500)))
    client.run(warm, int(in_flight), float(seconds))
    client.latencies_s.clear()
    cpu_s = time.process_time()
    took_s = client.run(requests, int(in_flight), float(seconds))
    latencies = sorted(client.latencies_s)
    result = {
        "calls": len(latencies),
        "seconds": took_s,
        "failed": client.failed,
        "p50_s": latencies[len(latencies) // 2],
        "p99_s": latencies[len(latencies) * 99 // 100],
        "client_cpu": (time.process_time() - cpu_s) / took_s,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
