"""Identifiers from ranges that name nobody, all with a right check digit.

RPPS    999nnnnnnn + check          SIREN   00nnnnnn + check (never issued: the range of test certificates)
ADELI   9999nnnn + check            FINESS  99nnnnnn + check (no department 99); 2A99, 2B99, 9799, 9899 + nnnn
"""

MAX_PROFESSIONALS = 5_000_000
# FINESS numbers below are sites, above are legal entities, then sites that closed, then operators.
LEGAL_ENTITIES_FROM = 500_000
CLOSED_FROM = 700_000
OPERATORS_FROM = 900_000
# SIRENs below belong to FINESS legal entities, above to companies outside FINESS.
COMPANIES_FROM = 300_000
COMPANIES = 690_000
OPERATOR_COMPANIES_FROM = 995_000

# Luhn by bytes: what a digit counts for when it stays, and when it is doubled. A and B (Corsica) count as 1 and 2.
_SINGLE = bytes.maketrans(b"0123456789AB", bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2]))
_DOUBLE = bytes.maketrans(b"0123456789AB", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9, 2, 4]))


def with_check_digit(prefix: str) -> str:
    """`prefix` and the digit that makes the whole pass Luhn. By bytes: ten times faster than digit by digit."""
    raw = prefix.encode()
    total = sum(raw[::-2].translate(_DOUBLE)) + sum(raw[-2::-2].translate(_SINGLE))
    return f"{prefix}{-total % 10}"


def rpps(index: int) -> str:
    return with_check_digit(f"999{index:07d}")


def adeli(index: int) -> str:
    return with_check_digit(f"9999{index + 1:04d}")


def legal_finess(index: int) -> str:
    return with_check_digit(f"99{LEGAL_ENTITIES_FROM + index:06d}")


def operator_finess(index: int) -> str:
    return with_check_digit(f"99{OPERATORS_FROM + index:06d}")


def siren(index: int) -> str:
    return with_check_digit(f"00{index + 1:06d}")


def siret(of_siren: str, establishment: int) -> str:
    """The SIRET of an establishment, numbered from 1 within its SIREN."""
    return with_check_digit(f"{of_siren}{establishment:04d}")


def company_siret(index: int) -> str:
    return siret(siren(COMPANIES_FROM + index % COMPANIES), 1 + index // COMPANIES)


def phone(number: int) -> str:
    """A telephone number of the range kept for fiction, 01 99 00 xx xx."""
    return f"019900{number % 10_000:04d}"
