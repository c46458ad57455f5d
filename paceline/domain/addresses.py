"""Which network addresses a message to people outside may go to: public ones, and those that were allowed."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_LOCAL = (ip_network("64:ff9b:1::/48"), ip_network("fec0::/10"))
"""Networks of local use that Python's own list of them may lack."""


def networks_of(written: str) -> tuple[Network, ...]:
    """Networks as a setting lists them, such as `10.0.0.0/8,::1`.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ip_network(each.strip()) for each in written.split(",") if each.strip())


def address_of(written: str) -> Address | None:
    """A literal address, with or without brackets or a zone; None where it is a name."""
    try:
        return ip_address(written.strip("[]").partition("%")[0])
    except ValueError:
        return None


def may_be_reached(address: Address, allowed: tuple[Network, ...]) -> bool:
    """Whether a message may go there: to a public address, or to one of the networks that are allowed.

    An IPv6 address that stands for an IPv4 address is taken for that one.
    """
    meant = _embedded(address)
    if any(
        each.version == network.version and each in network
        for each in {address, meant}
        for network in allowed
    ):
        return True
    if any(meant in network for network in _LOCAL):
        return False
    return meant.is_global and not meant.is_multicast and not meant.is_reserved


def _embedded(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
