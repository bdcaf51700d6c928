use std::ops::RangeInclusive;

use redis::{FromRedisValue, Value};

use super::RedisCluster;
use crate::{PATIENCE, eventually};

/// Moving slots from one primary to another.
impl RedisCluster {
    /// Begins to move a slot. The source still serves its keys, and redirects clients to the target for others (`ASK`).
    pub async fn begin_move(&self, slot: u16, to: usize) {
        self.begin_move_from(self.primary_of_slot(slot), slot, to).await;
    }

    /// Moves all keys of a slot that is being moved.
    pub async fn move_keys(&self, slot: u16, to: usize) {
        self.move_keys_from(self.primary_of_slot(slot), slot, to).await;
    }

    /// Ends the move of a slot: the target serves it, and all running nodes agree.
    pub async fn end_move(&self, slot: u16, to: usize) {
        self.assign_slot(&self.nodes_to_notify(self.primary_of_slot(slot), to), slot, to).await;
        self.until_served(slot..=slot, |index| index == to).await;
    }

    /// Moves slots with all their keys, slot by slot.
    pub async fn move_slots(&self, slots: RangeInclusive<u16>, to: usize) {
        let mut source = (to, Vec::new());
        for (slot, from) in self.owners(slots.clone()).into_iter().filter(|(_, from)| *from != to) {
            if source.0 != from {
                source = (from, self.nodes_to_notify(from, to));
            }
            self.begin_move_from(from, slot, to).await;
            self.move_keys_from(from, slot, to).await;
            self.assign_slot(&source.1, slot, to).await;
        }
        self.until_served(slots, |index| index == to).await;
    }

    /// Moves slots of one primary atomically, with all their keys and without `ASK`. Only Valkey 9 and newer support that;
    /// otherwise returns false and does nothing.
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
        self.retry_command(
            from,
            &["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &first, &last, "NODE", self.id(to)],
        )
        .await;
        self.until_served(slots, |index| index == to).await;
        true
    }

    async fn begin_move_from(&self, from: usize, slot: u16, to: usize) {
        let slot = slot.to_string();
        self.retry_command(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", self.id(from)]).await;
        self.retry_command(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", self.id(to)]).await;
    }

    async fn move_keys_from(&self, from: usize, slot: u16, to: usize) {
        let (slot, port) = (slot.to_string(), self.node(to).port().to_string());
        loop {
            let keys = self.retry_command(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            let keys = Vec::<String>::from_redis_value(keys).expect("the names of keys");
            if keys.is_empty() {
                return;
            }
            let limit = PATIENCE.as_millis().to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", &limit];
            if let Some(password) = &self.options.password {
                migrate.extend(["AUTH", password]);
            }
            // An attempt whose reply was lost may have copied some keys.
            migrate.extend(["REPLACE", "KEYS"]);
            migrate.extend(keys.iter().map(String::as_str));
            self.retry_command(from, &migrate).await;
        }
    }

    async fn assign_slot(&self, nodes: &[usize], slot: u16, to: usize) {
        for index in nodes {
            self.retry_command(*index, &["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", self.id(to)]).await;
        }
    }

    /// The target first, so that the slot always has an owner; then the source; then all other primaries, so that they need not
    /// wait for gossip.
    fn nodes_to_notify(&self, from: usize, to: usize) -> Vec<usize> {
        let primaries = self.primaries();
        let others = primaries.into_iter().filter(|index| ![from, to].contains(index));
        [to, from].into_iter().chain(others).collect()
    }

    /// Repeats a command until the node executes it. It may fail while the nodes do not agree on the layout.
    async fn retry_command(&self, index: usize, parts: &[&str]) -> Value {
        let what = format!("node {index} executes {parts:?}");
        eventually(&what, PATIENCE, async || self.node(index).try_command_async(parts).await).await
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Map(items) => items.is_empty(),
        _ => true,
    }
}
