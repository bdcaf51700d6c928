use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_core::record::{Entry, Record};
use handstamp_redis::{RedisConfig, RedisStore, RedisUrl};
use handstamp_store::{
    Bus, CreateOutcome, DeleteOutcome, DeleteScope, FenceOutcome, Records, SaveOutcome, Shard, Subscription,
    Topology,
};
use handstamp_testkit::{ClusterOptions, RedisCluster, eventually, sealed};

use crate::harness::{
    NEVER, PATIENCE, TTL, cause, changed, config, connected_by, created, driver, ended, name, record,
    short_limits, until_it_serves,
};

async fn start() -> (RedisCluster, RedisStore, handstamp_redis::RedisBus) {
    let cluster = RedisCluster::start().await;
    let (store, bus) = connected_by(config(&cluster.url()));
    until_it_serves(&store).await;
    (cluster, store, bus)
}

fn of_nodes(nodes: impl IntoIterator<Item = String>) -> RedisConfig {
    let url = RedisUrl::cluster(nodes).expect("nodes");
    RedisConfig::new(url)
        .with_driver(driver())
        .with_load_timeout(NEVER)
        .with_save_timeout(NEVER)
        .with_connect_timeout(NEVER)
}

/// This many records on each node that has slots.
async fn created_on_each(
    cluster: &RedisCluster,
    store: &RedisStore,
    count: usize,
) -> HashMap<usize, Vec<Entry>> {
    let mut records: HashMap<usize, Vec<Entry>> = HashMap::new();
    let primaries = cluster.primaries().len();
    while records.len() < primaries || records.values().any(|records| records.len() < count) {
        let record = created(store).await;
        records.entry(cluster.primary_of(&name(record.key()))).or_default().push(record);
    }
    records
}

#[tokio::test]
async fn one_node_is_enough_to_find_all() {
    let cluster = RedisCluster::start().await;
    for seed in cluster.seeds() {
        let (store, _bus) = connected_by(of_nodes([seed]));
        until_it_serves(&store).await;
        let records = created_on_each(&cluster, &store, 1).await;
        assert_eq!((records.len(), store.shards().current().len()), (3, 3));
    }
}

#[tokio::test]
async fn dead_nodes_among_the_seeds_do_no_harm() {
    let cluster = RedisCluster::start().await;
    let dead = format!("127.0.0.1:{}", handstamp_testkit::free_port());
    let seeds = [dead, cluster.seeds().swap_remove(4)];
    let (store, _bus) = connected_by(of_nodes(seeds));
    until_it_serves(&store).await;
    created_on_each(&cluster, &store, 1).await;
}

#[tokio::test]
async fn before_there_is_a_cluster_commands_fail_and_then_they_do_not() {
    let dead = format!("127.0.0.1:{}", handstamp_testkit::free_port());
    let (store, bus) = connected_by(of_nodes([dead]));
    let record = record();
    let error = store.create(&record, TTL).await.expect_err("there is no server");
    assert!(cause(&error).to_string().contains("Connection refused"), "{error:?}");
    assert!(bus.subscribe(store.shard_of(record.key())).await.is_err());
}

#[tokio::test]
async fn passwords_and_certificates_are_for_all_nodes() {
    let options =
        ClusterOptions { password: Some("s3cret".to_owned()), tls: true, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let tls = handstamp_redis::Tls::with_ca_pem(cluster.certificates().ca_pem().as_bytes()).expect("a CA");
    let (store, bus) = connected_by(config(&cluster.url()).with_tls(tls));
    until_it_serves(&store).await;
    created_on_each(&cluster, &store, 1).await;
    for shard in store.shards().current() {
        bus.subscribe(shard).await.expect("subscribe").fence().await.expect("fence");
    }
}

/// While a slot moves, its sessions are spread over both servers, and new ones are created on the importing one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_commands_on_a_slot_that_moves_all_succeed() {
    let (cluster, store, _bus) = start().await;
    let first = created(&store).await;
    let slot = cluster.slot_of(&name(first.key()));
    let [from, to] = [cluster.primary_of_slot(slot), other_primary(&cluster, slot)];
    cluster.begin_move(slot, to).await;
    let stays = store.load(first.key()).await.expect("load").expect("it has not moved yet");
    assert_eq!(stays.entry, first);
    cluster.move_keys(slot, to).await;
    let loads = join_all((0..200).map(|_| store.load(first.key()))).await;
    for loaded in loads {
        assert_eq!(loaded.expect("load").expect("it has moved").entry, first);
    }
    let mut last = first.clone();
    for _ in 0..20 {
        let next = changed(&last);
        let saved = store.save(&next, last.revision(), TTL, Bytes::from_static(b"invalidation")).await;
        assert_eq!(saved.expect("save"), SaveOutcome::Saved);
        last = next;
    }
    assert_eq!(cluster.primary_of_slot(slot), from, "it still moves");
    cluster.end_move(slot, to).await;
    let loads = join_all((0..200).map(|_| store.load(first.key()))).await;
    assert!(loads.into_iter().all(|loaded| loaded.expect("load").expect("it is there").entry == last));
    eventually("the shard of the session is known", PATIENCE, async || {
        match store.shard_of(first.key()) == shard_at(&cluster, &store, to).await {
            true => Ok(()),
            false => Err("it is another's"),
        }
    })
    .await;
}

