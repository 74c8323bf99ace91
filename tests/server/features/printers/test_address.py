"""Only valid printer addresses are accepted, and connections go only there."""

import pytest

from server.features.printers.drivers import address
from server.features.printers.drivers.address import Address, AddressError, connect
from server.features.printers.kinds import DRIVERS


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("ipp://192.168.1.40/ipp/print", "ipp", "ipp://192.168.1.40/ipp/print"),
        ("ipps://printer.local:8631/ipp/print", "ipp", "ipps://printer.local:8631/ipp/print"),
        ("ipp://localhost:631/printers/desk", "ipp", "ipp://localhost/printers/desk"),
        ("tcp://10.0.0.7", "zpl", "tcp://10.0.0.7"),
        (" tcp://[fe80::1]:9100/ ", "zpl", "tcp://[fe80::1]"),
        ("tcp://ql.local:9101", "brother", "tcp://ql.local:9101"),
    ],
)
def test_an_address_is_read(text: str, kind: str, shown: str) -> None:
    assert str(DRIVERS[kind].address(text)) == shown


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("http://10.0.0.7/", "ipp", "does not begin with ipp:// or ipps://"),
        ("file:///etc/passwd", "ipp", "does not begin with"),
        ("tcp://10.0.0.7", "ipp", "does not begin with"),
        ("ipp://10.0.0.7/", "zpl", "does not begin with tcp://"),
        ("10.0.0.7", "zpl", "does not begin with tcp://"),
        ("ipp://me:secret@10.0.0.7/", "ipp", "no user and no password"),
        ("ipp://10.0.0.7/?a=b", "ipp", "is not a printer address"),
        ("ipp:///print", "ipp", "is not a printer address"),
        ("tcp://10.0.0.7/queue", "zpl", "has a path"),
        ("tcp://10.0.0.7:70000", "zpl", "is not an address"),
        ("tcp://[::1", "zpl", "is not an address"),
        ("tcp://0.0.0.0", "zpl", "is not a printer address"),
        ("tcp://224.0.0.1", "zpl", "is not a printer address"),
        ("ipp://169.254.169.254/latest", "ipp", "is not a printer address"),
        ("ipp://[::ffff:169.254.169.254]/latest", "ipp", "is not a printer address"),
        ("tcp://169.254.170.2:80", "zpl", "is not a printer address"),
        ("ipp://100.100.100.200/latest", "ipp", "is not a printer address"),
        ("tcp://168.63.129.16", "zpl", "is not a printer address"),
        ("tcp://192.0.0.192", "zpl", "is not a printer address"),
        ("tcp://[fd00:ec2::254]", "zpl", "is not a printer address"),
        ("tcp://[fe80::a9fe:a9fe]", "zpl", "is not a printer address"),
        ("tcp://[64:ff9b::a9fe:aa02]", "zpl", "is not a printer address"),
        ("tcp://[2002:6464:64c8::1]", "zpl", "is not a printer address"),
        ("tcp://打印机", "zpl", "not a printer address"),
        ("tcp://a\r\nb", "zpl", "not a printer address"),
        ("tcp://" + "a" * 300, "zpl", "not a printer address"),
    ],
)
def test_a_bad_address_is_refused_with_an_example(text: str, kind: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        DRIVERS[kind].address(text)


def test_a_name_of_another_host_is_refused_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *_, **__: addresses)
    with pytest.raises(AddressError, match="is not a printer address"):
        connect(Address("tcp", "printer.local", 9100, "", 9100))


def test_a_name_that_can_be_none_has_no_address() -> None:
    with pytest.raises(OSError, match="no such name") as caught:
        connect(Address("tcp", "a" * 70, 9100, "", 9100))
    assert address.why(caught.value) == "The printer's name has no address in this network."
