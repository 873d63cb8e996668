"""The names and addresses that this machine answers to, and how a host is spelled.

Nothing here sends a packet or waits for a name server: a start-up banner or a certificate must not
hang on a network that is down. So names come from the kernel and the hosts file, and addresses
from the kernel alone.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
import sys
from pathlib import Path

import idna

from securechat.errors import UserError

DEFAULT_PORT = 6697
"""IRC over TLS (RFC 7194 section 2.1)."""

_HOSTS_FILE = Path("/etc/hosts")
_IPV6_TABLE = Path("/proc/net/if_inet6")

# RFC 1123 section 2.1: letters, digits and inner hyphens, up to 63 in a label.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME_LENGTH_MAX = 253

# Destinations from the ranges for documentation (RFC 5737, RFC 3849). Connecting a datagram socket
# to one asks the kernel which source address it would use, and sends nothing.
_PROBES = ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1"))

# linux/sockios.h, linux/if.h and linux/if_addr.h
_SIOCGIFFLAGS = 0x8913
_SIOCGIFADDR = 0x8915
_IFF_LOOPBACK = 0x8
_IFF_RUNNING = 0x40
_IFA_F_TEMPORARY = 0x01
_IFA_F_DADFAILED = 0x08
_IFA_F_DEPRECATED = 0x20
_IFA_F_TENTATIVE = 0x40
_IPV6_UNSTEADY = _IFA_F_TEMPORARY | _IFA_F_DADFAILED | _IFA_F_DEPRECATED | _IFA_F_TENTATIVE


def canonical_host(text: str) -> str:
    """Return a host as certificates and TLS spell it.

    An address comes back in its shortest form (brackets round an IPv6 one are dropped), a name in
    lower case with non-ASCII labels in their IDNA form (``bücher.example`` becomes
    ``xn--bcher-kva.example``). Raises ``UserError`` for anything that is neither, and for
    wildcards, which would vouch for machines that do not exist yet.
    """
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _canonical_name(bare)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        message = f"{text!r} names a network interface: leave out the % and what follows it."
        raise UserError(message)
    if address.is_unspecified or address.is_multicast:
        message = f"{text!r} is not the address of one machine: give one that clients connect to."
        raise UserError(message)
    return str(address)


def _canonical_name(text: str) -> str:
    if "*" in text:
        message = f"{text!r} is a wildcard: name each host, --host may be given more than once."
        raise UserError(message)
    refusal = f"{text!r} is not a host name or an IP address."
    name = text.removesuffix(".").lower()
    if len(name) > _NAME_LENGTH_MAX:
        raise UserError(refusal)
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise UserError(refusal) from None
    labels = name.split(".")
    # A last label of digits only is a misspelled IPv4 address, never a name (RFC 3696 section 2).
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise UserError(refusal)
    return name


def with_port(host: str, port: int) -> str:
    """Return host and port as people type them: brackets round IPv6, the usual port left out."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port == DEFAULT_PORT else f"{shown}:{port}"


def own_hosts() -> list[str]:
    """Return what this machine is reached by: loopback first, then its names, then LAN addresses.

    Spelled as by ``canonical_host``, without repetitions. A machine whose name is not a valid host
    name goes without it.
    """
    hosts = ["localhost", "127.0.0.1", "::1"]
    for name in _machine_names():
        try:
            hosts.append(canonical_host(name))
        except UserError:
            continue
    return list(dict.fromkeys([*hosts, *lan_addresses()]))


def _machine_names() -> list[str]:
    """Return this machine's name, and its fully qualified ones where the hosts file has them."""
    name = socket.gethostname()
    names = [name]
    for line in _read_lines(_HOSTS_FILE):
        listed = line.partition("#")[0].split()[1:]
        if name in listed:
            names += [full for full in listed if full.startswith(f"{name}.")]
    return names


def lan_addresses() -> list[str]:
    """Return the addresses that other machines can reach this one at, the likeliest first.

    IPv4, and IPv6 of global or unique local scope; neither loopback nor link-local ones, nor IPv6
    ones that are about to change (RFC 8981). Empty on a machine without a network. Where the
    kernel has no table to read, only the addresses that face the default route are found.
    """
    found = _facing_default_route()
    if sys.platform == "linux":
        steady = _linux_ipv6()
        found = [text for text in found if ":" not in text or text in steady]
        found += _linux_ipv4() + steady
    return list(dict.fromkeys(filter(_reachable, found)))


def _reachable(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _facing_default_route() -> list[str]:
    found = []
    for family, destination in _PROBES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((destination, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:  # no such family, or no route
            continue
    return found


if sys.platform == "linux":
    import fcntl

    def _linux_ipv4() -> list[str]:
        """Return the first IPv4 address of every interface that is up and has a carrier."""
        found = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            for _, name in socket.if_nameindex():
                request = struct.pack("40s", name.encode())  # struct ifreq: 16 for the name, union
                try:
                    answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
                    flags = int.from_bytes(answer[16:18], sys.byteorder)
                    if flags & _IFF_LOOPBACK or not flags & _IFF_RUNNING:
                        continue
                    answer = fcntl.ioctl(any_socket, _SIOCGIFADDR, request)
                except OSError:  # it has no IPv4 address, or went away meanwhile
                    continue
                found.append(socket.inet_ntoa(answer[20:24]))
        return found

    def _linux_ipv6() -> list[str]:
        """Return the lasting IPv6 addresses from the kernel's table."""
        found = []
        for line in _read_lines(_IPV6_TABLE):
            digits, _index, _prefix, _scope, flags, _name = line.split()
            if not int(flags, 16) & _IPV6_UNSTEADY:
                found.append(str(ipaddress.IPv6Address(bytes.fromhex(digits))))
        return found


def _read_lines(path: Path) -> list[str]:
    """Return a system table's lines; none where this system has no such table."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
