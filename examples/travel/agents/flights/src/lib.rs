// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the flights to a place on a day, cheapest first, at the prices that it was told.

use std::collections::BTreeMap;

use priory_sdk::{Failure, Task, tools};
use serde::{Deserialize, Serialize};

priory_sdk::ceiling!(["tool=files.read"]);
priory_sdk::agent!(run);

/// How many flights are offered.
const OFFERS_MAX: usize = 20;

/// A task of a plan.
#[derive(Deserialize)]
struct Order {
    input: Input,
}

#[derive(Deserialize)]
struct Input {
    to: String,
    day: String,
    /// What each flight costs now.
    prices: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Flight {
    id: String,
    to: String,
    day: String,
    leaves: String,
    arrives: String,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    /// The prices that the offers stand on.
    prices: BTreeMap<String, u32>,
    /// Cheapest first.
    offers: Vec<Offer>,
}

#[derive(Serialize)]
struct Offer {
    id: String,
    leaves: String,
    arrives: String,
    price: u32,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

fn run(task: Task<Order>) -> Result<Output, Failure> {
    let Input { to, day, prices } = task.input.input;
    let ask = serde_json::json!({ "path": "flights.json", "first-line": null, "line-count": null });
    let part: Part = tools::call("files.read", &ask)?;
    let flights: Vec<Flight> = serde_json::from_str(&part.text)?;
    let fits = flights.into_iter().filter(|flight| flight.to == to && flight.day == day);
    let priced = fits.filter_map(|flight| {
        let price = *prices.get(&flight.id)?;
        Some(Offer { id: flight.id, leaves: flight.leaves, arrives: flight.arrives, price })
    });
    let mut offers: Vec<Offer> = priced.collect();
    if offers.is_empty() {
        return Err(Failure::unavailable(format!("a flight to {to} on {day}"), "none is in the list"));
    }
    offers.sort_by(|a, b| (a.price, &a.id).cmp(&(b.price, &b.id)));
    offers.truncate(OFFERS_MAX);
    Ok(Output { prices, offers })
}
