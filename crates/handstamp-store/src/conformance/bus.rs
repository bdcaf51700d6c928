use bytes::Bytes;

use super::store::{subscribed, unique, until_heard};
use crate::{Bus, Shard, Subscription};

/// All listeners hear all messages, in the order of publication where one publishes after the other.
pub async fn messages_reach_every_subscription(bus: &impl Bus, shard: Shard) {
    let (mut one, mut other) = (subscribed(bus, shard).await, subscribed(bus, shard).await);
    let messages: Vec<_> = (0..20).map(|_| unique()).collect();
    for message in &messages {
        bus.publish(shard, message.clone()).await.expect("publish");
    }
    for subscription in [&mut one, &mut other] {
        for message in &messages {
            until_heard(subscription, message).await;
        }
    }
}

/// What was published before a fence is there when the fence is.
pub async fn a_fence_covers_what_was_published_before(bus: &impl Bus, shard: Shard) {
    let mut subscription = subscribed(bus, shard).await;
    for _ in 0..100 {
        let message = unique();
        bus.publish(shard, message.clone()).await.expect("publish");
        subscription.fence().await.expect("fence");
        let mut heard = std::iter::from_fn(|| subscription.try_next());
        assert!(
            heard.any(|next| next.expect("message").message() == Some(&message)),
            "a fence overtook a message"
        );
    }
}

/// Any bytes, none, and many.
pub async fn messages_may_be_anything(bus: &impl Bus, shard: Shard) {
    let mut subscription = subscribed(bus, shard).await;
    for message in [Bytes::new(), Bytes::from_static(b"\r\n\0\xff"), Bytes::from(vec![7; 512])] {
        bus.publish(shard, message.clone()).await.expect("publish");
        until_heard(&mut subscription, &message).await;
    }
}

/// Whoever stops listening takes nothing from those who go on.
pub async fn a_dropped_subscription_leaves_the_others(bus: &impl Bus, shard: Shard) {
    let mut stays = subscribed(bus, shard).await;
    let leaves = subscribed(bus, shard).await;
    drop(leaves);
    let message = unique();
    bus.publish(shard, message.clone()).await.expect("publish");
    until_heard(&mut stays, &message).await;
}
