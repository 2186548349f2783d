#!/usr/bin/env python3
"""free-ports.py COUNT: the first of so many ports in a row that nobody listens on at 127.0.0.1.

Below the range that the kernel gives to outgoing connections. From a random place on, so that two
tests at once seldom take the same ones.
"""
import random
import socket
import sys

FIRST, LAST = 21000, 30000


def are_free(ports):
    sockets = [socket.socket() for _ in ports]
    try:
        for port, s in zip(ports, sockets):
            s.bind(("127.0.0.1", port))
    except OSError:
        return False
    finally:
        for s in sockets:
            s.close()
    return True


def main(count):
    places = list(range(FIRST, LAST - count, 10))
    random.shuffle(places)
    for first in places:
        if are_free(range(first, first + count)):
            print(first)
            return
    sys.exit("free-ports: there are none")


if __name__ == "__main__":
    main(int(sys.argv[1]))
