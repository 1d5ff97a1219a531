# shellcheck shell=bash
# Sourced by build.sh: the npm package as a tarball, what is checked of it, and the examples that use it.

# The longest that the tarball may be, in bytes.
most_of_package=2450000

# graftlet-VERSION.tgz beside build.sh, as `npm publish graftlet-VERSION.tgz` sends it. It is packed again: gzip -9 makes it
# 2 % smaller than npm does, libdeflate 7 %, in the same format.
package() {
  local bytes pack=(gzip -9n)
  npm run --silent --prefix www build:package
  tarball=$(cd pkg && npm pack --silent --pack-destination "$root")
  command -v libdeflate-gzip >/dev/null || apt_install libdeflate libdeflate-tools || true
  command -v libdeflate-gzip >/dev/null && pack=(libdeflate-gzip -12)
  gunzip -c "$tarball" | "${pack[@]}" >"$tarball.repacked"
  mv "$tarball.repacked" "$tarball"
  bytes=$(wc -c <"$tarball")
  [ "$bytes" -le "$most_of_package" ] ||
    die "package: $tarball has $bytes bytes, more than $most_of_package; see 'tar -tvf $tarball' for what grew."
  say "$tarball: $bytes of $most_of_package bytes"
}

# The converted backbone for whoever has no Rust: unpacked where a page's files are, it is models/minilm-l6/.
package_backbone() {
  local packed=graftlet-backbone-minilm-l6.tgz
  tar -czf "$packed" --owner=0 --group=0 -C www/public models/minilm-l6
  say "$packed: $(wc -c <"$packed") bytes"
}

# Whether bundlers and compilers find what package.json promises, and whether the API is the one that is written down.
check_package() {
  package
  (cd pkg && "$root/www/node_modules/.bin/publint" --strict .)
  # An ES module can be required by no CommonJS file before Node.js 20.19, which is as it should be.
  www/node_modules/.bin/attw "$tarball" --profile esm-only --format ascii
  node www/scripts/api-report.mjs
  node www/scripts/import-safely.mjs
}

# run_examples light|all [NAME...]: builds each example from the tarball and clicks through it. The light ones need no
# registry.
run_examples() {
  package
  node www/scripts/examples.mjs "$tarball" "$@"
}
