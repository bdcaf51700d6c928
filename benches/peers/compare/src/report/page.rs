use std::fs;
use std::path::Path;

use subjects::Error;

/// Writes the goals into the page beside the report, between its marks. Without such a page, there is nothing to do.
pub(super) fn update(folder: &Path, goals: &str) -> Result<(), Error> {
    let file = folder.join("README.md");
    if !file.exists() {
        return Ok(());
    }
    let page = fs::read_to_string(&file)?;
    let written = replaced(&page, goals).ok_or_else(|| format!("{} has no marks", file.display()))?;
    Ok(fs::write(file, written)?)
}

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
