//! The command line; see `graftlet help`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    graftlet::cli::main()
}

// In the browser the library is the program; a build of all targets still wants a `main`.
#[cfg(target_arch = "wasm32")]
fn main() {}
