#!/bin/sh
# packages.sh run|test|machine: the system packages that annuaire runs on (run), and those that its tests need besides (test), or
# the one that makes a machine of its own (machine).
# Installs what is missing when we are root or have sudo (Debian, Ubuntu); else says exactly which, and stops with 2.
# Nothing installed here starts by itself: annuaire runs its own PostgreSQL and slapd.
set -eu
PATH=$PATH:/usr/sbin:/sbin
PYTHON=${PYTHON:-python3}

postgres_here() {
    [ -z "${ANNUAIRE_PG_BIN:-}" ] || { [ -x "$ANNUAIRE_PG_BIN/initdb" ]; return; }
    for folder in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
        [ ! -x "$folder/initdb" ] || return 0
    done
    return 1
}

missing=
need() { missing="$missing $1"; }
postgres_here || need postgresql
command -v slapd >/dev/null || need slapd
command -v ldapsearch >/dev/null || need ldap-utils
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
if [ "${1:-run}" = test ]; then
    command -v curl >/dev/null || need curl
    command -v strace >/dev/null || need strace
    command -v nginx >/dev/null || need nginx-light
    command -v openssl >/dev/null || need openssl
    # For systemd-analyze alone: nothing of it runs.
    command -v systemd-analyze >/dev/null || need systemd
    command -v haproxy >/dev/null || need haproxy
    command -v nft >/dev/null || need nftables
    # For promtool alone: no server of it runs.
    command -v promtool >/dev/null || need prometheus
    # A newer slapd beside an older one (tests/harness/newer_slapd.py).
    command -v patchelf >/dev/null || need patchelf
    command -v postmap >/dev/null || need postfix
    [ -e /usr/lib/postfix/postfix-ldap.so ] || [ -e /usr/lib/postfix/dict_ldap.so ] || need postfix-ldap
    command -v doveadm >/dev/null || need dovecot-core
    [ -e /usr/lib/dovecot/modules/auth/libauthdb_ldap.so ] || need dovecot-ldap
    command -v lbdbq >/dev/null || need lbdb
    # lbdb leaves to its users what it asks LDAP with.
    perl -MNet::LDAP -MAuthen::SASL -MIO::Socket::SSL -e 1 2>/dev/null ||
        need "libnet-ldap-perl libauthen-sasl-perl libio-socket-ssl-perl"
fi
if [ "${1:-run}" = machine ]; then
    command -v mmdebstrap >/dev/null || need mmdebstrap
    command -v systemd-nspawn >/dev/null || need systemd-container
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo"
else
    echo "annuaire needs these system packages, and may not install them:$missing" >&2
    echo "install them as root (apt-get install --no-install-recommends$missing), then start again" >&2
    exit 2
fi
if ! command -v apt-get >/dev/null; then
    echo "annuaire needs these programs (names of Debian's packages):$missing; install them with this system's package manager" >&2
    exit 2
fi

# Each of these is undone below when we made it; what was there before stays as it was.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
made_policy=
made_cluster=
undo() {
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
    [ -z "$made_cluster" ] || $as_root sed -i 's/^create_main_cluster = false$/#create_main_cluster = true/' "$cluster"
}
trap undo EXIT
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
if [ ! -e "$cluster" ]; then
    made_cluster=yes
    $as_root mkdir -p "${cluster%/*}"
    echo 'create_main_cluster = false' | $as_root tee "$cluster" >/dev/null
fi

echo "annuaire: installing$missing" >&2
printf '%s\n' 'slapd slapd/no_configuration boolean true' 'postfix postfix/main_mailer_type select No configuration' |
    $as_root debconf-set-selections
install() {
    # shellcheck disable=SC2086 - a list of names and an optional word
    $as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -qq -y -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing >&2
}
$as_root apt-get -qq update >&2 || echo "annuaire: apt-get update failed: trying with the lists that are here" >&2
install
