#!/usr/bin/env bash
# The one door to building graftlet: `./build.sh help` says what it can do.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"

# shellcheck source-path=SCRIPTDIR
{
  source scripts/common.sh    # messages, logs, apt
  source scripts/rust.sh      # compiler, wasm32 target
  source scripts/tools.sh     # wasm-bindgen, wasm-pack, npm packages, Chromium, Firefox
  source scripts/backbone.sh  # download and conversion of the frozen encoder
  source scripts/build.sh     # command line, wasm modules, npm package and page
  source scripts/package.sh   # the npm package as a tarball, and the examples
  source scripts/audit.sh     # what is built in of others
  source scripts/test.sh      # every check, in order
  source scripts/bench.sh     # graftlet beside its peers
  source scripts/soak.sh      # what takes too long for every test run
  source scripts/soak-kills.sh
}

usage() {
  cat <<'TEXT'
Usage: ./build.sh VERB

  setup             install what is missing, for building and for the tests
  build             set up, then build: target/release/graftlet (command line), target/wasm-pkg/
                    and target/rows-pkg/ (WebAssembly modules), pkg/ (npm package), www/dist/ (page)
  serve [--port N]  set up, build, and serve the page on http://127.0.0.1:8080 (or port N)
  models            set up, then fetch and convert the other models: multilingual-e5-small (95 MB), which 'build' and
                    'serve' then offer on the page, the encoder of whisper-tiny.en (71 MB), which reads recordings, and an
                    encoder of pictures (90 MB)
  package           set up, build, and pack: graftlet-VERSION.tgz (npm package), and
                    graftlet-backbone-minilm-l6.tgz (the converted backbone, for those without Rust)
  examples [NAME...]
                    set up, build, and click through every example of the package in Chromium, or through those
                    named ('vite 6'); installs bundlers from the npm registry
  test              set up, build, and run every check and test; stops at the first failure
  bench [--quick] [--only PATTERN] [--python INTERPRETER]
                    set up, build, and measure in headless Chromium: graftlet beside onnxruntime-web
                    and candle; a table, and target/bench/web.json. --quick takes fewer samples,
                    --only those whose row matches, such as 'forward 1x128'. With a Python interpreter
                    that has torch and safetensors, native PyTorch is measured too
  soak [--seconds N]
                    fuzz every reader for N seconds (300), then kill the browser 102 times in the
                    middle of writes; the results go into docs/soak.md and docs/soak-kills.md
  clean             remove what was built, and the converted backbone; what was downloaded stays
                    (target/backbone/, www/node_modules/)
  help              print this

Environment:
  GRAFTLET_CHECKPOINT    folder with config.json, tokenizer.json and model.safetensors to use instead
                         of the downloaded checkpoint
  CHROMIUM, CHROMEDRIVER browser and driver for the tests instead of those on PATH
  FIREFOX                the other browser for the tests instead of firefox-esr or firefox on PATH
TEXT
}

setup_to_build() {
  rust_toolchain
  wasm_bindgen
  npm_packages
  backbone
}

setup_to_test() {
  setup_to_build
  rust_checkers
  wasm_pack
  checkpoint
  browser
  firefox_browser
}

serve() {
  local port=8080
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=${2:-} && shift $(($# > 1 ? 2 : 1)) ;;
      --port=*) port=${1#--port=} && shift ;;
      *) die "serve: '$1' is not an option; the only one is --port N." ;;
    esac
  done
  [[ $port =~ ^[0-9]{1,5}$ && $((10#$port)) -ge 1 && $((10#$port)) -le 65535 ]] ||
    die "serve: --port takes a number from 1 to 65535, not '$port'."
  setup_to_build
  build
  say "" "The page is at http://127.0.0.1:$port (Ctrl+C stops)."
  exec npm run --silent --prefix www preview -- --host 127.0.0.1 --port "$port" --strictPort
}

clean() {
  if [ -d target ]; then
    find target -mindepth 1 -maxdepth 1 ! -name backbone -exec rm -rf {} +
  fi
  rm -rf pkg graftlet-*.tgz www/dist www/public/models www/public/models.json www/test-results www/playwright-report test-results playwright-report
  say "Removed what was built; target/backbone/ and www/node_modules/ stay."
}

verb=${1:-}
[ $# -eq 0 ] || shift
[[ $verb =~ ^(serve|bench|soak|examples)$ ]] || [ $# -eq 0 ] || die "$verb takes no arguments ('$*')."
case $verb in
  setup)
    setup_to_test
    path_hint
    ;;
  build)
    setup_to_build
    build
    ;;
  models)
    setup_to_build
    models
    ;;
  serve) serve "$@" ;;
  package)
    setup_to_build
    build_wasm
    check_package
    package_backbone
    ;;
  examples)
    setup_to_build
    browser
    build_wasm
    run_examples all "$@"
    ;;
  test) run_tests ;;
  bench) bench "$@" ;;
  soak) soak "$@" ;;
  clean) clean ;;
  help | --help | -h) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
