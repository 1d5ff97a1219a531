//! What the reader makes of a file, and how long it takes: `cargo run --release -p graftlet-rows --example rows FILE`.

use std::time::Instant;

use graftlet_rows::{Choice, Options, open};

fn main() {
    for path in std::env::args().skip(1) {
        if let Err(error) = look(&path) {
            println!("{path}: {error}");
        }
    }
}

fn look(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let megabytes = bytes.len().max(1);
    let begin = Instant::now();
    let options = Options {
        name: Some(path.to_owned()),
        ..Options::default()
    };
    let table = open(bytes, &options)?;
    let opened = begin.elapsed();
    let source = table.source().clone();
    let proposal = table.propose(&source.guess);
    let choice = Choice {
        columns: source.guess.clone(),
        problem: proposal.problem,
        reject: proposal.reject.clone(),
        ..Choice::default()
    };
    let looked = table.inspect(&choice);
    let all = begin.elapsed();
    let inspection = &looked.inspection;
    println!(
        "{path}: {} {} {:?} header {} columns {:?} guess {:?} {:?}",
        source.format.name(),
        source.encoding.name(),
        source.delimiter,
        source.header,
        source.columns,
        source.guess,
        source.unclear
    );
    println!(
        "  {} rows, {} usable, {proposal:?}",
        source.rows, inspection.usable
    );
    let classes: Vec<_> = inspection.classes.iter().take(8).collect();
    println!("  classes {classes:?}");
    for finding in &inspection.findings {
        println!("  {}", finding.sentence);
    }
    if let Some(blocked) = &inspection.blocked {
        println!("  blocked: {blocked}");
    }
    for row in looked.rows.iter().take(2) {
        println!("  {row:?}");
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = |time: std::time::Duration| time.as_secs_f64() / (megabytes as f64 / 1e8);
    println!(
        "  opened in {:.3} s, inspected after {:.3} s ({:.2} s for 100 MB)",
        opened.as_secs_f64(),
        all.as_secs_f64(),
        rate(all)
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("  {}", peak.unwrap_or_default());
    }
    Ok(())
}
