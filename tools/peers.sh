#!/bin/sh
# peers.sh demo|test|long|bench: makes the Debian packages of tools/peers.txt available.
#
# As root they are installed, and their services kept from starting. As a plain user they are downloaded and unpacked into
# build/peers, which tools/bed.sh lays over /usr and /etc. PEERS_FORCE=1 unpacks as though nothing were installed.
set -eu
cd -P "$(dirname "$0")/.."
purpose=${1:?demo, test, long or bench}
unpacked=build/peers/packages
export DEBIAN_FRONTEND=noninteractive

listed() {
    awk -v purpose="$purpose" '/^[a-z]/ && ($2 ~ purpose || (purpose == "test" && $2 ~ "demo")) { print $1 }' tools/peers.txt
}

present() {
    if [ -z "${PEERS_FORCE:-}" ]; then
        # shellcheck disable=SC2016 # the braces are dpkg-query's
        dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed && return
    fi
    grep -qx "$1" "$unpacked" 2>/dev/null
}

missing() {
    for package in $(listed); do
        present "$package" || echo "$package"
    done
}

# -- as root: install --------------------------------------------------------------------------------------------------

silence_services() {
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    for package in $1; do
        unit=$(awk -v package="$package" '$1 == package { print $3 }' tools/peers.txt)
        if [ "$unit" != - ] && command -v systemctl >/dev/null; then
            systemctl mask --quiet "$unit.service" || :
        fi
    done
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
}

install() {
    apt-get install --yes --quiet --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" \
        >>build/peers.log 2>&1
}

# -- as a plain user: unpack -------------------------------------------------------------------------------------------

private_apt() {
    mkdir -p build/apt/lists/partial build/apt/cache/archives/partial
    cat >build/apt/apt.conf <<END
Dir::State::lists "$PWD/build/apt/lists";
Dir::Cache "$PWD/build/apt/cache";
Debug::NoLocking "true";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
END
    if [ -n "${PEERS_FORCE:-}" ]; then
        : >build/apt/status
        echo "Dir::State::status \"$PWD/build/apt/status\";" >>build/apt/apt.conf
    fi
}

unpack() {
    archives=build/apt/cache/archives
    rm -f "$archives"/*.deb
    apt-get -c build/apt/apt.conf install --download-only --yes --quiet --no-install-recommends "$@" \
        >>build/peers.log 2>&1 || return
    for package in "$@"; do
        ls "$archives/${package}_"*.deb >/dev/null 2>&1 || return
    done
    mkdir -p build/peers/etc build/peers/usr/bin build/peers/usr/sbin build/peers/usr/lib build/peers/usr/lib64
    for folder in bin sbin lib lib64; do
        ln -sfn "usr/$folder" "build/peers/$folder"
    done
    for archive in "$archives"/*.deb; do
        dpkg --fsys-tarfile "$archive" | tar --extract --directory build/peers --keep-directory-symlink \
            --no-same-owner --no-same-permissions || return
    done
    rm -f "$archives"/*.deb
    choose_alternatives
    printf '%s\n' "$@" >>"$unpacked"
}

choose_alternatives() { # what update-alternatives does when a package is installed
    sbin=build/peers/usr/sbin
    for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        plain=$(echo "$tool" | sed 's/tables/tables-nft/')
        if [ -e "$sbin/$plain" ]; then ln -sf "$plain" "$sbin/$tool"; fi
    done
    for php in build/peers/usr/bin/php[0-9]*; do
        if [ -e "$php" ]; then ln -sf "${php##*/}" build/peers/usr/bin/php; fi
    done
}

# -- either ------------------------------------------------------------------------------------------------------------

wanted=$(missing)
[ -n "$wanted" ] || exit 0
wanted=$(echo "$wanted" | tr '\n' ' ')
if ! command -v apt-get >/dev/null; then
    echo "== no apt here; left out: $wanted"
    exit 0
fi
mkdir -p build
: >build/peers.log
if [ "$(id -u)" = 0 ] && [ -z "${PEERS_FORCE:-}" ]; then
    echo "== installing Debian packages: $wanted"
    silence_services "$wanted"
    add=install
    update="apt-get update --quiet"
else
    echo "== unpacking Debian packages into build/peers: $wanted"
    private_apt
    add=unpack
    update="apt-get -c build/apt/apt.conf update --quiet"
fi
# shellcheck disable=SC2086 # lists of words
if ! $add $wanted && ! { $update >>build/peers.log 2>&1 && $add $wanted; }; then
    for package in $wanted; do # one that cannot be had must not keep the others away
        $add "$package" || echo "== left out: $package cannot be had (build/peers.log says why)"
    done
fi
