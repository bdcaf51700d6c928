use handstamp_store::{Bus, Records, Shard, Store, Subscription};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{RedisSentinel, RedisServer, eventually};

use crate::harness::{PATIENCE, TTL, config, connected_by, created, name, record, until_it_serves};

/// Makes all Sentinels name another server, which nothing else announces. Waits until sessions go there.
async fn until_they_go_to(sentinel: &RedisSentinel, store: &impl Store, other: &RedisServer) {
    for sentinel in sentinel.sentinels() {
        sentinel.command(&["SENTINEL", "REMOVE", "mymaster"]);
        sentinel.command(&["SENTINEL", "MONITOR", "mymaster", "127.0.0.1", &other.port().to_string(), "2"]);
    }
    eventually("sessions go to the other server", PATIENCE, async || {
        let record = record();
        let _ = store.create(&record, TTL).await.map_err(|error| error.to_string())?;
        if other.keys().contains(&name(record.key())) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
}

/// The old primary replies, and only the Sentinels say that there is another.
#[tokio::test]
async fn the_sentinels_have_the_last_word() {
    let sentinel = RedisSentinel::start().await;
    let (store, bus) = connected_by(config(&sentinel.url()));
    until_it_serves(&store).await;
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let other = RedisServer::start().await;
    until_they_go_to(&sentinel, &store, &other).await;
    while subscription.next().await.is_ok() {}
    bus.subscribe(Shard::ONLY).await.expect("subscribe").fence().await.expect("fence");
}

/// L9: a Sentinel that permits no subscription is queried.
#[tokio::test]
async fn l9_without_events_the_sentinels_are_queried() {
    let sentinel = RedisSentinel::start().await;
    for one in sentinel.sentinels() {
        one.command(&["ACL", "SETUSER", "watch", "on", ">password", "-@all", "+sentinel", "+ping"]);
    }
    let url = format!("{}&sentinelUsername=watch&sentinelPassword=password", sentinel.url());
    let (store, _bus) = connected_by(config(&url));
    until_it_serves(&store).await;
    let listening = |one: &RedisServer| one.clients("pubsub");
    let before: Vec<_> = sentinel.sentinels().iter().map(listening).collect();
    // Over one connection, and not a new one for each question.
    eventually("a connection to a Sentinel lasts", PATIENCE, async || {
        let old = |client: &str| {
            let mut fields = client.split(' ');
            let age =
                fields.find_map(|field| field.strip_prefix("age=")).and_then(|age| age.parse::<u32>().ok());
            client.contains("user=watch") && age.is_some_and(|age| age >= 2)
        };
        let lists = sentinel.sentinels().iter().map(|one| one.command(&["CLIENT", "LIST"]));
        let lists = lists.map(|list| from_redis_value::<String>(list).expect("a text"));
        let lists: Vec<_> = lists.collect();
        if lists.iter().any(|list| list.lines().any(old)) { Ok(()) } else { Err(lists) }
    })
    .await;
    let other = RedisServer::start().await;
    until_they_go_to(&sentinel, &store, &other).await;
    assert_eq!(sentinel.sentinels().iter().map(listening).collect::<Vec<_>>(), before);
}

/// L9: the nodes of a large fleet share the Sentinels, and receive an event of a failover.
#[tokio::test]
async fn l9_nodes_listen_to_one_sentinel_each_and_not_all_to_the_same() {
    let sentinel = RedisSentinel::start().await;
    let stores: Vec<_> = (0..24).map(|_| connected_by(config(&sentinel.url()))).collect();
    for (store, _bus) in &stores {
        until_it_serves(store).await;
    }
    let each = eventually("each node listens to one", PATIENCE, async || {
        let each: Vec<_> = sentinel.sentinels().iter().map(|one| one.clients("pubsub")).collect();
        if each.iter().sum::<usize>() == stores.len() { Ok(each) } else { Err(each) }
    })
    .await;
    assert!(each.iter().all(|count| *count < stores.len()), "{each:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_successor_of_a_dead_primary_has_its_sessions() {
    let mut sentinel = RedisSentinel::start().await;
    let (store, _bus) = connected_by(config(&sentinel.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    let old = sentinel.primary();
    eventually("the replicas have it", PATIENCE, async || {
        let has = |server: &RedisServer| server.keys().contains(&name(record.key()));
        if sentinel.servers().iter().all(has) { Ok(()) } else { Err("not yet") }
    })
    .await;
    sentinel.kill(old);
    eventually("another has taken over", PATIENCE, async || store.load(record.key()).await).await;
    assert_ne!(sentinel.until_promoted(old).await, old);
    let loaded = eventually("it serves", PATIENCE, async || store.load(record.key()).await).await;
    assert!(loaded.is_some());
}
