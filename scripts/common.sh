# shellcheck shell=bash
# Sourced by build.sh: how steps report and fail, and the environment that every step relies on.

original_path=$PATH
tools_bin=${CARGO_HOME:-$HOME/.cargo}/bin   # rustup's and `cargo install`'s folder
debian_bin=$root/target/toolchain/bin       # holds links only where scripts/rust.sh had to make them
export PATH="$debian_bin:$tools_bin:$PATH"

# Paths and flags that this repository decides: RUSTFLAGS would silently replace those of
# .cargo/config.toml (SIMD among them), and a foreign target folder would hide the results.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
export CARGO_TARGET_DIR=$root/target

say() { printf '%s\n' "$@"; }

# Every failure is one sentence on stderr: which step, what is wrong, what to do.
die() {
  printf 'build.sh: %s\n' "$*" >&2
  exit 1
}

# version_at_least HAVE WANT: compares dotted version numbers.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The first dotted number in what the command prints; empty when it cannot run.
version_of() { { "$@" 2>/dev/null || true; } | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true; }

log_of() { printf 'target/setup/%s.log' "$1"; }

# logged STEP COMMAND...: the command's chatter goes to a file; only where nobody could open the
# file afterwards, its end is shown when the command fails.
logged() {
  local log
  log=$(log_of "$1")
  shift
  mkdir -p target/setup
  "$@" >"$log" 2>&1 </dev/null && return 0
  [ -z "${CI:-}" ] || tail -n 20 "$log" >&2
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "neither root nor sudo" && return 1
  fi
}

apt_refresh() {
  [ -n "${apt_is_fresh:-}" ] && return 0
  apt_is_fresh=yes
  # A broken third-party list must not stop the packages that the other lists have.
  logged apt-update as_root apt-get update -qq || true
}

# apt_install STEP PACKAGE...: false when there is no apt-get or it cannot install them.
apt_install() {
  local step=$1
  shift
  if ! command -v apt-get >/dev/null; then
    logged "$step" eval 'echo "this system has no apt-get"; false'
    return 1
  fi
  apt_refresh
  logged "$step" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
