//! Old names and unclear words do not come back: each has a replacement that is used everywhere.

#![expect(clippy::unwrap_used, reason = "these are tests, and their helpers are part of them")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Former names of items, and their present ones.
const NAMES: [(&str, &str); 89] = [
    ("Answer", "StoredReply"),
    ("CircuitPurpose", "ConnectionRole"),
    ("Circuits", "CircuitBreakers"),
    ("Clearing", "ClearThrottle"),
    ("DeafBus", "FaultyBus"),
    ("Departed", "InFlight"),
    ("Ears", "BusFaults"),
    ("EmptyKeyRing", "KeyRingError"),
    ("Envelope", "Metadata"),
    ("Era", "Epoch"),
    ("ErasedStore", "DynStore"),
    ("Exchange", "RequestSession"),
    ("Feed", "Freshness"),
    ("FlightId", "LoadId"),
    ("Flights", "SingleFlight"),
    ("HEAD_LEN", "HEADER_LEN"),
    ("Head", "Leader"),
    ("Heard", "BusEvent"),
    ("InDate", "Expiry"),
    ("Inbox", "MessageHandler"),
    ("Landing", "FinishGuard"),
    ("Lane", "ShardState"),
    ("Lanes", "ShardStates"),
    ("Lately", "RecentChanges"),
    ("Messenger", "InvalidationCodec"),
    ("NotALocalPath", "InvalidLocalPath"),
    ("Notice", "InvalidationMessage"),
    ("Objections", "WriteFailures"),
    ("OldData", "StoredPayload"),
    ("Proof", "FenceOutcome"),
    ("Proofs", "FenceLog"),
    ("Publisher", "DynBus"),
    ("Refusal", "ErrorReply"),
    ("RetireOutcome", "TombstoneOutcome"),
    ("Revocations", "Deletes"),
    ("Rounds", "WaitCoalescer"),
    ("Sealed", "EncodedRecord"),
    ("Spare", "DeleteScope"),
    ("Task", "Command"),
    ("TooLate", "ResponseAlreadySent"),
    ("Transport", "InvalidationTransport"),
    ("Trial", "CallPermit"),
    ("Unwritable", "SubjectTooLong"),
    ("View", "ClusterSnapshot"),
    ("WeakSecret", "SecretError"),
    ("after_logout", "redirect_after_logout"),
    ("anybody_at", "primary_at"),
    ("astray", "unexpected_reply"),
    ("clock_is_off", "is_clock_skewed"),
    ("complaint", "message"),
    ("counts_from", "effective_time"),
    ("doubt", "mark_stale"),
    ("end_again", "repeat_recent_deletes"),
    ("end_once_more", "repeat_delete"),
    ("get_outdated", "get_stale"),
    ("guests", "importing"),
    ("health_at", "health_path"),
    ("handed_out", "sent_ids"),
    ("healthy_in_part", "is_partly_healthy"),
    ("in_date", "expiry"),
    ("keep_up", "supervisor"),
    ("knows_time", "is_time_known"),
    ("lacks_a_secret", "is_missing_secret"),
    ("lane_of", "shard_of"),
    ("logout_at", "logout_path"),
    ("lookup_outdated", "lookup_stale"),
    ("names_redis", "uses_redis"),
    ("noting", "or_record"),
    ("on_conflict", "conflict_status"),
    ("on_gone", "gone_status"),
    ("open_feed", "new_freshness"),
    ("or_random_secret", "secret_or_random"),
    ("or_session_namespace", "namespace_or"),
    ("out_of_time", "deadline_passed"),
    ("pass_on", "hand_over"),
    ("proved_within", "fenced_within"),
    ("publish_cache_clear", "clear_all_caches"),
    ("publish_invalidation", "invalidate_everywhere"),
    ("read_until_told", "read_until_known"),
    ("retire", "replace_with_tombstone"),
    ("save_together", "group_commit"),
    ("settle_later", "finish_in_background"),
    ("sweep_now_and_then", "sweep_if_doubled"),
    ("take_back", "undo_create"),
    ("told_on", "notify_channel"),
    ("two_types", "type_mismatch"),
    ("unmark", "keep_tombstone"),
    ("update_now", "update_and_commit"),
    ("within_budget", "with_deadline"),
];

/// Words with a clearer replacement.
const WORDS: [(&str, &str); 19] = [
    ("answer", "response (HTTP) or reply (store, Redis)"),
    ("answered", "returned or replied"),
    ("answering", "replying"),
    ("answers", "responses or replies"),
    ("anybody", "name the subject"),
    ("as a rule", "usually"),
    ("be it", "name both cases"),
    ("lately", "recently, with the time"),
    ("hears", "receives"),
    ("make do", "name what is used instead"),
    ("nobody", "no client, no node"),
    ("now and then", "sometimes, or with the frequency"),
    ("somebody", "name the subject"),
    ("takes writes", "accepts writes"),
    ("tells", "reports or returns"),
    ("under way", "in progress or in flight"),
    ("whoever", "name the subject"),
    ("whomever", "name the subject"),
    ("wishes", "options"),
];

/// The changelog names what was renamed; the other files are lists of words.
const EXEMPT: [&str; 3] =
    ["CHANGELOG.md", "crates/handstamp-core/src/keys/strength/words.rs", "crates/xtask/tests/words.rs"];

#[test]
fn former_names_do_not_come_back() {
    assert_eq!(uses_of(&NAMES, str::to_owned), Vec::<String>::new());
}

#[test]
fn present_names_exist() {
    let sources: String = tracked_files()
        .iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .collect();
    for (_, present) in NAMES {
        assert!(sources.lines().any(|line| contains(line, present)), "{present}");
    }
}

#[test]
fn unclear_words_do_not_come_back() {
    // Also in names of functions, such as `takes_writes`.
    assert_eq!(uses_of(&WORDS, |text| text.to_lowercase().replace('_', " ")), Vec::<String>::new());
}

#[test]
fn whole_words_are_found() {
    assert!(contains("it takes writes", "takes writes") && contains("Lane::new()", "Lane"));
    assert!(!contains("Lanes", "Lane") && !contains("planes_of", "lane"));
    assert!(contains("fn lane_of(", "lane_of") && !contains("lane_of_all", "lane_of"));
}

/// Every line with one of these words, as `path:line: word -> replacement`.
fn uses_of(words: &[(&str, &str)], fold: impl Fn(&str) -> String) -> Vec<String> {
    let mut uses = Vec::new();
    for path in tracked_files() {
        let text = fold(&fs::read_to_string(root().join(&path)).unwrap());
        for (word, replacement) in words.iter().filter(|(word, _)| text.contains(word)) {
            let lines = text.lines().enumerate().filter(|(_, line)| contains(line, word));
            uses.extend(lines.map(|(number, _)| format!("{path}:{}: {word} -> {replacement}", number + 1)));
        }
    }
    uses
}

fn contains(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(is_part) && !line[start + word.len()..].starts_with(is_part)
    })
}

/// Sources, documents and settings that git tracks, except for the exempt ones.
fn tracked_files() -> Vec<String> {
    let files = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    assert!(files.status.success(), "this test needs git");
    let files = String::from_utf8(files.stdout).unwrap();
    let is_checked = |path: &&str| {
        [".rs", ".md", ".toml", ".lua"].iter().any(|ending| path.ends_with(ending)) && !EXEMPT.contains(path)
    };
    // A file that was deleted, but not committed yet, is still tracked.
    let files = files.lines().filter(is_checked).filter(|path| root().join(path).exists());
    files.map(str::to_owned).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
