// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two of `conversation`: a buyer and a seller who meet.

use serde_json::{Value, json};

use crate::at;

/// What somebody begins with, and how far it goes at most.
pub(crate) struct Side {
    first: i64,
    last: i64,
}

pub(crate) const BUYER: Side = Side { first: 60, last: 90 };
pub(crate) const SELLER: Side = Side { first: 120, last: 80 };

/// Says a price: the first one, or one in the middle between its own last and the other's, within its bounds.
pub(crate) fn offer(shown: &Value, side: Side) -> Value {
    let me = at(shown, "/speaker").as_str().unwrap_or_default();
    let said = at(shown, "/transcript").as_array().map(Vec::as_slice).unwrap_or_default();
    let last = |is_mine: bool| {
        let entry = said.iter().rev().find(|entry| (at(entry, "/speaker") == me) == is_mine);
        entry.and_then(|entry| at(entry, "/says/price").as_i64())
    };
    let mine = last(true).unwrap_or(side.first);
    let Some(other) = last(false) else { return json!({ "price": mine }) };
    let (least, most) = (side.first.min(side.last), side.first.max(side.last));
    if (least..=most).contains(&other) && (mine - other).abs() <= 5 {
        return json!({ "says": { "price": other, "deal": true }, "stop": true });
    }
    json!({ "price": ((mine + other) / 2).clamp(least, most) })
}
