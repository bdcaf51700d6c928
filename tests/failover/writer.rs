use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::{PublicId, SessionKey};
use handstamp_core::record::{Encoding, Record, Revision, Seals, UnknownFields};
use handstamp_store::{
    CacheEntry, Clock, ClusteredStore, CreateOutcome, Decoded, Loaded, Lookup, SaveOutcome, StoreError,
    SystemClock,
};

use crate::life::{End, Life, Moment, numbers, payload};
use crate::nodes::kind;
use crate::run::Pace;

/// A command of the writer.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Expected,
    /// A result that is impossible if no write is ever lost.
    Surprise(&'static str),
    Error(String),
}

/// The writer's knowledge of the session.
enum Knowledge {
    /// A new session has to be created.
    Wanted(Box<Record>),
    Known(Arc<Record>),
    /// It exists, but its record is unknown.
    Unknown,
}

pub(crate) struct Writer {
    node: Arc<ClusteredStore>,
    knowledge: Knowledge,
    lives: Vec<Life>,
    next_number: u32,
    operations: Vec<Operation>,
}

impl Writer {
    pub(crate) fn new(node: Arc<ClusteredStore>, key: SessionKey, victim: bool) -> Self {
        Self {
            node,
            knowledge: Knowledge::Wanted(Box::new(new_record(key))),
            lives: vec![Life::new(key, victim)],
            next_number: 1,
            operations: Vec::new(),
        }
    }

    /// Executes operations at this pace. `new_key` generates the keys of new sessions, and `on_life` receives all sessions so far.
    pub(crate) async fn run(
        mut self,
        pace: Pace,
        new_key: impl Fn() -> SessionKey,
        on_life: impl Fn(&[Life]),
    ) -> (Vec<Operation>, Vec<Life>) {
        let mut ticks = pace.ticks(EVERY);
        // Deletes of different sessions are spread over time.
        let phase = fastrand::u32(1..=DELETE_EVERY);
        for count in phase.. {
            ticks.tick().await;
            if pace.is_over() {
                break;
            }
            let start = pace.now();
            let outcome = self.act(count, &pace).await;
            self.operations.push(Operation { start, end: pace.now(), outcome });
            if let Knowledge::Known(record) = &self.knowledge {
                let known = numbers(record.payload.clone());
                self.life().known = known;
            }
            if self.lives.last().is_some_and(|life| life.end != End::Never) {
                let victim = self.lives[0].victim;
                let key = new_key();
                self.lives.push(Life::new(key, victim));
                self.knowledge = Knowledge::Wanted(Box::new(new_record(key)));
            }
            on_life(&self.lives);
        }
        (self.operations, self.lives)
    }

    async fn act(&mut self, count: u32, pace: &Pace) -> Outcome {
        let acted = match &self.knowledge {
            Knowledge::Wanted(record) => self.create(Record::clone(record), pace).await,
            Knowledge::Known(record) if count.is_multiple_of(DELETE_EVERY) => {
                let key = record.key;
                self.delete(&key, pace).await
            }
            Knowledge::Known(record) if count % 2 == 1 => self.save(record.clone(), pace).await,
            Knowledge::Known(_) | Knowledge::Unknown => self.load().await,
        };
        acted.unwrap_or_else(|error| Outcome::Error(kind(&error)))
    }

    async fn create(&mut self, record: Record, pace: &Pace) -> Result<Outcome, StoreError> {
        let entry = entry(record);
        let value = entry.value.clone();
        match self.node.writes().create(&value, TTL, entry).await? {
            CreateOutcome::Created => {
                self.life().acknowledged.push((0, pace.now()));
                self.knowledge = Knowledge::Known(value);
                Ok(Outcome::Expected)
            }
            CreateOutcome::Exists => Ok(Outcome::Surprise("exists")),
        }
    }

    async fn save(&mut self, old: Arc<Record>, pace: &Pace) -> Result<Outcome, StoreError> {
        let number = self.next_number;
        self.next_number += 1;
        let mut known = numbers(old.payload.clone());
        known.push(number);
        let revision = old.revision.next(old.saved_at);
        let entry = entry(Record { revision, payload: payload(&known), ..Record::clone(&old) });
        let new = entry.value.clone();
        self.knowledge = Knowledge::Unknown;
        match self.node.writes().save(&new, old.revision, TTL, entry).await? {
            SaveOutcome::Saved => {
                self.life().acknowledged.push((number, pace.now()));
                self.knowledge = Knowledge::Known(new);
                Ok(Outcome::Expected)
            }
            SaveOutcome::Conflict => Ok(Outcome::Surprise("conflict")),
            SaveOutcome::Moved | SaveOutcome::Gone => {
                self.life().end = End::NotFound;
                Ok(Outcome::Surprise("gone"))
            }
        }
    }

    async fn delete(&mut self, key: &SessionKey, pace: &Pace) -> Result<Outcome, StoreError> {
        self.life().end = End::Pending;
        self.node.writes().end(key).await?;
        self.life().end = End::Acknowledged(pace.now());
        Ok(Outcome::Expected)
    }

    async fn load(&mut self) -> Result<Outcome, StoreError> {
        let key = self.life().key;
        match self.node.load_fresh(&key, decode).await? {
            Lookup::Found(record) => {
                let known = std::mem::replace(&mut self.knowledge, Knowledge::Known(record.clone()));
                let same = !matches!(known, Knowledge::Known(known) if known.revision != record.revision);
                Ok(if same { Outcome::Expected } else { Outcome::Surprise("another revision") })
            }
            Lookup::Absent | Lookup::Ended | Lookup::Moved => {
                self.life().end = End::NotFound;
                Ok(Outcome::Surprise("absent"))
            }
            Lookup::Unreadable => Ok(Outcome::Surprise("unreadable")),
        }
    }

    fn life(&mut self) -> &mut Life {
        self.lives.last_mut().expect("the list is never empty")
    }
}

/// Sessions are cached as their records.
pub(crate) fn decode(loaded: Loaded) -> Result<Decoded<Record>, StoreError> {
    let left = loaded.remaining.unwrap_or_default();
    Ok(Decoded::Session { entry: entry(loaded.record), left })
}

fn entry(record: Record) -> CacheEntry<Record> {
    let size = record.payload.len();
    CacheEntry::new(record, size)
}

fn new_record(key: SessionKey) -> Record {
    let now = SystemClock.timestamp();
    Record {
        revision: Revision::first().expect("random numbers"),
        key,
        public_id: PublicId::generate().expect("random numbers"),
        predecessor: None,
        created_at: now,
        saved_at: now,
        expires_at: now.saturating_add(TTL * 2),
        idle_timeout: TTL,
        subject: None,
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: payload(&[0]),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    }
}

/// The time between two operations of the writer on a session.
pub(crate) const EVERY: Duration = Duration::from_millis(200);
const DELETE_EVERY: u32 = 40;
const TTL: Duration = Duration::from_secs(3_600);
