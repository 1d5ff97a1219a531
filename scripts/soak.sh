# shellcheck shell=bash
# Sourced by build.sh: what takes too long for every test run and rarely breaks. The result goes into docs/soak.md.

soak_record=docs/soak.md

# soak [--seconds N]: N seconds of fuzzing for each reader; 300 of processor time by default, an hour in all.
soak() {
  local seconds=300
  while [ $# -gt 0 ]; do
    case $1 in
      --seconds) seconds=${2:-} && shift $(($# > 1 ? 2 : 1)) ;;
      --seconds=*) seconds=${1#--seconds=} && shift ;;
      *) die "soak: '$1' is not an option; the only one is --seconds N." ;;
    esac
  done
  [[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || die "soak: --seconds takes a number from 1 to 99999, not '$seconds'."
  rust_toolchain
  local log=target/soak/fuzz.log code=0
  mkdir -p target/soak
  cargo build --release --manifest-path fuzz/Cargo.toml --example mutate
  say "" "== fuzzing, $seconds s for each reader"
  target/release/examples/mutate "$seconds" | tee "$log" || code=$?
  setup_to_build
  build
  say "" "== memory of a tab that answers for long"
  local memory=target/soak/memory.log memory_code=0
  (cd www && node scripts/answering-memory.mjs) | tee "$memory" || memory_code=$?
  say "" "== hostile files through the command line"
  [ -x /usr/bin/time ] || apt_install gnu-time time || die "soak: GNU time is missing: install the package 'time'."
  local hostile=target/soak/hostile.log hostile_code=0
  node tests/hostile/cli.mjs --limits 2>&1 | tee "$hostile" || hostile_code=$?
  say "" "== hostile files through the npm package and the page's reader of rows"
  browser
  node tests/hostile/page.mjs --limits 2>&1 | tee -a "$hostile" || hostile_code=$?
  record_soak "$seconds" "$log" "$memory" "$hostile" >"$soak_record"
  say "" "The result is in $soak_record."
  soak_kills
  [ "$code" -eq 0 ] || die "soak: a reader failed; the inputs are in fuzz/artifacts/."
  [ "$hostile_code" -eq 0 ] || die "soak: a hostile file was not handled; see $hostile."
  [ "$memory_code" -eq 0 ] || die "soak: a memory of the tab has grown by more than 3 %; see $memory."
}

record_soak() {
  local seconds=$1 log=$2 memory=$3 hostile=$4
  cat <<TEXT
# Last soak run

\`./build.sh soak --seconds $seconds\` wrote this page on $(date -u +%Y-%m-%d), on $(nproc) cores of
$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 || echo "an unknown processor"). It feeds every reader mutated inputs for
$seconds seconds of processor time. A reader fails if it panics, takes longer than its limit, or holds more memory than its allowance
([fuzz/README.md](../fuzz/README.md)).

\`\`\`
$(cat "$log")
\`\`\`

## Memory of a tab

\`www/scripts/answering-memory.mjs\` swaps, answers, adds adapters and trains in one tab. Each pair of numbers is the memory in MB
after the tenth and after the last repetition. It may grow by 3 %, or by a fixed amount if that is more: 0.25 MB for the JavaScript
heaps \`page\` and \`worker\`, 8 MB for the tab's process (\`renderer\`).

\`\`\`json
$(cat "$memory")
\`\`\`

## Hostile files

\`tests/hostile/cli.mjs\` gives each file to the command line, and \`tests/hostile/page.mjs\` gives it to the npm package or to the
page's reader of rows in Chromium ([tests/hostile](../tests/hostile/README.md)). Each may take 2 seconds of processor time and 300 MB
more than a valid file of its kind.

\`\`\`
$(cat "$hostile")
\`\`\`
TEXT
}
