"""Validated national identifiers: text in, a type that cannot hold a wrong form out.

Two questions are kept apart. *Form* (length, letters, prefix) is answered by `parse`, which raises `InvalidIdentifier`.
*Check* (the check digit) is answered by `has_valid_check_digit`: official files hold numbers that fail it, so a failed
check is a warning for an import and an error only for whoever publishes; `parse(text, check=True)` asks both at once.

Every identifier stays text: leading zeros are common. The all-zero number passes Luhn and names nobody: refused.

    Identifier ── Rpps · Adeli · Finess · Siren · Siret · NationalId
    MailboxAddress
"""

import re
from typing import ClassVar, Self

from stdnum import luhn

LA_POSTE = "356000000"
MAX_ADDRESS = 254
MAX_LOCAL_PART = 64

# Spaces users paste along with a number: the plain one, tabs, no-break, narrow no-break and thin spaces.
_SPACES = dict.fromkeys(map(ord, " \t\r\n\u00a0\u202f\u2009"))
_CORSICA = str.maketrans("AB", "12")


class InvalidIdentifier(ValueError):
    """A text that cannot be the identifier asked for.

    `kind` names the identifier (`rpps`, `finess`, `address`…), `reason` what is wrong (`form`, `zero`, `check`…);
    `code` joins both for reports and problem documents. The message is one sentence for the person who typed the text.
    """

    def __init__(self, kind: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason

    @property
    def code(self) -> str:
        return f"{self.kind}.{self.reason}"


class Identifier(str):
    """A national number whose form was checked. Compares and hashes as the plain text it is."""

    __slots__ = ()
    kind: ClassVar[str]
    form: ClassVar[re.Pattern[str]]
    form_words: ClassVar[str]

    @classmethod
    def parse(cls, text: str, *, check: bool = False) -> Self:
        """The identifier written in `text`, outer spaces dropped, letters in upper case.

        Raises InvalidIdentifier: reason `form`, `zero`, and `check` only when `check` is asked.
        """
        value = text.strip().upper()
        if not cls.form.fullmatch(value):
            raise InvalidIdentifier(cls.kind, "form", f"{text!r} is not a {cls.kind}: expected {cls.form_words}.")
        if not cls._number(value).strip("0"):
            raise InvalidIdentifier(cls.kind, "zero", f"{text!r} is not a {cls.kind}: it holds only zeros.")
        identifier = cls(value)
        if check and not identifier.has_valid_check_digit:
            raise InvalidIdentifier(cls.kind, "check", f"{text!r} is not a valid {cls.kind}: its check digit is wrong.")
        return identifier

    @classmethod
    def _number(cls, value: str) -> str:
        """The digits of a well-formed value that carry the check."""
        return value

    @property
    def has_valid_check_digit(self) -> bool:
        return luhn.checksum(self) == 0


class Rpps(Identifier):
    """Number of a professional in the national register: 11 digits, Luhn."""

    __slots__ = ()
    kind = "rpps"
    form = re.compile(r"[0-9]{11}")
    form_words = "11 digits"


class Adeli(Identifier):
    """Number in the register that ended in June 2024: department on 2 characters, Luhn. History only, never a key."""

    __slots__ = ()
    kind = "adeli"
    form = re.compile(r"[0-9]{9}")
    form_words = "9 digits"


class Finess(Identifier):
    """Number of a legal entity or a site: 9 characters, Luhn after A->1, B->2 (Corsica, some overseas)."""

    __slots__ = ()
    kind = "finess"
    form = re.compile(r"[0-9][0-9AB][0-9]{7}")
    form_words = "9 digits (the second may be A or B)"

    @property
    def has_valid_check_digit(self) -> bool:
        return luhn.checksum(self.translate(_CORSICA)) == 0


class Siren(Identifier):
    """Number of a company or public body: 9 digits, Luhn."""

    __slots__ = ()
    kind = "siren"
    form = re.compile(r"[0-9]{9}")
    form_words = "9 digits"


class Siret(Identifier):
    """Number of an establishment: SIREN + 5 digits, Luhn on the 14 and on the SIREN.

    La Poste ran out of numbers: for its SIREN a digit sum divisible by 5 is accepted beside Luhn.
    """

    __slots__ = ()
    kind = "siret"
    form = re.compile(r"[0-9]{14}")
    form_words = "14 digits"

    @property
    def siren(self) -> Siren:
        return Siren(self[:9])

    @property
    def has_valid_check_digit(self) -> bool:
        if self.siren == LA_POSTE and sum(map(int, self)) % 5 == 0:
            return True
        return luhn.checksum(self) == 0 and self.siren.has_valid_check_digit


class NationalId(Identifier):
    """`Identification nationale PP` (IDNPS): one digit of TRE_G08, then an identifier of that type.

    Accepted: 8 RPPS, 0 ADELI, and staff known by an employer's register, `<number of the place>/<register number>`:
    1 ADELI practice, 3 FINESS, 4 SIREN, 5 SIRET, 6 RPPS practice. Types 2 and 9 ended; 10 and 30 never occur in files.
    """

    __slots__ = ()
    kind = "national_id"
    form = re.compile(
        r"8[0-9]{11}|0[0-9]{9}"
        r"|(?:1[0-9]{11}|3[0-9][0-9AB][0-9]{7}|4[0-9]{9}|5[0-9]{14}|6[0-9]{14})/[^\s/|\x00-\x1f]{1,40}"
    )
    form_words = "8 + RPPS, 0 + ADELI, or the type, a place and its register number, such as 3990000010/AGENT01"

    @classmethod
    def _number(cls, value: str) -> str:
        return value[1:].split("/", 1)[0]

    @property
    def type_code(self) -> str:
        """Code of TRE_G08: 8 RPPS, 0 ADELI, 1 3 4 5 6 a place and its register."""
        return self[0]

    @property
    def rpps(self) -> Rpps | None:
        return Rpps(self[1:]) if self.type_code == "8" else None

    @property
    def has_valid_check_digit(self) -> bool:
        """Check of the number after the type digit: with it, 8 + RPPS always fails Luhn."""
        number = self._number(self)
        match self.type_code:
            case "3":
                return Finess(number).has_valid_check_digit
            case "5":
                return Siret(number).has_valid_check_digit
            case "1":
                return Adeli(number[:9]).has_valid_check_digit
            case "6":
                return Rpps(number[:11]).has_valid_check_digit
            case _:
                return luhn.checksum(number) == 0


class MailboxAddress(str):
    """An address of the trust space, in lower case: the key of a mailbox.

    ASCII only, since `mail` is an IA5String in LDAP; the local part is a dot-atom (RFC 5321), never a quoted string.
    """

    __slots__ = ()
    kind: ClassVar[str] = "address"
    _local_part: ClassVar[re.Pattern[str]] = re.compile(
        r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    )
    _label: ClassVar[re.Pattern[str]] = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address written in `text`, outer spaces dropped, in lower case.

        Raises InvalidIdentifier: reason `ascii`, `at_sign`, `length`, `local_part` or `domain`.
        """
        value = text.strip()
        if not value.isascii():  # before lower(): it turns a few other letters (the Kelvin sign) into ASCII ones
            raise cls._refused(text, "ascii", "it holds a letter outside ASCII")
        local_part, _, domain = value.lower().partition("@")
        if value.count("@") != 1:
            raise cls._refused(text, "at_sign", "it needs exactly one @")
        if len(value) > MAX_ADDRESS or len(local_part) > MAX_LOCAL_PART:
            raise cls._refused(text, "length", f"at most {MAX_ADDRESS} characters, {MAX_LOCAL_PART} before the @")
        if not cls._local_part.fullmatch(local_part):
            raise cls._refused(text, "local_part", "the part before the @ is empty or holds a character not allowed")
        labels = domain.split(".")
        if len(labels) < 2 or not all(map(cls._label.fullmatch, labels)):  # noqa: PLR2004 - a name below a top-level one
            raise cls._refused(text, "domain", "the part after the @ is not a domain name")
        return cls(value.lower())

    @classmethod
    def _refused(cls, text: str, reason: str, why: str) -> InvalidIdentifier:
        shown = text if len(text) <= MAX_ADDRESS else text[:MAX_ADDRESS] + "…"
        return InvalidIdentifier(cls.kind, reason, f"{shown!r} is not a mailbox address: {why}.")

    @property
    def local_part(self) -> str:
        return self.partition("@")[0]

    @property
    def domain(self) -> str:
        return self.partition("@")[2]


def has_valid_check_digit(identifier: Identifier) -> bool:
    """Whether the check digit of a well-formed identifier is right. False is a warning in an import, never a reject."""
    return identifier.has_valid_check_digit


def practitioner_keys(text: str) -> tuple[NationalId, ...]:
    """National identifications a user may mean by `text`: none when it looks like no person identifier.

    RPPS with or without the leading 8, ADELI with or without the leading 0, the forms with `/`; spaces inside dropped.
    The lengths differ, so there is at most one today; callers take a sequence because that is luck, not a rule.
    """
    typed = text.translate(_SPACES)
    prefix = {11: "8", 9: "0"}.get(len(typed), "")
    try:
        return (NationalId.parse(prefix + typed),)
    except InvalidIdentifier:
        return ()


def organization_candidates(text: str) -> tuple[str, ...]:
    """Aliases under which the structure meant by `text` may be stored: what was typed first, then its other forms.

    FINESS with or without the leading 1, SIRET with or without 3, technical and other national ids as they are; spaces
    inside dropped, letters in upper case. Never guesses between two structures: an ambiguous text simply has two forms.
    """
    typed = text.translate(_SPACES).upper()
    if not typed.strip("0"):
        return ()
    if Finess.form.fullmatch(typed):
        return (typed, "1" + typed)
    if Siret.form.fullmatch(typed):
        return (typed, "3" + typed)
    if (typed[0] == "1" and Finess.form.fullmatch(typed[1:])) or (typed[0] == "3" and Siret.form.fullmatch(typed[1:])):
        return (typed, typed[1:])
    return (typed,)


_COMMUNE = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{3}")
_POSTAL_CODE = re.compile(r"[0-9]{5}")


def department_of(commune: str | None, postal_code: str | None) -> str | None:
    """Department (01…95, 2A, 2B, 971…978, 98x) of an INSEE commune, else of a postal code; None when neither tells.

    Corsica has one postal prefix, 20, for two departments: 20000-20199 is 2A, 20200-20699 is 2B.
    """
    place = (commune or "").strip().upper()
    if _COMMUNE.fullmatch(place):
        department = place[:3] if place[:2] in {"97", "98"} else place[:2]
        if _is_department(department):
            return department
    code = (postal_code or "").strip()
    if not _POSTAL_CODE.fullmatch(code):
        return None
    if code.startswith("20"):
        return "2A" if code < "20200" else "2B" if code < "20700" else None
    department = code[:3] if code[:2] in {"97", "98"} else code[:2]
    return department if _is_department(department) else None


def _is_department(code: str) -> bool:
    return code in {"2A", "2B"} or len(code) == len("971") or ("01" <= code <= "95" and code != "20")
