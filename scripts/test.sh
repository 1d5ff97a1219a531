# shellcheck shell=bash
# Sourced by build.sh: every check, cheapest first; the first failure ends the run.

finished_steps=()
current_step=
beside_job=
step_log=target/tmp/step.log

run_tests() {
  trap summary EXIT
  step "set-up" setup_to_test
  step "Rust format" cargo fmt --check
  step "clippy, native" cargo clippy --locked --all-targets --features bench -- -D warnings
  step "clippy, wasm32" cargo clippy --locked --all-targets --target "$wasm_target" -- -D warnings
  step "clippy, relaxed SIMD" cargo clippy --locked --lib --target "$wasm_target" -- -D warnings \
    -C target-feature=+relaxed-simd
  step "npm format, lint, types" npm run --silent --prefix www check
  step "licences, sources, advisories" audit
  # The page's tests read files with it.
  step "wasm module, rows" build_rows
  step "npm unit tests" npm run --silent --prefix www test
  step "command line" build_command_line
  step "native tests" cargo test --release
  # Mostly one thread's work, at the end of which two modules are linked.
  beside "wasm modules" build_wasm
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
  step "wasm tests in Chromium" wasm-pack test --headless --chrome --chromedriver "$CHROMEDRIVER" --mode no-install
  step "relaxed kernels in Chromium" test_relaxed_kernels
  step "wasm modules" finish_beside
  step "npm package and page" build_page
  step "npm package: size, entries, API" check_package
  step "examples" run_examples light
  step "size budget" node scripts/size-budget.mjs
  # Either keeps one core busy.
  beside "hostile files, command line" node tests/hostile/cli.mjs --short
  step "hostile files, Chromium" node tests/hostile/page.mjs --short
  step "hostile files, command line" finish_beside
  step "end to end, Chromium" npm run --silent --prefix www e2e -- --project=chromium --project=devices
  step "end to end, core in Firefox" npm run --silent --prefix www e2e -- --project=firefox
}

# The kernels once more as the relaxed build has them.
test_relaxed_kernels() {
  local messages module=target/tmp/relaxed-tests.wasm
  messages=$(as_build relaxed cargo test --locked --package graftlet-kernels --lib --no-run --target "$wasm_target" \
    --message-format json-render-diagnostics)
  mkdir -p target/tmp
  cp "$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' <<<"$messages")" "$module"
  node scripts/relaxed-madd-only.mjs "$module"
  wasm-bindgen-test-runner "$module"
}

# step TITLE COMMAND...: under `set -e` a failing command ends the script, and `summary` tells.
step() {
  local started=$SECONDS
  current_step=$1
  shift
  say "" "== $current_step"
  if [ -n "${CI:-}" ]; then
    # Nobody can scroll there, so `summary` says once more how a failed step ended.
    mkdir -p target/tmp
    "$@" > >(tee "$step_log") 2>&1
  else
    "$@"
  fi
  finished_steps+=("$(printf '%5d s  %s' $((SECONDS - started)) "$current_step")")
  say "== $current_step: passed in $((SECONDS - started)) s"
  current_step=
}

# beside TITLE COMMAND...: begins a step whose output is kept until `finish_beside`, which fails if it failed.
beside() {
  say "" "== $1: begun beside the next steps"
  shift
  mkdir -p target/tmp
  ("$@") >target/tmp/beside.log 2>&1 &
  beside_job=$!
}

finish_beside() {
  local code=0
  wait "$beside_job" || code=$?
  beside_job=
  cat target/tmp/beside.log
  return "$code"
}

summary() {
  local code=$?
  [ -z "$beside_job" ] || kill "$beside_job" 2>/dev/null || true
  say "" "Summary"
  [ ${#finished_steps[@]} -eq 0 ] || say "${finished_steps[@]}"
  # A signal can end the script with the code of a command that passed.
  if [ "$code" -ne 0 ] || [ -n "$current_step" ]; then
    say " FAILED  ${current_step:-interrupted}" "Stopped at the first failure, after $SECONDS s."
    [ -z "${CI:-}" ] || [ -z "$current_step" ] || { sleep 1 && tail -n 12 "$step_log" | cut -c 1-300; }
  else
    say "Everything passed in $SECONDS s."
  fi
}
