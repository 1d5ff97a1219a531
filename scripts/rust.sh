# shellcheck shell=bash
# Sourced by build.sh: a Rust compiler that builds for this machine and for wasm32-unknown-unknown.

wasm_target=wasm32-unknown-unknown

rust_toolchain() {
  c_linker
  if rust_works; then
    say "Rust with wasm32 target: present (rustc $(version_of rustc --version))"
  elif rustup_adds_target; then
    say "Rust with wasm32 target: installed with rustup (rustc $(version_of rustc --version))"
  elif debian_toolchain; then
    say "Rust with wasm32 target: installed from Debian (rustc $(version_of rustc --version))"
  else
    die "wasm32 target: neither rustup nor the system's packages could install it (see target/setup/*.log);" \
      "run 'rustup target add $wasm_target' where there is a network, then start again."
  fi
}

# rustc links build scripts and the command line with the system's C compiler.
c_linker() {
  command -v cc >/dev/null && return
  say "C compiler (Rust's linker): installing ..."
  apt_install c-compiler gcc libc6-dev ||
    die "C compiler: none found and apt-get could not install gcc (see $(log_of c-compiler)); install one, then start again."
}

# A library is compiled and linked, because files of the target can be there and yet be another compiler's.
rust_works() {
  local wanted version
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  version=$(version_of rustc --version)
  version_at_least "${version:-0}" "$wanted" && command -v cargo >/dev/null || return 1
  mkdir -p target/setup
  echo '#[unsafe(no_mangle)] pub fn f() -> String { String::new() }' |
    rustc --edition 2024 --crate-name probe --crate-type cdylib --target "$wasm_target" \
      -o target/setup/probe.wasm - >target/setup/rustc-probe.log 2>&1
}

rustup_adds_target() {
  command -v rustup >/dev/null || return 1
  say "Rust with wasm32 target: installing with rustup ..."
  if logged rustup rustup target add "$wasm_target" && rust_works; then return 0; fi
  # No toolchain yet, or one too old for this crate.
  if logged rustup-stable rustup toolchain install stable --profile minimal --component rustfmt \
    --component clippy --target "$wasm_target"; then
    rustup default >/dev/null 2>&1 || logged rustup-default rustup default stable
    export RUSTUP_TOOLCHAIN=stable
    rust_works && return 0
    unset RUSTUP_TOOLCHAIN
  fi
  return 1
}

# Debian backports a current compiler for its browsers, without the wasm32 library but with its sources.
debian_toolchain() {
  command -v apt-get >/dev/null || return 1
  say "Rust with wasm32 target: rustup cannot provide it; building it from Debian's rustc-web (about two minutes) ..."
  apt_refresh
  local lld
  lld=$(apt-cache search --names-only '^lld-[0-9]+$' | cut -d ' ' -f 1 | sort -V | tail -n 1)
  apt_install rustc-web rustc-web cargo-web rust-web-src "${lld:-lld}" || return 1
  debian_links "/usr/bin/${lld:-lld}"
  rust_works && return 0
  logged rustc-web-std bash scripts/debian-wasm32-std.sh "$wasm_target" && rust_works
}

# A folder of links, first on PATH: chooses the compiler without touching the rest of /usr/bin, and
# gives lld the name by which rustc calls it.
debian_links() {
  local program
  mkdir -p "$debian_bin"
  for program in rustc cargo rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
    ln -sf "/usr/bin/$program" "$debian_bin/$program"   # the last four may be installed later
  done
  ln -sf "$1" "$debian_bin/rust-lld"
  hash -r
}

# rustfmt and clippy, which only the tests need.
rust_checkers() {
  if checkers_work; then
    say "rustfmt, clippy: present"
    return
  fi
  say "rustfmt, clippy: installing ..."
  if [ -e "$debian_bin/rustc" ]; then
    apt_install rust-checkers rustfmt-web rust-web-clippy || true
  elif command -v rustup >/dev/null; then
    logged rust-checkers rustup component add rustfmt clippy || true
  fi
  checkers_work ||
    die "rustfmt, clippy: could not be installed (see $(log_of rust-checkers));" \
      "run 'rustup component add rustfmt clippy', then start again."
}

checkers_work() { cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; }
