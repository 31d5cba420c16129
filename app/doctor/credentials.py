"""What ends or is missing: certificates, revocation lists, keys."""

from datetime import UTC, datetime, timedelta

from app.access.certificate_trust import Trust, TrustUnusable
from app.doctor.finding import Looks, Seen, measured, note, well, wrong
from app.metrics.credentials import WATCHED
from app.metrics.files import CredentialFiles
from app.settings import Settings
from app.signing import signing_of

# A revocation list that ends so soon is worth a word.
LIST_NOTICE = timedelta(hours=24)
# What a new certificate takes to be asked for, and what is left when somebody has to hurry.
NOTICE, HURRY = timedelta(days=30), timedelta(days=7)


def _client_certificates(settings: Settings) -> Seen:
    if not settings.client_ca_file or not settings.client_crl:
        return note("none are taken", "name their authorities: ANNUAIRE_CLIENT_CA_FILE, ANNUAIRE_CLIENT_CRL")
    now = datetime.now(UTC)
    try:
        until = Trust.read(settings.client_ca_file, settings.client_crl).lists_until(now)
    except TrustUnusable as fault:
        return wrong(f"none can be checked: {fault}", "put the right file there; it is read again within a second")
    if not settings.trusted_proxies:
        return wrong("none are believed: no proxy is trusted", "name the front: ANNUAIRE_TRUSTED_PROXIES")
    said = f"the first of their revocation lists runs out on {until:%Y-%m-%d %H:%M} UTC"
    return well(said) if until - now > LIST_NOTICE else note(said, "fetch the next list from its authority")


def _certificates(settings: Settings) -> Seen:
    """Those in files of ours, whoever shows them."""
    ends = CredentialFiles(settings).ends()
    told = {**ends.certificates, **{f"{kind} list": end for kind, end in ends.lists.items()}}
    unreadable = sorted(kind for kind, end in told.items() if end is None)
    if unreadable:
        return wrong(f"cannot be read: {', '.join(unreadable)}", "correct the file or the setting that names it")
    now = datetime.now(UTC)
    dated = {kind: end for kind, end in ends.certificates.items() if end is not None}
    if not dated:
        return note("no file of a certificate is named", "ANNUAIRE_WATCHED_CERTIFICATES: that of the front, for one")
    kind, end = min(dated.items(), key=lambda item: item[1])
    said = f"the first to end is of kind {kind}, on {end:%Y-%m-%d}"
    if end - now < HURRY:
        return wrong(said, "renew it now; docs/deployment.md says which program must be restarted for it")
    return well(said) if end - now > NOTICE else note(said, "ask for the next one")


def _operators(settings: Settings) -> Seen:
    told = measured(settings, WATCHED) or {}
    soon = {kind: told[kind]["soon"] for kind in told if told[kind]["soon"]}
    if soon:
        said = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(soon.items()))
        return note(
            f"end within {NOTICE.days} days: {said}",
            "their operators have a notice; annuaire key list and operator show tell whom to call",
        )
    return well(f"none ends within {NOTICE.days} days")


def _signing_key(settings: Settings) -> Seen:
    signing = signing_of(settings)
    if signing.signer is None:
        return note(
            "none: checkpoints and manifests are not signed, no copy can be proved", "make one: ANNUAIRE_SIGNING_KEY"
        )
    return well(f"{signing.signer.kid} signs; {len(signing.public_keys()['keys'])} public keys are shown")


LOOKS: Looks = {
    "client certificates": _client_certificates,
    "certificates": _certificates,
    "operators' credentials": _operators,
    "signing key": _signing_key,
}
