# shellcheck shell=bash
# Sourced by build.sh: the programs that build and test the browser side.

# wasm-bindgen's two halves, crate and program, must be of the very same version.
wasm_bindgen() {
  local wanted
  wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print }' Cargo.lock)
  [ -n "$wanted" ] || die "wasm-bindgen: Cargo.lock names no version; restore the file with git, then start again."
  if [ "$(version_of wasm-bindgen --version)" = "$wanted" ]; then
    say "wasm-bindgen $wanted: present"
    return
  fi
  prebuilt_wasm_bindgen "$wanted" || cargo_install wasm-bindgen-cli "=$wanted"
  hash -r
  [ "$(version_of wasm-bindgen --version)" = "$wanted" ] ||
    die "wasm-bindgen: $(command -v wasm-bindgen) is not version $wanted; take it off PATH, then start again."
}

# prebuilt_wasm_bindgen VERSION: the programs as wasm-bindgen's project releases them, into cargo's own folder. False
# where they cannot be reached, or are not what the release says: then they are built.
prebuilt_wasm_bindgen() {
  local version=$1 platform
  platform=$(wasm_bindgen_platform) && command -v curl >/dev/null || return 1
  say "wasm-bindgen $version: downloading ..."
  logged wasm-bindgen fetch_wasm_bindgen "$version" "$platform"
}

# What the release for this machine is called.
wasm_bindgen_platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) return 1 ;;
  esac
}

# The sum is the one that stands beside the file, so it shows damage and not fraud: over HTTPS both are the project's.
fetch_wasm_bindgen() {
  local name=wasm-bindgen-$1-$2 work=target/setup/wasm-bindgen program sum
  local address=https://github.com/wasm-bindgen/wasm-bindgen/releases/download/$1/$name.tar.gz
  rm -rf "$work"
  mkdir -p "$work" "$tools_bin"
  for program in "$address" "$address.sha256sum"; do
    curl --fail --location --silent --show-error --proto '=https' --proto-redir '=https' --connect-timeout 10 \
      --max-time 300 --output "$work/${program##*/}" "$program" || return 1
  done
  sum=$(cut -d ' ' -f 1 "$work/$name.tar.gz.sha256sum")
  [[ $sum =~ ^[0-9a-f]{64}$ ]] || return 1
  sha256_is "$sum" "$work/$name.tar.gz" || return 1
  tar -xzf "$work/$name.tar.gz" -C "$work" || return 1
  [ "$(version_of "$work/$name/wasm-bindgen" --version)" = "$1" ] || return 1
  for program in wasm-bindgen wasm-bindgen-test-runner; do
    install -m 755 "$work/$name/$program" "$tools_bin/$program" || return 1
  done
}

# sha256_is SUM FILE: macOS has another program for it.
sha256_is() {
  if command -v sha256sum >/dev/null; then
    echo "$1  $2" | sha256sum --check --status
  else
    echo "$1  $2" | shasum -a 256 --check --status
  fi
}

wasm_pack() {
  local version
  version=$(version_of wasm-pack --version)
  if version_at_least "${version:-0}" 0.15; then
    say "wasm-pack $version: present"
    return
  fi
  cargo_install wasm-pack ^0.15
}

# cargo_install CRATE VERSION: into cargo's own folder, which rustup puts on everybody's PATH, so that
# `wasm-pack test` works typed by hand. Not --locked: those lock files name versions that were withdrawn.
cargo_install() {
  say "$1 $2: installing from source (two minutes on two cores) ..."
  logged "$1" env -u CARGO_TARGET_DIR cargo install "$1" --version "$2" ||
    die "$1: 'cargo install $1 --version $2' failed (see $(log_of "$1")); mend what it names, most often the network, then start again."
  hash -r
}

npm_packages() {
  local version
  version=$(version_of node --version)
  version_at_least "${version:-0}" 20.19 ||
    die "Node.js: 20.19 or newer is needed, found '${version:-none}'; install Node.js 20 or later, then start again."
  command -v npm >/dev/null || die "npm: not found beside Node.js $version; install npm, then start again."
  if node scripts/npm-is-fresh.mjs www; then
    say "npm packages: present (Node.js $version)"
    return
  fi
  say "npm packages: installing ..."
  logged npm npm ci --prefix www --no-audit --no-fund ||
    die "npm packages: 'npm ci --prefix www' failed (see $(log_of npm)); mend what it names, most often the network, then start again."
}

# Chromium and its driver, of the same major version, for the tests.
browser() {
  find_browser
  if ! browser_works; then
    say "Chromium: installing ..."
    apt_install chromium chromium chromium-driver ||
      apt_install chromium chromium-browser chromium-chromedriver ||
      die "Chromium: no chromium and chromedriver on PATH, and apt-get could not install them (see $(log_of chromium));" \
        "install both or name them in CHROMIUM and CHROMEDRIVER, then start again."
    find_browser
  fi
  browser_works ||
    die "Chromium: '${CHROMIUM:-chromium}' and '${CHROMEDRIVER:-chromedriver}' do not run or are of different versions;" \
      "name a matching pair in CHROMIUM and CHROMEDRIVER, then start again."
  say "Chromium: present ($(version_of "$CHROMIUM" --version))"
}

# Firefox as it is published, which the end-to-end suite drives over WebDriver BiDi.
firefox_browser() {
  find_firefox
  if [ -z "$(version_of "${FIREFOX:-firefox}" --version)" ]; then
    say "Firefox: installing ..."
    apt_install firefox firefox-esr || apt_install firefox firefox ||
      die "Firefox: no firefox-esr or firefox on PATH, and apt-get could not install one (see $(log_of firefox));" \
        "install it or name it in FIREFOX, then start again."
    find_firefox
  fi
  local version
  version=$(version_of "${FIREFOX:-firefox}" --version)
  [ -n "$version" ] ||
    die "Firefox: '${FIREFOX:-firefox}' does not run; name one that does in FIREFOX, then start again."
  # The page's policy needs Trusted Types, and the suite counts what they refuse.
  version_at_least "$version" 148 ||
    die "Firefox: 148 or newer is needed, found '$version'; install a newer one or name it in FIREFOX, then start again."
  say "Firefox: present ($version)"
}

find_firefox() {
  local name
  hash -r
  for name in firefox-esr firefox; do
    FIREFOX=${FIREFOX:-$(type -P "$name" || true)}
  done
  export FIREFOX
}

find_browser() {
  local name
  hash -r
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    CHROMIUM=${CHROMIUM:-$(command -v "$name" || true)}
  done
  CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver || true)}
  export CHROMIUM CHROMEDRIVER
}

browser_works() {
  local browser driver
  browser=$(version_of "$CHROMIUM" --version)
  driver=$(version_of "$CHROMEDRIVER" --version)
  [ -n "$browser" ] && [ "${browser%%.*}" = "${driver%%.*}" ]
}

# Set-up looks in more places than a shell does; says so where that makes a difference.
path_hint() {
  local program
  for program in rustc cargo wasm-bindgen wasm-pack; do
    if [ "$(PATH=$original_path type -P "$program")" != "$(type -P "$program")" ]; then
      say "" "To call cargo or wasm-pack by hand, first: export PATH=\"${PATH%":$original_path"}:\$PATH\""
      return
    fi
  done
}
