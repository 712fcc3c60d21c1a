// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the hotels of a place, the best first.

use priory_sdk::{Failure, Task, tools};
use serde::{Deserialize, Serialize};

priory_sdk::ceiling!(["tool=files.read"]);
priory_sdk::agent!(run);

/// How many hotels are offered.
const OFFERS_MAX: usize = 20;

/// A task of a plan.
#[derive(Deserialize)]
struct Order {
    input: Input,
}

#[derive(Deserialize)]
struct Input {
    to: String,
    nights: u32,
}

#[derive(Deserialize)]
struct Hotel {
    id: String,
    to: String,
    name: String,
    night: u32,
    stars: u32,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    /// Best first.
    offers: Vec<Offer>,
}

#[derive(Serialize)]
struct Offer {
    id: String,
    name: String,
    stars: u32,
    /// For all nights.
    price: u32,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

fn run(task: Task<Order>) -> Result<Output, Failure> {
    let Input { to, nights } = task.input.input;
    let ask = serde_json::json!({ "path": "hotels.json", "first-line": null, "line-count": null });
    let part: Part = tools::call("files.read", &ask)?;
    let hotels: Vec<Hotel> = serde_json::from_str(&part.text)?;
    let there = hotels.into_iter().filter(|hotel| hotel.to == to);
    let priced = there.map(|hotel| {
        let price = hotel.night.saturating_mul(nights);
        Offer { id: hotel.id, name: hotel.name, stars: hotel.stars, price }
    });
    let mut offers: Vec<Offer> = priced.collect();
    if offers.is_empty() {
        return Err(Failure::unavailable(format!("a hotel in {to}"), "none is in the list"));
    }
    offers.sort_by(|a, b| (b.stars, a.price, &a.id).cmp(&(a.stars, b.price, &b.id)));
    offers.truncate(OFFERS_MAX);
    Ok(Output { offers })
}
