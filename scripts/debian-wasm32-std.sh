#!/usr/bin/env bash
# Compiles the standard library of the rustc on PATH for TARGET, from the sources that Debian's rust-web-src
# installs, and puts it where that rustc looks for it.
set -euo pipefail

target=$1
library=$(rustc --print sysroot)/lib/rustlib/$target/lib
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
echo '#![no_std]' >"$work/src/lib.rs"
printf '[package]\nname = "sysroot"\nversion = "0.0.0"\nedition = "2024"\n' >"$work/Cargo.toml"
cd "$work"

# `test` is the harness of `cargo test`; `proc_macro` belongs to a complete library.
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target cargo build --release --target "$target" \
  -Z build-std=std,panic_abort,test,proc_macro
rm "target/$target/release/deps/"libsysroot-*

as_root rm -rf "$library" # an older compiler's
as_root mkdir -p "$library"
as_root cp "target/$target/release/deps/"*.rlib "$library/"
