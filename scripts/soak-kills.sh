# shellcheck shell=bash
# Sourced by build.sh: a browser that is killed over and over. The result goes into docs/soak-kills.md.

kills_record=docs/soak-kills.md
# Of each of three: a save, a training, a first download.
kills_each=34

soak_kills() {
  local log=target/soak/kills.log code=0
  setup_to_test
  build
  say "" "== $kills_each kills each in the middle of a save, a training and a first download"
  mkdir -p target/soak
  GRAFTLET_KILLS=$kills_each npm run --silent --prefix www e2e -- kills.spec.ts | tee "$log" || code=$?
  record_kills "$log" >"$kills_record"
  say "" "The result is in $kills_record."
  [ "$code" -eq 0 ] || die "soak: something that was reported kept was lost; see $log."
}

record_kills() {
  cat <<TEXT
# Last soak run of kills

\`./build.sh soak\` wrote this page on $(date -u +%Y-%m-%d). A browser is killed $kills_each times in the middle of each of
three operations: a save that overwrites an adapter, a training, and a first download. Either all of its processes are killed at once, or
only the page's. After each kill, the next visit must find everything that was reported as kept, and must be able to read every store
([storage.md](storage.md)). \`killed after step: 1 run\` means: the last event before the kill was \`step\`, and the next visit found one
interrupted run. \`saved\` means that it found the finished adapter, and \`0 run\` that it found neither.

\`\`\`
$(grep -v '^$' "$1")
\`\`\`
TEXT
}