/// The primary that owns a moving slot also publishes changes to sessions that have moved already.
#[tokio::test]
async fn a_moving_slot_publishes_on_both_primaries() {
    let (cluster, store, bus) = start().await;
    let record = created(&store).await;
    let slot = cluster.slot_of(&name(record.key()));
    let to = other_primary(&cluster, slot);
    let mut subscription = bus.subscribe(store.shard_of(record.key())).await.expect("subscribe");
    cluster.begin_move(slot, to).await;
    cluster.move_keys(slot, to).await;
    let deleted = store.delete(&ended(&record), TTL, DeleteScope::All, Bytes::from_static(b"deleted")).await;
    assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    let received = std::iter::from_fn(|| subscription.try_next()).filter_map(Result::ok);
    assert!(
        received.filter(|event| event.message().is_some_and(|message| message == "deleted")).count() >= 1
    );
    // One of these came over the bus between the nodes, on which they may be lost.
    let counts = cluster.node(cluster.primary_of_slot(slot)).command_counts();
    assert_eq!(counts.get("publish"), Some(&1), "{counts:?}");
}

#[tokio::test]
async fn a_fence_reports_slots_that_have_moved_away() {
    let (cluster, store, bus) = start().await;
    let record = created(&store).await;
    let slot = cluster.slot_of(&name(record.key()));
    let to = other_primary(&cluster, slot);
    let loses = bus.subscribe(store.shard_of(record.key())).await.expect("subscribe");
    let gains = bus.subscribe(shard_at(&cluster, &store, to).await).await.expect("subscribe");
    for subscription in [&loses, &gains] {
        assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    }
    cluster.move_slots(slot..=slot, to).await;
    assert_eq!(loses.fence().await.expect("fence"), FenceOutcome::OwnershipLost);
    assert_eq!(gains.fence().await.expect("fence"), FenceOutcome::Complete);
    assert_eq!(loses.fence().await.expect("fence"), FenceOutcome::Complete, "this is said once");
    // Without a single command for a session: fences are enough to notice.
    eventually("the map is corrected", PATIENCE, async || {
        if store.shard_of(record.key()) == shard_at(&cluster, &store, to).await {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
}

#[tokio::test]
async fn a_demoted_primary_proves_nothing_and_its_successor_takes_over() {
    let (cluster, store, bus) = start().await;
    let record = created(&store).await;
    let shard = store.shard_of(record.key());
    let subscription = bus.subscribe(shard).await.expect("subscribe");
    subscription.fence().await.expect("fence");
    until_replicated(&cluster, std::slice::from_ref(&record)).await;
    let old = cluster.primary_of(&name(record.key()));
    cluster.fail_over(old).await;
    assert!(subscription.fence().await.is_err());
    eventually("the successor is known", PATIENCE, async || {
        if store.shard_of(record.key()) == shard { Err("it is the old one still") } else { Ok(()) }
    })
    .await;
    let loaded = eventually("it serves", PATIENCE, async || store.load(record.key()).await).await;
    assert_eq!(loaded.expect("it is there").entry, record);
    assert_eq!(store.shards().current().len(), 3);
}

/// A dead or stalled primary affects its own sessions only, until Redis has elected another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_or_frozen_primary_costs_its_own_sessions_only() {
    for freeze in [false, true] {
        let mut cluster = RedisCluster::start_with(ClusterOptions {
            node_timeout: Duration::from_secs(2),
            ..Default::default()
        })
        .await;
        let (store, _bus) = connected_by(
            config(&cluster.url())
                // A stalled primary exceeds this limit. No command for the others takes this long.
                .with_load_timeout(Duration::from_secs(5))
                .with_connect_timeout(Duration::from_secs(5)),
        );
        until_it_serves(&store).await;
        let records = created_on_each(&cluster, &store, 3).await;
        let victim = cluster.primaries()[1];
        until_replicated(&cluster, &records[&victim]).await;
        if freeze {
            cluster.pause(victim);
        } else {
            cluster.kill(victim);
        }
        eventually("the successor serves", PATIENCE, async || {
            let mut missing = Ok(());
            for (node, records) in &records {
                let loads = join_all(records.iter().map(|record| store.load(record.key()))).await;
                for loaded in loads {
                    match loaded {
                        Ok(stored) => assert!(stored.is_some()),
                        Err(error) => {
                            assert_eq!(*node, victim, "{error:?}");
                            missing = Err(error);
                        }
                    }
                }
            }
            missing
        })
        .await;
        assert_ne!(cluster.primary_of(&name(records[&victim][0].key())), victim);
        let written = sealed(&Record { key: *records[&victim][0].key(), ..handstamp_testkit::record() });
        let created = eventually("a create", PATIENCE, async || store.create(&written, TTL).await).await;
        assert_eq!(created, CreateOutcome::Exists);
    }
}

/// Waits until the replicas of the primary of these records have them all.
async fn until_replicated(cluster: &RedisCluster, records: &[Entry]) {
    let primary = cluster.primary_of(&name(records[0].key()));
    eventually("the replicas have it", PATIENCE, async || {
        for replica in cluster.replicas_of(primary) {
            let keys = cluster.node(replica).keys();
            if let Some(record) = records.iter().find(|record| !keys.contains(&name(record.key()))) {
                return Err(format!("{replica} lacks {:?}", record.key()));
            }
        }
        Ok(())
    })
    .await;
}

/// The first slot of a node without slots: only the server that exports it knows where it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_move_to_a_newcomer_can_be_used_all_the_while() {
    let (mut cluster, store, _bus) = start().await;
    let newcomer = cluster.add_primary().await;
    let first = created(&store).await;
    let slot = cluster.slot_of(&name(first.key()));
    cluster.begin_move(slot, newcomer).await;
    cluster.move_keys(slot, newcomer).await;
    let loads = join_all((0..200).map(|_| store.load(first.key()))).await;
    assert!(loads.into_iter().all(|loaded| loaded.expect("load").is_some()));
    let next = changed(&first);
    let saved = store.save(&next, first.revision(), TTL, Bytes::new()).await.expect("save");
    assert_eq!(saved, SaveOutcome::Saved);
    assert_eq!(store.shards().current().len(), 3, "it has no slot yet");
    cluster.end_move(slot, newcomer).await;
    assert_eq!(store.load(first.key()).await.expect("load").expect("the record").entry, next);
    eventually("four shards", PATIENCE, async || match store.shards().current().len() {
        4 => Ok(()),
        count => Err(count),
    })
    .await;
}

/// L12: the node that a slot moves to has a circuit before it has slots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l12_the_circuit_of_a_newcomer_counts_too() {
    let mut cluster = RedisCluster::start().await;
    let newcomer = cluster.add_primary().await;
    let (store, _bus) = connected_by(short_limits(&cluster.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    let slot = cluster.slot_of(&name(record.key()));
    cluster.begin_move(slot, newcomer).await;
    cluster.move_keys(slot, newcomer).await;
    let served = async || {
        eventually("it is served by the newcomer", PATIENCE, async || store.load(record.key()).await).await
    };
    served().await.expect("the record");
    assert!(!cluster.node(newcomer).clients_named("handstamp:commands").is_empty());
    eventually("its circuit is open", PATIENCE, async || {
        cluster.pause(newcomer);
        join_all((0..10).map(|_| store.load(record.key()))).await.clear();
        if store.circuit_breakers().is_open() {
            return Ok(());
        }
        cluster.resume(newcomer);
        served().await;
        Err("the outage was detected before")
    })
    .await;
    store.circuit_breakers().reset();
    assert!(!store.circuit_breakers().is_open());
    cluster.resume(newcomer);
}

#[tokio::test]
async fn nodes_come_and_go() {
    let (mut cluster, store, bus) = start().await;
    let records = created_on_each(&cluster, &store, 1).await;
    let newcomer = cluster.add_primary().await;
    let slots: Vec<u16> =
        records.values().flatten().map(|record| cluster.slot_of(&name(record.key()))).collect();
    for slot in &slots {
        cluster.move_slots(*slot..=*slot, newcomer).await;
    }
    for record in records.values().flatten() {
        assert_eq!(store.load(record.key()).await.expect("load").expect("it is there").entry, *record);
    }
    eventually("four shards", PATIENCE, async || match store.shards().current().len() {
        4 => Ok(()),
        count => Err(count),
    })
    .await;
    let moved = records.values().flatten().next().expect("a record");
    let shard = store.shard_of(moved.key());
    bus.subscribe(shard).await.expect("subscribe").fence().await.expect("fence");
    let back = cluster.primaries()[0];
    for slot in &slots {
        cluster.move_slots(*slot..=*slot, back).await;
    }
    cluster.remove(newcomer).await;
    eventually("three shards", PATIENCE, async || match store.shards().current().len() {
        3 => Ok(()),
        count => Err(count),
    })
    .await;
    for record in records.values().flatten() {
        assert_eq!(store.load(record.key()).await.expect("load").expect("it is there").entry, *record);
    }
}

/// However many commands are redirected at once, the layout of the cluster is queried at a limited rate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_redirections_are_one_look() {
    let (cluster, store, _bus) = start().await;
    let record = created(&store).await;
    let slot = cluster.slot_of(&name(record.key()));
    let to = other_primary(&cluster, slot);
    cluster.move_slots(slot..=slot, to).await;
    for node in 0..cluster.len() {
        cluster.node(node).reset_command_counts();
    }
    let loads = join_all((0..500).map(|_| store.load(record.key()))).await;
    assert!(loads.into_iter().all(|loaded| loaded.expect("load").is_some()));
    let queries = |node| cluster.node(node).command_counts().get("cluster|slots").copied().unwrap_or(0);
    let total: u64 = (0..cluster.len()).map(queries).sum();
    // Each refresh queries three nodes, and there is one every two seconds without any redirection.
    assert!(total < 100, "{total} times");
}

#[tokio::test]
async fn no_database_but_the_first() {
    assert!("redis-cluster://localhost/1".parse::<RedisUrl>().is_err());
}

fn other_primary(cluster: &RedisCluster, slot: u16) -> usize {
    let owner = cluster.primary_of_slot(slot);
    cluster.primaries().into_iter().find(|primary| *primary != owner).expect("another primary")
}

/// The shard of a node, found by creating records until one is on the node.
async fn shard_at(cluster: &RedisCluster, store: &RedisStore, node: usize) -> Shard {
    loop {
        let record = record();
        if cluster.primary_of(&name(record.key())) == node {
            return store.shard_of(record.key());
        }
    }
}

/// The driver ends a connection on `CLUSTERDOWN`. That is no reason to end the subscription.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_cluster_is_down_subscriptions_stay() {
    let options = ClusterOptions {
        replicas_each: 0,
        node_timeout: Duration::from_secs(1),
        args: ["--cluster-require-full-coverage", "yes"].map(str::to_owned).into(),
        ..ClusterOptions::default()
    };
    let mut cluster = RedisCluster::start_with(options).await;
    let (store, bus) = connected_by(config(&cluster.url()));
    until_it_serves(&store).await;
    let records = created_on_each(&cluster, &store, 1).await;
    let [victim, survivor] = [cluster.primaries()[0], cluster.primaries()[1]];
    let record = &records[&survivor][0];
    let subscription = bus.subscribe(store.shard_of(record.key())).await.expect("subscribe");
    cluster.pause(victim);
    let is_down = |error: &handstamp_store::StoreError| {
        error.source().is_some_and(|cause| cause.to_string().contains("CLUSTERDOWN"))
    };
    let down = async || store.load(record.key()).await.is_err_and(|error| is_down(&error));
    eventually("the cluster is down", PATIENCE, async || if down().await { Ok(()) } else { Err("not yet") })
        .await;
    for _ in 0..20 {
        assert!(down().await, "all errors name the cause");
        assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    }
    cluster.resume(victim);
    eventually("it is up again", PATIENCE, async || store.load(record.key()).await).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
}
