"""Names of the tree: where entries live, and how a text is written in a DN or a filter.

dc=mssante,dc=fr                  edition, epoch and digest of this copy
└── ou=bal                        one entry per published mailbox
    └── mail=<address>
"""

import re
from dataclasses import dataclass

RDN_ATTRIBUTE = "mail"
# back-mdb keeps the name of an entry twice, with 20 bytes of its own, in a record of at most 511 bytes (2.5.13).
LONGEST_RDN = 245

_RDN_SPECIAL = re.compile(r'[",+;<>\\=\x00-\x1f\x7f]')
_FILTER_SPECIAL = re.compile(r"[\\*()\x00]")
_ESCAPED = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tree:
    """The names under one suffix, such as `dc=mssante,dc=fr`."""

    suffix: str

    @property
    def mailboxes(self) -> str:
        """The entry above all mailboxes."""
        return f"ou=bal,{self.suffix}"

    def dn(self, address: str) -> str:
        """The name of the entry of one mailbox."""
        return f"{rdn(address)},{self.mailboxes}"

    def address(self, dn: str) -> str | None:
        """The address that an entry directly below `mailboxes` is named by; None when it is named otherwise."""
        end = f",{self.mailboxes}".lower()
        start = f"{RDN_ATTRIBUTE}="
        if not (dn.lower().endswith(end) and dn.lower().startswith(start)):
            return None
        value = dn[len(start) : -len(end)]
        if re.search(r"(?<!\\)[+,]", value.replace(r"\\", "")):
            return None
        return _ESCAPED.sub(_unescaped, value.encode()).decode("utf-8", "replace")


def rdn(address: str) -> str:
    """`mail=<address>` as RFC 4514 writes it: specials as backslash and two hex digits, so no position is special."""
    text = _RDN_SPECIAL.sub(_hex, address)
    if text[:1] in {" ", "#"}:
        text = _hex_of(text[0]) + text[1:]
    if text[-1:] == " ":
        text = text[:-1] + _hex_of(" ")
    return f"{RDN_ATTRIBUTE}={text}"


def escape(value: str) -> str:
    """A text as it stands in a filter (RFC 4515): `(mail=<escaped>)` asks for exactly that text, whatever it holds."""
    return _FILTER_SPECIAL.sub(_hex, value)


def suffix_parts(suffix: str) -> tuple[str, str]:
    """Attribute and value that name the suffix entry: ("dc", "mssante"). Raises ValueError for other suffixes."""
    attribute, _, value = suffix.partition(",")[0].partition("=")
    if attribute.lower() not in {"dc", "o"} or not value:
        raise ValueError(f"LDAP suffix {suffix!r}: it must begin with dc= or o= (ANNUAIRE_LDAP_SUFFIX)")
    return attribute.lower(), value


def _hex(match: re.Match[str]) -> str:
    return _hex_of(match[0])


def _hex_of(character: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in character.encode())


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else match[2]
