use std::path::Path;

use subjects::{Error, Subject};

use super::numbers::{percent, range, rounded};
use super::plot::{Bar, bars};
use crate::results::{Http, Results};
use crate::statistics::{highest, lowest, median};

/// Requests a second and latencies, by path.
pub(super) fn section(results: &Results<Vec<Http>>, folder: &Path) -> Result<String, Error> {
    let mut text = INTRODUCTION.to_owned();
    for (path, title) in [("/read", "Reads"), ("/write", "Writes")] {
        let rows: Vec<&Http> = results.rows.iter().filter(|row| row.path == path).collect();
        text += &table(title, &rows);
    }
    text += "\n![Requests a second, compared with the bare router](http.svg)\n";
    plot(&results.rows, &folder.join("http.svg"))?;
    Ok(text)
}

fn table(title: &str, rows: &[&Http]) -> String {
    let mut text = format!(
        "\n### {title}\n\n| Application | requests a second | ratio to bare Axum | p50, µs | p99, µs | errors | CPU of other programs, at \
         most |\n|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        text += &format!(
            "| {} | {} ({}) | {:.2} ({:.2} to {:.2}) | {} | {} | {} | {} |\n",
            row.subject,
            rounded(median(&row.requests_per_second)),
            range(lowest(&row.requests_per_second), highest(&row.requests_per_second)),
            median(&row.ratio),
            lowest(&row.ratio),
            highest(&row.ratio),
            rounded(median(&row.p50_microseconds)),
            rounded(median(&row.p99_microseconds)),
            row.errors,
            percent(highest(&row.foreign_cpu)),
        );
    }
    text
}

fn plot(rows: &[Http], file: &Path) -> Result<(), Error> {
    let shown = rows.iter().filter(|row| row.subject != Subject::Bare.label());
    let bar = |row: &Http| Bar {
        label: format!("{}: {}", row.subject, row.path.trim_start_matches('/')),
        value: median(&row.ratio),
        low: lowest(&row.ratio),
        high: highest(&row.ratio),
    };
    bars(file, "Requests a second, as a ratio to bare Axum", &shown.map(bar).collect::<Vec<_>>())
}

const INTRODUCTION: &str = "
## Over HTTP

Each application is a process with one worker on a core of its own, with its layer around the router. wrk sends requests with the cookies of
1,000 sessions in turn, over 32 connections, from the other core, which Redis shares. The applications take turns; values are
medians of the rounds, with the lowest and the highest in brackets.
";
