use std::ops::RangeInclusive;

use redis::{FromRedisValue, Value};

use super::RedisCluster;
use crate::{PATIENCE, eventually};

/// Slots that move from one primary to another.
impl RedisCluster {
    /// Begins to move a slot. The source answers for the keys that it has, and sends clients to the target for all
    /// others (`ASK`).
    pub async fn begin_move(&self, slot: u16, to: usize) {
        self.begin_move_from(self.primary_of_slot(slot), slot, to).await;
    }

    /// Moves all keys of a slot that is on the move.
    pub async fn move_keys(&self, slot: u16, to: usize) {
        self.move_keys_from(self.primary_of_slot(slot), slot, to).await;
    }

    /// Ends the move of a slot: the target serves it from now on, and all running nodes know.
    pub async fn end_move(&self, slot: u16, to: usize) {
        self.tell_end(&self.to_be_told(self.primary_of_slot(slot), to), slot, to).await;
        self.until_served(slot..=slot, |index| index == to).await;
    }

    /// Moves slots with all their keys, one slot after the other.
    pub async fn move_slots(&self, slots: RangeInclusive<u16>, to: usize) {
        let mut told = (to, Vec::new());
        for (slot, from) in self.owners(slots.clone()).into_iter().filter(|(_, from)| *from != to) {
            if told.0 != from {
                told = (from, self.to_be_told(from, to));
            }
            self.begin_move_from(from, slot, to).await;
            self.move_keys_from(from, slot, to).await;
            self.tell_end(&told.1, slot, to).await;
        }
        self.until_served(slots, |index| index == to).await;
    }

    /// Moves slots that one primary serves, with all their keys, in one go and without `ASK`. Only Valkey 9 and newer
    /// know how: with others this returns false, and nothing is done.
    #[must_use]
    pub async fn move_slots_atomically(&self, slots: RangeInclusive<u16>, to: usize) -> bool {
        let from = self.primary_of_slot(*slots.start());
        if self
            .try_command(from, &["COMMAND", "DOCS", "CLUSTER|MIGRATESLOTS"])
            .is_ok_and(|docs| is_empty(&docs))
        {
            return false;
        }
        let (first, last) = (slots.start().to_string(), slots.end().to_string());
        self.agree(from, &["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &first, &last, "NODE", self.id(to)])
            .await;
        self.until_served(slots, |index| index == to).await;
        true
    }

    async fn begin_move_from(&self, from: usize, slot: u16, to: usize) {
        let slot = slot.to_string();
        self.agree(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", self.id(from)]).await;
        self.agree(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", self.id(to)]).await;
    }

    async fn move_keys_from(&self, from: usize, slot: u16, to: usize) {
        let (slot, port) = (slot.to_string(), self.node(to).port().to_string());
        loop {
            let keys = self.agree(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            let keys = Vec::<String>::from_redis_value(keys).expect("the names of keys");
            if keys.is_empty() {
                return;
            }
            let limit = PATIENCE.as_millis().to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", &limit];
            if let Some(password) = &self.options.password {
                migrate.extend(["AUTH", password]);
            }
            // An attempt whose answer was lost may have copied some.
            migrate.extend(["REPLACE", "KEYS"]);
            migrate.extend(keys.iter().map(String::as_str));
            self.agree(from, &migrate).await;
        }
    }

    async fn tell_end(&self, told: &[usize], slot: u16, to: usize) {
        for index in told {
            self.agree(*index, &["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", self.id(to)]).await;
        }
    }

    /// The target first, so that at no time nobody feels responsible; then the source; then all other primaries, so
    /// that they need not wait for hearsay.
    fn to_be_told(&self, from: usize, to: usize) -> Vec<usize> {
        let primaries = self.primaries();
        let others = primaries.into_iter().filter(|index| ![from, to].contains(index));
        [to, from].into_iter().chain(others).collect()
    }

    /// Has a node do something that it may want to agree on with others, some of whom may not be able to at the moment.
    async fn agree(&self, index: usize, parts: &[&str]) -> Value {
        let what = format!("node {index} agrees to {parts:?}");
        eventually(&what, PATIENCE, async || self.node(index).try_command_aside(parts).await).await
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Map(items) => items.is_empty(),
        _ => true,
    }
}
