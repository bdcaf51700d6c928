use super::support::{subscribed, unique, until_received};
use crate::{Bus, Bytes, Shard, Subscription};

/// All subscriptions receive all messages, in the order of publication if they are published one after the other.
pub async fn messages_reach_every_subscription(bus: &impl Bus, shard: Shard) {
    let (mut one, mut other) = (subscribed(bus, shard).await, subscribed(bus, shard).await);
    let messages: Vec<_> = (0..20).map(|_| unique()).collect();
    for message in &messages {
        bus.publish(shard, message.clone()).await.expect("publish");
    }
    for subscription in [&mut one, &mut other] {
        for message in &messages {
            until_received(subscription, message).await;
        }
    }
}

/// A message that was published before a fence arrives before the fence.
pub async fn a_fence_covers_what_was_published_before(bus: &impl Bus, shard: Shard) {
    let mut subscription = subscribed(bus, shard).await;
    for _ in 0..100 {
        let message = unique();
        bus.publish(shard, message.clone()).await.expect("publish");
        subscription.fence().await.expect("fence");
        let mut received = std::iter::from_fn(|| subscription.try_next());
        assert!(
            received.any(|next| next.expect("message").message() == Some(&message)),
            "a fence overtook a message"
        );
    }
}

/// A message may be empty, binary, and as long as any invalidation.
pub async fn messages_may_be_anything(bus: &impl Bus, shard: Shard) {
    let mut subscription = subscribed(bus, shard).await;
    for message in [Bytes::new(), Bytes::from_static(b"\r\n\0\xff"), Bytes::from(vec![7; 512])] {
        bus.publish(shard, message.clone()).await.expect("publish");
        until_received(&mut subscription, &message).await;
    }
}

/// The end of a subscription does not affect the others.
pub async fn a_dropped_subscription_leaves_the_others(bus: &impl Bus, shard: Shard) {
    let mut stays = subscribed(bus, shard).await;
    let leaves = subscribed(bus, shard).await;
    drop(leaves);
    let message = unique();
    bus.publish(shard, message.clone()).await.expect("publish");
    until_received(&mut stays, &message).await;
}
