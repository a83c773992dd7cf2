#!/usr/bin/env bash
# Tries the packages of a built node: that they can be made again byte for byte, that the image is built of them and runs, and in
# a fresh Debian, which it boots, what an operator does: install, start, stop, upgrade, remove, purge.
# `scripts/setup.sh --packaging` installs what it needs.
#
#   scripts/test-package.sh NODE   NODE is the program sibyl-node; DEBIAN_ROOT=FILE.tar is the smallest root of mmdebstrap's
set -euo pipefail

readonly SERVICE=sibyl-node.service
# What the booted Debian has beside the smallest one. The package must bring all that the node needs.
readonly SYSTEM='systemd systemd-sysv dbus'
# Ten times the exposure that `systemd-analyze security` may find, of 100.
readonly MOST_EXPOSED=11
# Nobody's network: no peer, one validator.
readonly ALONE='--dev --no-telemetry'
# Its own filter of system calls would keep the engine from confining itself.
readonly CONTAINER=(systemd-nspawn --quiet --register=no --keep-unit --private-network
	--system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self')

say() { printf 'test-package: %s\n' "$*" >&2; }
die() {
	printf 'test-package: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 1 ] || die 'usage: scripts/test-package.sh NODE'
[ "$(id -u)" -eq 0 ] || die 'it boots a Debian, which needs root: run it as root or by sudo'
[ -x "$1" ] || die "there is no program $1: run 'make release', or name a node"
node=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d /var/tmp/sibyl-package.XXXXXX)
debian=${DEBIAN_ROOT:-$work/debian.tar}
root=$work/root
container=

end() {
	local code=$?
	[ -z "$container" ] || power_off
	[ $code -eq 0 ] || [ ! -s "$work/journal" ] || tail -n 12 "$work/journal" >&2
	rm -rf "$work"
}
trap end EXIT

same_bytes_twice() {
	scripts/package.sh "$node" "$work/first" >/dev/null
	install -D -m 0700 "$node" "$work/elsewhere/renamed"
	(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 scripts/package.sh "$work/elsewhere/renamed" "$work/second" >/dev/null)
	diff "$work/first/SHA256SUMS" "$work/second/SHA256SUMS" || die 'the same program gives other bytes the second time'
	(cd "$work/second" && sha256sum --check --quiet SHA256SUMS)
	say 'the same bytes twice'
}

tarball_is_whole() {
	local folder
	mkdir "$work/tar"
	tar --extract --directory "$work/tar" --file "$work/first/"*.tar.xz
	folder=$(echo "$work/tar/"*)
	cmp "$node" "$folder/sibyl-node"
	(cd "$folder/chain-specs" && sha256sum --check --quiet checksums.txt)
	test -s "$folder/LICENSE" -a -s "$folder/docs/validator.md" -a -s "$folder/systemd/$SERVICE" -a -s "$folder/systemd/sibyl-node.default"
	say 'the tarball has the program, the documents, the unit and the specifications'
}

smallest_debian() {
	[ -n "${DEBIAN_ROOT-}" ] || mmdebstrap --quiet --variant=minbase bookworm "$debian"
}

# Images and containers of its own, and no daemon.
buildah() { command buildah --root "$work/images" --runroot "$work/images.run" --storage-driver vfs "$@"; }

image_is_built() {
	local base
	base=$(buildah from scratch)
	buildah add --quiet "$base" "$debian" / >/dev/null
	buildah commit --quiet "$base" docker.io/library/debian:bookworm-slim >/dev/null
	# The other format has no health check.
	buildah build --isolation=chroot --pull=never --format=docker --tag=sibyl-node "$work/first" >"$work/build" 2>&1 ||
		{ cat "$work/build" >&2; die 'the image is not built'; }
	readarray -t entrypoint < <(configured '{{range .Entrypoint}}{{println .}}{{end}}')
	readarray -t arguments < <(configured '{{range .Cmd}}{{println .}}{{end}}')
	# The first word is CMD.
	readarray -t health < <(configured '{{range slice .Healthcheck.Test 1}}{{println .}}{{end}}')
	user=$(configured '{{.User}}')
	folder=$(configured '{{.WorkingDir}}')
	volume=$(configured '{{range $path, $_ := .Volumes}}{{$path}}{{end}}')
	image=$(buildah mount "$(buildah from --pull=never sibyl-node)")
	say 'the image is built'
}
configured() { buildah inspect --type=image --format="{{with .Docker.Config}}$1{{end}}" sibyl-node; }

image_is_closed() {
	[ "$user" = sibyl ] || die "the image's user is '$user'"
	[ "$(writable)" = "/run/lock /tmp $volume /var/tmp" ] || die "in the image sibyl may write to: $(writable)"
	say 'in the image sibyl writes to the volume and where all may'
}
writable() { chroot "$image" runuser -u "$user" -- find / -xdev -type d,f -writable 2>/dev/null | sort | xargs; }

# As Docker runs it: as its user, with the volume, which is new and takes after the image's folder, and nothing else to write to.
image_runs() {
	cp --archive "$image$volume" "$work/volume"
	in_image=("${CONTAINER[@]}" --directory="$image" --read-only --bind="$work/volume:$volume" --user="$user" --chdir="$folder")
	[[ $(tells --version) == 'sibyl-node '[0-9]* ]] || die 'the image does not tell its version'
	[[ $(tells "${arguments[@]}") == *Usage:* ]] || die 'the image alone does not tell what it takes'
	[ ${#health[@]} -gt 0 ] || die 'the image has no health check'
	if "${in_image[@]}" "${health[@]}" >/dev/null 2>&1 </dev/null; then die 'the image is healthy without a node'; fi
	# shellcheck disable=SC2086
	"${in_image[@]}" "${entrypoint[@]}" --base-path "$volume" $ALONE >"$work/journal" 2>&1 </dev/null &
	container=$!
	wait_for 120 'the node in the image is healthy' is_healthy
	wait_for 120 'its blocks become final' is_final 2
	wait_for 60 'its engine has a process' has_engine
	[ -d "$work/volume/chains/sibyl_dev/paritydb" ] || die 'the volume has no database'
	kill "$(leader)"
	wait_for 60 'the node in the image stops' is_gone
	wait "$container" || die 'in the image it does not stop in good order'
	container=
	say 'the image runs, is healthy, finalises and stops in good order'
}
tells() { timeout 60 "${in_image[@]}" "${entrypoint[@]}" "$@" 2>"$work/journal" </dev/null; }
is_gone() { ! kill -0 "$container"; }

# The same Debian, as one that boots.
fresh_debian() {
	mkdir "$root"
	tar --extract --directory "$root" --file "$debian"
	install -d "$root/package"
	cp "$work/first/"*.deb "$root/package/sibyl-node.deb"
	chroot "$root" apt-get update -qq
	# shellcheck disable=SC2086
	in_root apt-get install --yes --no-install-recommends $SYSTEM >"$work/install" 2>&1 ||
		{ cat "$work/install" >&2; die 'there is no systemd'; }
}
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

# By the network of this machine, before the boot: the booted one has none.
install_package() {
	in_root apt-get install --yes --no-install-recommends /package/sibyl-node.deb >"$work/install" 2>&1 ||
		{ cat "$work/install" >&2; die 'apt-get does not install it'; }
	grep -q '^sibyl-node: nothing runs yet: set SIBYL_OPTIONS' "$work/install" || die 'it does not say what to do next'
	[ "$(chroot "$root" stat --format='%U:%G %a' /var/lib/sibyl)" = 'sibyl:sibyl 750' ] || die '/var/lib/sibyl is open or of another user'
	[ "$(chroot "$root" systemctl is-enabled "$SERVICE")" = disabled ] || die 'the service is enabled by itself'
	say 'it is installed, and nothing runs'
}

boot() {
	"${CONTAINER[@]}" --directory="$root" --boot >"$work/boot" 2>&1 </dev/null &
	container=$!
	wait_for 60 'the Debian boots' booted
	[[ $(inside sibyl-node --version) == 'sibyl-node '[0-9]* ]] || die 'the program does not tell its version'
}
booted() { inside systemctl is-active --quiet multi-user.target; }
leader() { pgrep --parent "$container"; }
inside() {
	nsenter --target "$(leader)" --mount --uts --ipc --net --pid --cgroup \
		env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
power_off() {
	inside journalctl --unit="$SERVICE" --no-pager >>"$work/journal" 2>/dev/null || true
	kill "$container" 2>/dev/null || true
	wait "$container" || true
	container=
}

wait_for() { # SECONDS WHAT COMMAND...
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || die "in vain: $what"
		sleep 1
	done
}

unit_is_closed() {
	inside systemd-analyze verify "$SERVICE"
	inside systemd-analyze security --no-pager --threshold=$MOST_EXPOSED "$SERVICE" >"$work/security" ||
		die "the unit is too open: $(tail -n 1 "$work/security")"
	say "systemd: $(tail -n 1 "$work/security")"
}

options() { inside sed -i "s|^SIBYL_OPTIONS=.*|SIBYL_OPTIONS=\"$1\"|" /etc/default/sibyl-node; }
log_says() { inside journalctl --unit="$SERVICE" --no-pager --grep "$1" --quiet >/dev/null; }
main_pid() { inside systemctl show --property=MainPID --value "$SERVICE"; }
state_of() { inside systemctl show --property=ActiveState --value "$SERVICE"; }
is_healthy() { inside "${health[@]}"; }
final_block() {
	inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/9615 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3' |
		sed -n 's/^substrate_block_height{status="finalized".* \([0-9]*\)\r*$/\1/p'
}
is_final() { [ "$(final_block)" -ge "$1" ]; }
engines() { inside sh -c 'grep -lsz "^engine-process$" /proc/[0-9]*/cmdline' | cut -d/ -f3; }
has_engine() { [ -n "$(engines)" ]; }

refuses_without_options_and_keys() {
	if inside systemctl start "$SERVICE" 2>/dev/null; then die 'it starts without options'; fi
	log_says 'set SIBYL_OPTIONS in /etc/default/sibyl-node first' || die 'it does not say that options are missing'
	options '--chain testnet --validator'
	inside systemctl restart "$SERVICE"
	wait_for 60 'it says that the node key is missing' log_says 'no node key at /var/lib/sibyl'
	inside systemctl stop "$SERVICE"
	say 'it refuses to start without options, and as a validator without a node key, and says so'
}

runs() {
	options "$ALONE"
	inside systemctl enable --quiet --now "$SERVICE"
	wait_for 120 'the node answers /health' is_healthy
	wait_for 120 'blocks become final' is_final 2
	wait_for 60 'the engine has a process' has_engine
	[ "$(inside stat --format=%U "/proc/$(main_pid)")" = sibyl ] || die 'it is not the user sibyl'
	if log_says 'is not confined as it could be'; then die 'the unit keeps the engine from confining itself'; fi
	log_says 'common-lingua.*served' || die 'it does not serve the compiled-in model'
	say 'it runs as sibyl, finalises, and its engine is confined'
}

survives_its_engine() {
	local before
	before=$(main_pid)
	inside bash -c "kill -KILL $(engines)"
	wait_for 60 'the engine is started again' log_says "engine's process was killed by signal 9"
	wait_for 60 'the engine is there again' has_engine
	[ "$(main_pid)" = "$before" ] || die 'the node went down with its engine'
	say 'it outlives its engine'
}

upgrades() {
	local before
	before=$(main_pid)
	inside env DEBIAN_FRONTEND=noninteractive dpkg --install /package/sibyl-node.deb >"$work/upgrade" 2>&1 || { cat "$work/upgrade" >&2; die 'it does not upgrade'; }
	if grep -q 'nothing runs yet' "$work/upgrade"; then die 'an upgrade tells a newcomer what to do'; fi
	wait_for 120 'the node answers after the upgrade' is_healthy
	[ "$(main_pid)" != "$before" ] || die 'an upgrade does not start the new program'
	inside grep -q -- "$ALONE" /etc/default/sibyl-node || die 'an upgrade changes the options'
	say 'an upgrade starts it again with its options'
}

stops() {
	inside systemctl stop "$SERVICE"
	[ "$(inside systemctl show --property=Result --value "$SERVICE")" = success ] || die 'it does not stop in good order'
	if has_engine; then die 'its engine runs on'; fi
	say 'it stops in good order, and its engine with it'
}

goes_and_leaves_the_keys() {
	local chain=/var/lib/sibyl/chains/sibyl_dev
	inside runuser -u sibyl -- sibyl-node key insert --base-path /var/lib/sibyl --chain dev --key-type babe --scheme sr25519 --suri //Somebody
	inside runuser -u sibyl -- mkdir /var/lib/sibyl/models
	inside systemctl start "$SERVICE"
	inside dpkg --remove sibyl-node >/dev/null
	[ "$(state_of)" = inactive ] || die 'it runs after it was removed'
	inside test -d "$chain/paritydb" -a -e /etc/default/sibyl-node || die 'a removal takes the database or the options'
	inside test ! -e "/etc/systemd/system/multi-user.target.wants/$SERVICE" || die 'a removal leaves it enabled'
	inside dpkg --purge sibyl-node >"$work/purge" 2>&1
	grep -q '^sibyl-node: the keys in /var/lib/sibyl are kept' "$work/purge" || die 'it does not say that keys are kept'
	inside test ! -e "$chain/paritydb" -a ! -e /var/lib/sibyl/models -a ! -e /var/lib/sibyl/compiled-runtimes -a ! -e /etc/default/sibyl-node || die 'a purge leaves the database, models, compiled runtimes or options'
	inside test -s "$chain/network/secret_ed25519" || die 'a purge takes the node key'
	[ -n "$(inside ls "$chain/keystore")" ] || die 'a purge takes session keys'
	say 'removed, it keeps its state; purged, its keys'
}

same_bytes_twice
tarball_is_whole
smallest_debian
image_is_built
image_is_closed
image_runs
fresh_debian
install_package
boot
unit_is_closed
refuses_without_options_and_keys
runs
survives_its_engine
upgrades
stops
goes_and_leaves_the_keys
say 'all is well'
