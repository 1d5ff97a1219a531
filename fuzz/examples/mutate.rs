//! Changed seeds for every target, for where no cargo-fuzz is at hand:
//! `cargo run --release --example mutate -- [seconds a target] [target …]`.
//!
//! Without coverage to go by, an input is kept to be changed further if the reader said something new
//! about it. An input that makes a reader panic, takes it a second, or more memory than its allowance,
//! is written to `artifacts/`, and the program fails. A last argument `--seeds` writes the seeds to
//! `corpus/` for cargo-fuzz instead.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cpu_time::ProcessTime;

use graftlet_fuzz::{Execution, TARGETS, Target, allowance, seeds};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most inputs that are kept beside the seeds.
const POOL: usize = 4096;

fn main() -> ExitCode {
    let mut seconds = 10;
    let mut names = Vec::new();
    let mut only_seeds = false;
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(number) => seconds = number,
            Err(_) if argument == "--seeds" => only_seeds = true,
            Err(_) => names.push(argument),
        }
    }
    let chosen = TARGETS
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|other| other == name));
    let (mut total, mut failures) = (0, 0);
    for target in chosen {
        let seeds = match seeds::of(target.0) {
            Ok(seeds) => seeds,
            Err(error) => {
                eprintln!("{}: no seeds: {error}", target.0);
                return ExitCode::FAILURE;
            }
        };
        if only_seeds {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(target.0);
            for (index, seed) in seeds.iter().enumerate() {
                write(&folder, &format!("seed-{index}"), seed);
            }
            continue;
        }
        let (runs, bad) = run(target, seeds, Duration::from_secs(seconds));
        total += runs;
        failures += bad;
    }
    println!("{total} executions, {failures} failures");
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(name), content));
    if let Err(error) = written {
        eprintln!("{}: {error}", folder.display());
    }
}

/// Number of executions and of failures.
fn run(target: &Target, seeds: Vec<Vec<u8>>, duration: Duration) -> (usize, usize) {
    let name = target.0;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut pool = seeds;
    let mut said = BTreeSet::new();
    let (mut runs, mut failures) = (0, 0);
    let (mut slowest, mut largest) = (Duration::ZERO, 0f64);
    let begin = ProcessTime::now();
    while begin.elapsed() < duration {
        let mut input = pool[rng.random_range(0..pool.len())].clone();
        if runs >= pool.len() {
            let other = rng.random_range(0..pool.len());
            for _ in 0..1 << rng.random_range(0..4) {
                change(&mut input, &pool[other], &mut rng);
            }
        } else {
            input.clone_from(&pool[runs]);
        }
        let execution = Execution::of(target, &input);
        runs += 1;
        slowest = slowest.max(execution.time);
        #[allow(clippy::cast_precision_loss)]
        {
            largest = largest.max(execution.memory as f64 / allowance(name, input.len()) as f64);
        }
        if let Some(fault) = execution.fault(&input) {
            failures += 1;
            eprintln!("{name}: execution {runs} ({} bytes) {fault}", input.len());
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("artifacts")
                .join(name);
            write(&folder, &format!("run-{runs}"), &input);
            if failures == 10 {
                break;
            }
        }
        if let Some(outcome) = execution.outcome
            && pool.len() < POOL
            && said.insert(outcome)
        {
            pool.push(input);
        }
    }
    println!(
        "{name:<12} {runs:>9} executions, {:>4} outcomes, slowest {:>6.1} ms, memory at most {:>4.1} % of the allowance",
        said.len(),
        slowest.as_secs_f64() * 1e3,
        largest * 100.0
    );
    (runs, failures)
}

/// One change: of a bit, a byte, a number in binary or in text; bytes put in, taken out, doubled, or
/// taken from another input.
fn change(input: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    const BYTES: [u8; 14] = [
        0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'}', b'[', b'-', b'.', b',', b'\n', b'e',
    ];
    const TEXTS: [&[u8]; 16] = [
        b"null",
        b"true",
        b"false",
        b"-1",
        b"0",
        b"1e999",
        b"18446744073709551615",
        b"[]",
        b"{}",
        b"\"\"",
        b"4294967296",
        b"0.5",
        b"\"gelu\"",
        b"\"lora\"",
        b"\"all-linear\"",
        b"[1,2]",
    ];
    if input.is_empty() {
        input.push(rng.random());
        return;
    }
    // headers and lists come first: half of the changes are among the first few hundred bytes
    let span = if rng.random() {
        input.len().min(512)
    } else {
        input.len()
    };
    let at = rng.random_range(0..span);
    let count = rng.random_range(1..=32).min(input.len() - at);
    match rng.random_range(0..10) {
        0 => input[at] ^= 1 << rng.random_range(0..8),
        1 => input[at] = rng.random(),
        2 => input[at] = BYTES[rng.random_range(0..BYTES.len())],
        3 => {
            let number: u64 = match rng.random_range(0..4) {
                0 => u64::MAX,
                1 => 1 << rng.random_range(0..64),
                2 => u64::from(u32::MAX) >> rng.random_range(0..32),
                _ => input.len() as u64,
            };
            let width = [1, 2, 4, 8][rng.random_range(0..4)];
            for (byte, new) in input[at..].iter_mut().zip(&number.to_le_bytes()[..width]) {
                *byte = *new;
            }
        }
        4 => {
            // a number, a word or a string of JSON becomes another value
            let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-\"".contains(byte);
            if let Some(start) = input[at..].iter().position(is_value) {
                let start = at + start;
                let length = input[start..]
                    .iter()
                    .take_while(|byte| is_value(byte))
                    .count();
                let text = TEXTS[rng.random_range(0..TEXTS.len())];
                input.splice(start..start + length, text.iter().copied());
            }
        }
        5 => {
            let new: Vec<u8> = (0..count).map(|_| rng.random()).collect();
            input.splice(at..at, new);
        }
        6 => drop(input.drain(at..at + count)),
        7 => {
            let part = input[at..at + count].to_vec();
            let to = rng.random_range(0..=input.len());
            input.splice(to..to, part);
        }
        8 => input.truncate(at),
        _ if other.is_empty() => {}
        _ => {
            let from = rng.random_range(0..other.len());
            let length = rng.random_range(1..=64).min(other.len() - from);
            input.splice(at..at + count, other[from..from + length].iter().copied());
        }
    }
}
