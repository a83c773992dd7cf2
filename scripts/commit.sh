#!/usr/bin/env bash
# Says which commit is built, for `sibyl-node --version`: what `SIBYL_COMMIT` says already, else what git does; nothing where there is
# no checkout, as in a source archive. What differs from its commit ends with "-changed".
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -n "${SIBYL_COMMIT:-}" ]; then
	echo "$SIBYL_COMMIT"
elif git rev-parse --git-dir >/dev/null 2>&1; then
	git describe --always --exclude='*' --abbrev=11 --dirty=-changed
fi
