"""Free ports: none that a kernel gives to a client meanwhile, none twice in a row, none that is taken."""

import itertools
import socket

import pytest

from app.embedded import free_port, ports
from app.embedded.ports import FIRST_PORT, LAST_PORT, LOOPBACK, PortTaken


def test_ports_are_others_each_time_and_none_of_a_client() -> None:
    found = [free_port() for _ in range(50)]
    assert len(set(found)) == 50
    assert all(FIRST_PORT <= port < LAST_PORT < 32_768 for port in found)


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind((LOOPBACK, first))
        monkeypatch.setattr(ports, "_ports", iter([first, second]))
        assert free_port() == second
        monkeypatch.setattr(ports, "_ports", itertools.repeat(first))
        with pytest.raises(PortTaken, match="is taken"):
            free_port()
