use std::path::Path;

use subjects::{CASES, Error, Placement, Subject};

use super::numbers::{decimal, decimal_range, percent, range, rounded};
use super::plot::{Bar, bars};
use crate::results::{InProcess, InProcessRows, PartOfRead, Results};
use crate::statistics::{lowest, median, quantile};

/// What each layer adds to a request, by case.
pub(super) fn section(results: &Results<InProcessRows>, folder: &Path) -> Result<String, Error> {
    let rows = &results.rows.requests;
    let mut text = INTRODUCTION.to_owned();
    for case in CASES {
        let rows: Vec<&InProcess> = rows.iter().filter(|row| row.case == case.name).collect();
        if let Some(bare) = rows.iter().find(|row| is(row, Subject::Bare)) {
            text += &table(&rows, bare);
        }
    }
    text += &parts(&results.rows.parts);
    text += "\n![Time added to a read](reads.svg)\n\n![Time added to a write](writes.svg)\n\n![Time added to a write on Redis](writes-redis.svg)\n";
    plot(rows, "read", false, &folder.join("reads.svg"), "Time added to a read, nanoseconds")?;
    plot(rows, "write", false, &folder.join("writes.svg"), "Time added to a write in memory, nanoseconds")?;
    plot(
        rows,
        "write",
        true,
        &folder.join("writes-redis.svg"),
        "Time added to a write on Redis, microseconds",
    )?;
    Ok(text)
}

fn table(rows: &[&InProcess], bare: &InProcess) -> String {
    let mut text = format!(
        "\n### {}\n\nOther programs used {} of the CPU. The bare router takes {} ns (fastest block: {}), and makes {} allocations of \
         {} bytes.\n\n| Application | Placement | ns added, median | middle half | fastest block | CPU ns added | allocations added | \
         bytes added |\n|---|---|---|---|---|---|---|---|\n",
        bare.case,
        percent(bare.foreign_cpu),
        rounded(median(&bare.nanoseconds)),
        rounded(lowest(&bare.nanoseconds)),
        rounded(bare.allocations),
        rounded(bare.allocated_bytes),
    );
    for row in rows.iter().filter(|row| !is(row, Subject::Bare)) {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            row.subject,
            if row.placement == Placement::Around { "around" } else { "inside" },
            rounded(median(&row.added)),
            range(quantile(&row.added, 0.25), quantile(&row.added, 0.75)),
            rounded(lowest(&row.nanoseconds) - lowest(&bare.nanoseconds)),
            rounded(median(&row.cpu_nanoseconds) - median(&bare.cpu_nanoseconds)),
            rounded(row.allocations - bare.allocations),
            rounded(row.allocated_bytes - bare.allocated_bytes),
        );
    }
    text
}

fn parts(parts: &[PartOfRead]) -> String {
    let mut text = PARTS.to_owned();
    for part in parts {
        text += &format!(
            "| {} | {} | {} |\n",
            part.name,
            decimal(median(&part.nanoseconds)),
            decimal_range(quantile(&part.nanoseconds, 0.25), quantile(&part.nanoseconds, 0.75))
        );
    }
    text + &format!("| sum | {} | |\n", decimal(sum(parts)))
}

/// Nanoseconds that all parts of a cached read take together.
pub(super) fn sum(parts: &[PartOfRead]) -> f64 {
    parts.iter().map(|part| median(&part.nanoseconds)).sum()
}

/// The layers around their routers: for writes, either those in memory or those on Redis.
fn plot(rows: &[InProcess], case: &str, redis: bool, file: &Path, title: &str) -> Result<(), Error> {
    let unit = if redis { 1_000.0 } else { 1.0 };
    // A read from Redis takes so long that the others could not be told apart.
    let is_shown = |subject: Subject| {
        if case == "read" { subject != Subject::TowerSessionsRedis } else { subject.uses_redis() == redis }
    };
    let subjects =
        Subject::TOWER.into_iter().filter(|subject| *subject != Subject::Bare && is_shown(*subject));
    let bar = |subject: Subject| {
        let row = rows
            .iter()
            .find(|row| row.case == case && is(row, subject) && row.placement == Placement::Around)?;
        Some(Bar {
            label: subject.label().to_owned(),
            value: median(&row.added) / unit,
            low: quantile(&row.added, 0.25) / unit,
            high: quantile(&row.added, 0.75) / unit,
        })
    };
    bars(file, title, &subjects.filter_map(bar).collect::<Vec<_>>())
}

fn is(row: &InProcess, subject: Subject) -> bool {
    row.subject == subject.label()
}

const INTRODUCTION: &str = "
## In process

Calls of the router on one thread, without a network between client and server. Blocks of requests to each application alternate;
*added* is the difference to the block of the bare router in the same round. *Around* is a layer around the whole router, *inside* is
`router.layer(layer)`. *Fastest block* is the fastest block of the application less the fastest of the bare router. Allocations include those of tasks
in the background.
";

const PARTS: &str = "
### The parts of a cached read

Every layer with signed cookies and a cache has to do this for a cached read. Each part was measured by itself, in the same rounds as the reads, by the usual crates (`base64`, `hmac`, `sha2`, `lru` in
a `parking_lot::Mutex`) and without any code of handstamp.

| Part | ns, median | middle half |
|---|---|---|
";
