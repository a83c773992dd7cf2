#!/usr/bin/env python3
"""The network between namespaces: a switch whose ports are the TAP devices that are named as arguments.

Each line on standard input is the links' new state, in JSON: which ports reach each other, and what becomes of a frame on
its way: {"groups": [[0, 1], [2, 3]], "loss": 0.1, "delay": 0.2, "jitter": 0.05}, in seconds. Frames of one direction stay in
their order. It ends with its standard input, and the devices with it.
"""
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME = 65_536


def port(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def main():
    ports = [port(name) for name in sys.argv[1:]]
    group_of = [0] * len(ports)
    loss = delay = jitter = 0.0
    # Which port an address was last seen behind.
    behind = {}
    last_due = {}
    waiting = []
    count = 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(waiting)
            try:
                os.write(ports[to], frame)
            except OSError:
                # The device is down, or its queue is full: a frame is lost, as on any wire.
                pass
        timeout = max(0, waiting[0][0] - now) if waiting else None
        readable, _, _ = select.select([sys.stdin.fileno(), *ports], [], [], timeout)
        if sys.stdin.fileno() in readable:
            line = sys.stdin.readline()
            if not line:
                return
            state = json.loads(line)
            group_of = [next(n for n, group in enumerate(state["groups"]) if each in group) for each in range(len(ports))]
            loss, delay, jitter = state["loss"], state["delay"], state["jitter"]
            print("set", flush=True)
        for source, fd in enumerate(ports):
            if fd not in readable:
                continue
            try:
                frame = os.read(fd, FRAME)
            except OSError:
                continue
            to_all = frame[0] & 1
            behind[frame[6:12]] = source
            known = None if to_all else behind.get(frame[0:6])
            for to in range(len(ports)) if known is None else [known]:
                if to == source or group_of[to] != group_of[source] or random.random() < loss:
                    continue
                due = time.monotonic() + max(0, delay + random.uniform(-jitter, jitter))
                due = last_due[source, to] = max(due, last_due.get((source, to), 0))
                count += 1
                heapq.heappush(waiting, (due, count, to, frame))


main()
