# shellcheck shell=bash
# Sourced by build.sh: graftlet measured beside its peers in headless Chromium. Everything it makes is in target/bench/.

bench_python=target/bench/venv/bin/python
bench_built=target/bench/built # what the measuring page loads

bench() {
  local flag
  for flag in "$@"; do
    case $flag in -h | --help) usage && return ;; esac
  done
  bench_arguments "$@"
  setup_to_build
  checkpoint
  browser
  bench_packages
  bench_onnx
  build_wasm
  npm run --silent --prefix www build:package
  bench_wasm simd128
  bench_wasm relaxed
  bench_candle
  say "" "Measuring; a busy machine shows in the spread."
  node benches/web/run.mjs "$@" --checkpoint "$checkpoint_folder"
}

bench_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --quick) shift ;;
      --only) [ $# -gt 1 ] || die "bench: --only takes a pattern, such as 'forward 1x128'." && shift 2 ;;
      --only=*) shift ;;
      --python) [ $# -gt 1 ] || die "bench: --python takes an interpreter that has torch." && shift 2 ;;
      --python=*) shift ;;
      *) die "bench: '$1' is not an option; there are --quick, --only PATTERN and --python INTERPRETER." ;;
    esac
  done
}

# onnxruntime-web, and the Python packages that write its model.
bench_packages() {
  local dist=benches/web/node_modules/onnxruntime-web/dist
  if node scripts/npm-is-fresh.mjs benches/web; then
    say "onnxruntime-web: present"
  else
    say "onnxruntime-web: installing ..."
    logged bench-npm npm ci --prefix benches/web --no-audit --no-fund ||
      die "onnxruntime-web: 'npm ci --prefix benches/web' failed (see $(log_of bench-npm)); mend what it names, most often the network, then start again."
  fi
  # The server names the type of .js only.
  mkdir -p "$bench_built/ort"
  cp "$dist/ort.wasm.min.mjs" "$bench_built/ort/ort.js"
  cp "$dist/ort-wasm-simd-threaded.mjs" "$bench_built/ort/glue.js"
  cp "$dist/ort-wasm-simd-threaded.wasm" "$bench_built/ort/ort.wasm"

  if cmp -s benches/requirements.txt target/bench/venv/requirements.txt; then
    say "Python's onnx: present"
    return
  fi
  say "Python's onnx: installing ..."
  mkdir -p target/bench
  logged bench-venv bench_venv ||
    die "Python's onnx: could not be installed into target/bench/venv (see $(log_of bench-venv)); mend what it names, then start again."
  cp benches/requirements.txt target/bench/venv/
}

bench_venv() {
  rm -rf target/bench/venv
  # Debian's python3 makes environments only with its python3-venv.
  python3 -m venv target/bench/venv || { apt_install bench-python python3-venv && python3 -m venv target/bench/venv; } || return 1
  "$bench_python" -m pip install --disable-pip-version-check --only-binary :all: -r benches/requirements.txt
}

bench_onnx() {
  local out=$bench_built/onnx made_from
  made_from=$(cat benches/bert_onnx.py benches/requirements.txt "$checkpoint_folder/config.json" \
    "$checkpoint_folder/model.safetensors" | sha256sum)
  if [ "$(cat "$out/.made-from" 2>/dev/null)" = "$made_from" ]; then
    say "ONNX models: present"
    return
  fi
  say "ONNX models: writing fp32 and q8 ..."
  rm -rf "$out"
  logged bench-onnx "$bench_python" benches/bert_onnx.py "$checkpoint_folder" "$out" ||
    die "ONNX models: benches/bert_onnx.py failed (see $(log_of bench-onnx)); mend what it names, then start again."
  echo "$made_from" >"$out/.made-from"
}

# bench_wasm BUILD: the library with the feature `bench`, otherwise made and optimised as what ships.
bench_wasm() {
  local out=$bench_built/graftlet-$1 made_from
  made_from=$(wasm_sources src kernels scripts/relaxed-rustc.sh scripts/relaxed-madd-only.mjs)
  if [ "$(cat "$out/.made-from" 2>/dev/null)" = "$made_from" ]; then
    say "wasm module with the feature bench, $1: nothing changed"
    return
  fi
  wasm_module "$1" "$out" --features bench
  wasm_optimised "$1" "$out/graftlet_bg.wasm" "$out/graftlet.wasm"
  rm "$out/graftlet_bg.wasm"
  echo "$made_from" >"$out/.made-from"
}

# candle's own BERT, optimised for speed alone.
bench_candle() {
  local out=$bench_built/candle wasm=target/bench/candle/$wasm_target/release/graftlet_bench_candle.wasm made_from
  say "candle: building ..."
  RUSTFLAGS="-C target-feature=+simd128 --cfg getrandom_backend=\"wasm_js\"" CARGO_TARGET_DIR=$root/target/bench/candle \
    cargo build --locked --release --target "$wasm_target" --manifest-path benches/candle/Cargo.toml
  made_from=$(sha256sum <"$wasm")
  [ "$(cat "$out/.made-from" 2>/dev/null)" != "$made_from" ] || return 0
  rm -rf "$out"
  wasm-bindgen --target web --out-dir "$out" --out-name candle "$wasm"
  say "candle: optimising ..."
  www/node_modules/.bin/wasm-opt -O3 "${wasm_features[@]}" "$out/candle_bg.wasm" -o "$out/candle_bg.wasm"
  echo "$made_from" >"$out/.made-from"
}
