# shellcheck shell=bash
# Sourced by build.sh: licences and sources of what is built in of others, and whether anything is known against it.
# Advisories come over the network: where there is none, this says so and goes on.

audit() {
  audit_crates
  audit_npm
}

audit_crates() {
  if ! cargo deny --version >/dev/null 2>&1; then
    say "crates: NOT CHECKED, as cargo-deny is missing; 'cargo install --locked cargo-deny' installs it."
    return
  fi
  cargo deny --offline --locked check licenses bans sources
  if logged cargo-deny cargo deny --locked fetch db; then
    cargo deny --locked check advisories
  else
    say "crates: advisories NOT CHECKED, as their database could not be fetched (see $(log_of cargo-deny))."
  fi
}

audit_npm() {
  local report
  node scripts/npm-licences.mjs
  report=$(npm audit --prefix www --omit=dev --json 2>/dev/null || true)
  node -e '
    const { error, message, metadata, vulnerabilities } = JSON.parse(process.argv[1] || "{}");
    if (!metadata) {
      console.log("npm packages: advisories NOT CHECKED, as the service could not be asked" +
        (error?.summary || message ? ` (${error?.summary || message})` : "") + ".");
    } else if (metadata.vulnerabilities.total > 0) {
      console.error("npm packages: advisories against", Object.keys(vulnerabilities).join(", "));
      process.exit(1);
    } else {
      console.log("npm packages: no advisory is known.");
    }' "$report"
}
