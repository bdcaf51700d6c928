//! The data of sessions in benchmarks, from small to large.

use std::collections::BTreeMap;

use handstamp::SessionData;
use serde::{Deserialize, Serialize};

/// A user and a few settings, in strings.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Small {
    username: String,
    email: String,
    locale: String,
    csrf_token: String,
    visits: u64,
}

/// Many small objects.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Cart {
    items: Vec<Item>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Item {
    article: String,
    count: u32,
    gift: Option<String>,
}

/// Data without a fixed type.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Loose(pub(crate) BTreeMap<String, serde_json::Value>);

/// One large text.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Text(pub(crate) String);

impl SessionData for Small {}
impl SessionData for Cart {}
impl SessionData for Loose {}
impl SessionData for Text {}

/// Sessions of each kind, which [`Measure`] measures.
pub(crate) async fn for_each(measure: &mut impl Measure) {
    measure.measure("nothing", Text::default).await;
    measure.measure("a user, five fields", user).await;
    measure.measure("a cart of 40 items", cart).await;
    measure.measure("a map of 40 values", map).await;
    measure.measure("a text of 32 KiB", || Text("x".repeat(32 << 10))).await;
}

/// A measurement of sessions with some data.
pub(crate) trait Measure {
    async fn measure<T: SessionData>(&mut self, name: &str, data: fn() -> T);
}

fn user() -> Small {
    Small {
        username: "ada.lovelace".to_owned(),
        email: "ada.lovelace@example.org".to_owned(),
        locale: "en-GB".to_owned(),
        csrf_token: "0123456789abcdef0123456789abcdef".to_owned(),
        visits: 1_815,
    }
}

fn cart() -> Cart {
    let item = |count| Item { article: format!("article-{count}"), count, gift: None };
    Cart { items: (0..40).map(item).collect() }
}

fn map() -> Loose {
    let value = |n| (format!("setting-{n}"), serde_json::json!({ "on": true, "name": format!("value {n}") }));
    Loose((0..40).map(value).collect())
}
