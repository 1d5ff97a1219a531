# shellcheck shell=bash
# Sourced by build.sh: from sources to target/release/graftlet, target/wasm-pkg/, target/rows-pkg/, pkg/ and www/dist/.

build() {
  build_command_line
  build_wasm
  build_rows
  build_page
}

build_command_line() { cargo build --release --bin graftlet; }

# The module twice, in target/wasm-pkg: for browsers with relaxed SIMD, and for those with SIMD only.
# The JavaScript around them is the same, so a page picks one by its name.
build_wasm() {
  local out=target/wasm-pkg made_from build
  made_from=$(wasm_sources src kernels scripts/relaxed-rustc.sh scripts/relaxed-madd-only.mjs)
  if [ "$(cat "$out/.made-from" 2>/dev/null)" = "$made_from" ]; then
    say "wasm modules: nothing changed"
    return
  fi
  rm -rf "$out"
  for build in relaxed simd128; do
    wasm_module "$build" "target/wasm-raw/$build"
  done
  same_glue target/wasm-raw/relaxed target/wasm-raw/simd128
  mkdir -p "$out"
  cp target/wasm-raw/simd128/graftlet.{js,d.ts} "$out/"
  for build in relaxed simd128; do
    wasm_optimised "$build" "target/wasm-raw/$build/graftlet_bg.wasm" "$out/graftlet_$build.wasm"
  done
  echo "$made_from" >"$out/.made-from"
}

# The module that reads rows, in target/rows-pkg: small, and for the page's worker alone.
build_rows() {
  local out=target/rows-pkg raw=target/wasm-raw/rows made_from
  made_from=$(wasm_sources rows)
  if [ "$(cat "$out/.made-from" 2>/dev/null)" = "$made_from" ]; then
    say "wasm module, rows: nothing changed"
    return
  fi
  say "wasm module, rows: compiling ..."
  wasm_cargo --package graftlet-rows --lib
  rm -rf "$raw" "$out"
  mkdir -p "$raw" "$out"
  wasm-bindgen --target web --omit-default-module-path --out-dir "$raw" --out-name graftlet_rows \
    "target/$wasm_target/wasm/graftlet_rows.wasm"
  cp "$raw/graftlet_rows.js" "$out/"
  wasm_optimised simd128 "$raw/graftlet_rows_bg.wasm" "$out/graftlet_rows_bg.wasm"
  echo "$made_from" >"$out/.made-from"
}

# wasm_sources PATH...: what a module is made of, beside what all are. cargo would link again at every change from one
# build to the other.
wasm_sources() {
  {
    rustc --version && wasm-bindgen --version
    find "$@" .cargo Cargo.toml Cargo.lock www/package-lock.json scripts/build.sh \
      -type f -exec sha256sum {} + | sort
  } | sha256sum
}

# wasm_cargo CARGO_FLAG...: panics name source files; without the folders of the machine that built it the module is the
# same everywhere.
wasm_cargo() {
  cargo build --locked --profile wasm --target "$wasm_target" \
    --config "target.$wasm_target.rustflags = [\"--remap-path-prefix=$(registry_sources)=\"]" "$@"
}

# as_build BUILD COMMAND...: runs cargo for one of the two builds.
as_build() {
  local build=$1
  shift
  if [ "$build" = simd128 ]; then
    "$@"
  else
    RUSTC_WORKSPACE_WRAPPER="$root/scripts/relaxed-rustc.sh" "$@"
  fi
}

# wasm_module BUILD FOLDER [CARGO_FLAG...]: the build, `simd128` or `relaxed`, as rustc and wasm-bindgen make it.
wasm_module() {
  local build=$1 raw=$2
  shift 2
  say "wasm module, $build: compiling ..."
  as_build "$build" wasm_cargo --package graftlet --lib "$@"
  rm -rf "$raw"
  mkdir -p "$raw"
  cp "target/$wasm_target/wasm/graftlet.wasm" "$raw/"
  [ "$build" = simd128 ] || node scripts/relaxed-madd-only.mjs "$raw/graftlet.wasm"
  wasm-bindgen --target web --omit-default-module-path --out-dir "$raw" --out-name graftlet "$raw/graftlet.wasm"
}

# Where cargo unpacks dependencies; a path ends before the name of a package.
registry_sources() {
  local any
  any=$(cargo metadata --locked --format-version 1 | node -e '
    const { packages } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    console.log(packages.find(({ source }) => source?.startsWith("registry")).manifest_path)')
  dirname "$(dirname "$any")"
}

# same_glue FOLDER FOLDER: but for comments, which number functions.
same_glue() {
  local file
  for file in graftlet.js graftlet.d.ts; do
    cmp -s <(grep -v '^ *//' "$1/$file") <(grep -v '^ *//' "$2/$file") ||
      die "wasm modules: $1/$file and $2/$file differ, but one must serve both modules; see 'diff' of the two for what only one build exports."
  done
}

# What rustc may emit has to be told, for wasm-bindgen drops the section that lists it.
wasm_features=(--enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
  --enable-mutable-globals --enable-reference-types --enable-multivalue)

# What brotli packs best: inlining and changed signatures make functions unlike each other, and those
# of like names are alike, so they stand side by side (KB after brotli, of one module when measured: 679; as it comes
# from wasm-bindgen 695, with -O1 689, -Os 710, -Oz 712).
wasm_opt_flags=(-O2 --skip-pass=inlining-optimizing --skip-pass=dae-optimizing
  --skip-pass=reorder-functions --reorder-functions-by-name "${wasm_features[@]}")

# wasm_optimised BUILD MODULE OUT: refuses a relaxed instruction in the build that has none.
wasm_optimised() {
  local wasm_opt=www/node_modules/.bin/wasm-opt relaxed=()
  [ "$1" = simd128 ] || relaxed=(--enable-relaxed-simd)
  say "wasm module, $1: optimising ..."
  "$wasm_opt" "${wasm_opt_flags[@]}" "${relaxed[@]}" -g "$2" -o "$3"
  "$wasm_opt" "${wasm_features[@]}" "${relaxed[@]}" --strip-debug "$3" -o "$3"
}

# The npm package and the page, which carries the converted backbone and the shipped adapters.
build_page() { npm run --silent --prefix www build; }
