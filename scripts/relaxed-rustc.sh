#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of the relaxed build: this workspace alone is compiled with relaxed SIMD. In
# RUSTFLAGS it would have every dependency compiled once more, though none has kernels.
exec "$@" -C target-feature=+relaxed-simd
