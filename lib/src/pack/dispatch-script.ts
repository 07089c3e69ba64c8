/**
 * What the agent starts for every event. It relies on a POSIX shell and on nothing that it inherits but JUJU_CHARM_DIR, where
 * that is set. The last word is the program's file, since charmcraft's linters look for it there.
 */
export const dispatchScript = `#!/bin/sh
# Starts the charm's program for one hook or action.
unset CDPATH NODE_OPTIONS NODE_PATH
cd -- "\${JUJU_CHARM_DIR:-$(dirname -- "$0")}" || exit 1
runtime=./runtime/node
[ -x "$runtime" ] || runtime=/opt/cantrip/runtime/bin/node
if [ ! -x "$runtime" ]; then
  echo "dispatch: no JavaScript runtime: neither $PWD/runtime/node nor /opt/cantrip/runtime/bin/node is there; pack the charm with --runtime bundled" >&2
  exit 1
fi
NODE_COMPILE_CACHE=$PWD/.cache/compiled
export NODE_COMPILE_CACHE
exec "$runtime" charm.mjs
`;
