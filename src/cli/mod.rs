//! Floor 9: the command line. Each command is one file; errors are one line on standard error and
//! exit code 1. Everything that is printed goes through `output`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod backbones;
mod compose;
mod convert;
mod embed;
mod eval;
mod folders;
mod inspect;
mod lines;
mod listen;
mod media;
mod merge;
mod output;
mod predict;
mod progress;
mod report;
pub mod rows;
mod suggest;
mod target;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::error::Result;

/// One frozen transformer, a specialist for every task in a few hundred kilobytes.
#[derive(Parser)]
#[command(name = "graftlet", version, about)]
struct Arguments {
    /// Says more about what happens.
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Turns a text encoder's folder from a model hub into a backbone folder.
    Convert(convert::Arguments),
    /// Trains an adapter on labelled rows.
    Train(Box<train::Arguments>),
    /// Compares kinds of adapters on a few rows, and says which to train.
    Suggest(suggest::Arguments),
    /// Scores an adapter on labelled rows.
    Eval(eval::Arguments),
    /// Answers texts from standard input, one a line.
    Predict(predict::Arguments),
    /// Finds words in a stream of sound.
    Listen(listen::Arguments),
    /// Turns texts from standard input, one a line, into vectors.
    Embed(embed::Arguments),
    /// Writes a copy of a model with an adapter merged into its weights.
    Merge(merge::Arguments),
    /// Says what is in an adapter's or backbone's folder.
    Inspect(inspect::Arguments),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = if arguments.verbose {
        tracing::Level::DEBUG
    } else {
        tracing::Level::INFO
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(|| output::Log)
        // its message that standard error is closed would itself cause a panic
        .log_internal_errors(false)
        .without_time()
        .with_target(false);
    // what the readers of recordings have to say of a broken one is in its error
    let own = Targets::new().with_target("graftlet", level);
    tracing_subscriber::registry()
        .with(lines.with_filter(own))
        .init();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::from(output::PIPE_CLOSED),
        Err(error) => {
            output::errln!("error[{}]: {}", error.code(), error.message());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Suggest(arguments) => suggest::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
    }
}
