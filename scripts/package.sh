#!/usr/bin/env bash
# Packs a built node: a tarball, a Debian package, the Dockerfile that goes with it, and the runtime with its notes, with their
# SHA-256.
# The same bytes come of the same program and the same commit.
#
#   scripts/package.sh NODE FOLDER   NODE is the program sibyl-node, FOLDER is made anew
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

die() {
	printf 'package: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 2 ] || die 'usage: scripts/package.sh NODE FOLDER'
[ -x "$1" ] || die "there is no program $1: run 'make release', or name a node"
command -v dpkg-shlibdeps >/dev/null || die "packages are made on Debian: apt-get install dpkg-dev"
[ ! -e "$2" ] || [ -e "$2/SHA256SUMS" ] || die "$2 is there and holds no packages, so it is left alone: name another folder"
node=$(realpath "$1")
folder=$(realpath -m "$2")
cd "$(dirname "$0")/.."

# The time that all files bear.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Some seconds in place of a minute; a higher level saves a tenth.
readonly XZ_LEVEL=2

version=$("$node" --version | cut -d' ' -f2)
# Who reports a fault says by the version what runs.
[[ $version == *-* || -z $(scripts/commit.sh) ]] || die "$node does not say which commit it is of: build it by 'make release'"
architecture=$(dpkg --print-architecture)
name=sibyl-node_${version}_$architecture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From the repository, with set permissions, whatever those of the checkout are.
put() { # MODE FOLDER FILE...
	local mode=$1 to=$2
	shift 2
	install -d -m 0755 "$to"
	install -m "$mode" -t "$to" "$@"
}

age() { find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }

# What both have beside the program.
put_extras() { # DOCS SHARE
	put 0644 "$1" CHANGELOG.md docs/*.md
	put 0644 "$2/chain-specs" chain-specs/*
	put 0644 "$2/grafana" packaging/grafana/*
	put 0644 "$2/prometheus" packaging/prometheus/alerts.yml
}

tarball() {
	local root=$work/sibyl-node-$version
	install -D -m 0755 "$node" "$root/sibyl-node"
	put 0644 "$root" LICENSE README.md
	put 0644 "$root/systemd" packaging/systemd/*
	put_extras "$root/docs" "$root"
	age "$root"
	tar --create --directory "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner "$(basename "$root")" |
		xz --threads=1 "-$XZ_LEVEL" >"$folder/$name.tar.xz"
}

# What the program is linked with says which packages it needs.
dependencies() { # SOURCE
	printf 'Source: sibyl-node\n\nPackage: sibyl-node\nArchitecture: any\n' >"$1/debian/control"
	(cd "$1" && dpkg-shlibdeps -O -edebian/sibyl-node/usr/bin/sibyl-node) 2>"$1/warnings" | sed -n 's/^shlibs:Depends=//p'
}

debian_package() {
	local source=$work/source depends size
	local root=$source/debian/sibyl-node
	install -D -m 0755 "$node" "$root/usr/bin/sibyl-node"
	depends=$(dependencies "$source")
	[ -n "$depends" ] || die "$(cat "$source/warnings")" "dpkg-shlibdeps finds no dependencies of $node"
	put 0644 "$root/usr/lib/systemd/system" packaging/systemd/sibyl-node.service
	install -D -m 0644 packaging/systemd/sibyl-node.default "$root/etc/default/sibyl-node"
	put 0644 "$root/usr/share/doc/sibyl-node" packaging/debian/copyright
	put_extras "$root/usr/share/doc/sibyl-node" "$root/usr/share/sibyl-node"
	size=$(find "$root" -type f -printf '%s\n' | awk '{ bytes += $1 } END { print int((bytes + 1023) / 1024) }')
	put 0755 "$root/DEBIAN" packaging/debian/{postinst,prerm,postrm}
	put 0644 "$root/DEBIAN" packaging/debian/conffiles
	sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@INSTALLED_SIZE@/$size/" \
		-e "s/@DEPENDS@/$depends/" packaging/debian/control >"$root/DEBIAN/control"
	(cd "$root" && find usr etc -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
	age "$root"
	dpkg-deb --root-owner-group --threads-max=1 -Zxz "-z$XZ_LEVEL" --build "$root" "$folder/$name.deb" >/dev/null
}

rm -rf "$folder"
install -d -m 0755 "$folder"
tarball
debian_package
put 0644 "$folder" packaging/docker/Dockerfile
scripts/runtime.sh "$node" "$folder"
(cd "$folder" && sha256sum "$name.deb" "$name.tar.xz" Dockerfile RUNTIME.md sibyl_runtime.wasm >SHA256SUMS)
echo "$folder"
