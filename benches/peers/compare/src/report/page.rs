use std::fs;
use std::path::Path;

use subjects::Error;

use super::goals;
use super::measured::Measured;
use super::quietness::BUSY;

/// Writes the goals and the plots into the page beside the report, between its marks. Without such a page, there is nothing to do.
pub(super) fn update(folder: &Path, measured: &Measured) -> Result<(), Error> {
    let file = folder.join("README.md");
    if !file.exists() {
        return Ok(());
    }
    let page = fs::read_to_string(&file)?;
    let text = format!("{}\n{}\n{}", goals::table(measured).trim(), quality(measured), plots(folder));
    let written = replaced(&page, &text).ok_or_else(|| format!("{} has no marks", file.display()))?;
    Ok(fs::write(file, written)?)
}

/// Whether the figures can be relied on.
fn quality(measured: &Measured) -> &'static str {
    if measured.in_process.is_none() || measured.http.is_none() {
        MISSING
    } else if measured.quietness().iter().any(|(_, quietness)| !quietness.is_quiet()) {
        BUSY
    } else {
        ""
    }
}

fn plots(folder: &Path) -> String {
    let drawn = PLOTS.into_iter().filter(|(_, file)| folder.join(file).exists());
    drawn.map(|(title, file)| format!("\n![{title}]({file})\n")).collect()
}

const MISSING: &str = "
**Some figures are missing so far**: the machine was not quiet for long enough, and they would mislead; `cargo xtask bench --comparison` measures all of them. [Costs](../costs.md) has more figures of
handstamp alone.
";

const PLOTS: [(&str, &str); 7] = [
    ("Time added to a read", "reads.svg"),
    ("Time added to a write in memory", "writes.svg"),
    ("Time added to a write on Redis", "writes-redis.svg"),
    ("Requests a second over HTTP, compared with the bare router", "http.svg"),
    ("Memory of a cached session", "memory.svg"),
    ("Work of Redis by nodes", "growth-work.svg"),
    ("Writes a second by nodes", "growth-capacity.svg"),
];

fn replaced(page: &str, goals: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", goals.trim()))
}

const BEGIN: &str = "<!-- written by `compare report` -->";
const END: &str = "<!-- end -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let page = format!("one\n{BEGIN}\nold\n{END}\ntwo\n");
        let once = replaced(&page, "\nnew\n").unwrap();
        assert_eq!(once, format!("one\n{BEGIN}\nnew\n{END}\ntwo\n"));
        assert_eq!(replaced(&once, "new").unwrap(), once);
        assert!(replaced("no marks", "new").is_none());
    }
}
