use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error, hidden where that is no terminal.
pub(super) fn bar(length: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_message(what);
    let template = "{msg} {wide_bar} {pos}/{len} {elapsed}/{duration} {prefix}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
