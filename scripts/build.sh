# shellcheck shell=bash
# Sourced by build.sh: from sources to target/release/graftlet, target/wasm-pkg/, pkg/ and www/dist/.

build() {
  build_command_line
  build_wasm
  build_page
}

build_command_line() { cargo build --release --bin graftlet; }

# What rustc may emit for wasm32 with .cargo/config.toml: wasm-opt has to be told, for wasm-bindgen
# drops the section that lists it.
wasm_opt_flags=(-Os --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
  --enable-mutable-globals --enable-reference-types --enable-multivalue)

# wasm-pack writes to target/wasm-raw; target/wasm-pkg is the same with the module optimised.
build_wasm() {
  local raw=target/wasm-raw out=target/wasm-pkg made_from
  wasm-pack build --target web --profile wasm --mode no-install --no-pack \
    --out-dir "$raw" --out-name graftlet .
  made_from=$(find "$raw" www/package-lock.json -type f -exec sha256sum {} + | sort | sha256sum)" ${wasm_opt_flags[*]}"
  if [ "$(cat "$out/.made-from" 2>/dev/null)" = "$made_from" ]; then
    say "wasm-opt: nothing changed"
    return
  fi
  say "wasm-opt: optimising ..."
  rm -rf "$out"
  cp -r "$raw" "$out"
  www/node_modules/.bin/wasm-opt "${wasm_opt_flags[@]}" "$raw/graftlet_bg.wasm" -o "$out/graftlet_bg.wasm"
  echo "$made_from" >"$out/.made-from"
}

# The npm package and the page, which carries the converted backbone and the shipped adapters.
build_page() { npm run --silent --prefix www build; }
