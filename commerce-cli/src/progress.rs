//! How far long commands are: on standard error, at a terminal only, and gone when they end, however they do.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// Of a file that is read.
pub(crate) fn of_bytes(bytes: u64) -> ProgressBar {
    bar(ProgressBar::new(bytes), "{bar:40} {bytes}/{total_bytes} {eta}")
}

/// Of products that are written, to a file or else to standard output. What is written to a terminal shows itself how far it is.
pub(crate) fn of_products(to_file: bool) -> ProgressBar {
    if !to_file && stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    bar(ProgressBar::new(0), "{bar:40} {pos}/{len} products {eta}")
}

/// Of what lasts so long and has an end to come to afterwards.
pub(crate) fn of_seconds(seconds: Duration) -> ProgressBar {
    bar(ProgressBar::new(seconds.as_secs()), "{bar:40} {pos}/{len} s {msg}")
}

fn bar(bar: ProgressBar, template: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    bar.with_style(style).with_finish(ProgressFinish::AndClear)
}
