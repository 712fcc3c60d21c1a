// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps the budget: of all pairs of a flight and a hotel that it allows, picks the one with the best hotel, and of those
//! the cheapest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use priory_sdk::{Failure, Task};
use serde::{Deserialize, Serialize};

priory_sdk::ceiling!([]);
priory_sdk::agent!(run);

/// A task of a plan.
#[derive(Deserialize)]
struct Order {
    input: Input,
    /// What was found before: some of it flights, some of it hotels.
    needs: BTreeMap<String, Found>,
}

#[derive(Deserialize)]
struct Input {
    budget: u32,
}

#[derive(Deserialize)]
struct Found {
    offers: Vec<Offer>,
}

#[derive(Clone, Deserialize)]
struct Offer {
    id: String,
    price: u32,
    /// Only hotels have stars.
    #[serde(default)]
    stars: Option<u32>,
}

/// The trip that it picked.
#[derive(Serialize)]
struct Trip {
    flight: String,
    hotel: String,
    total: u32,
    left: u32,
}

fn run(task: Task<Order>) -> Result<Trip, Failure> {
    let Order { input: Input { budget }, needs } = task.input;
    let offers: Vec<Offer> = needs.into_values().flat_map(|found| found.offers).collect();
    let (hotels, flights): (Vec<Offer>, Vec<Offer>) = offers.into_iter().partition(|offer| offer.stars.is_some());
    let pairs = hotels.iter().flat_map(|hotel| flights.iter().map(move |flight| (hotel, flight)));
    let total = |hotel: &Offer, flight: &Offer| hotel.price.saturating_add(flight.price);
    let best = pairs
        .filter(|(hotel, flight)| total(hotel, flight) <= budget)
        .max_by_key(|(hotel, flight)| (hotel.stars, Reverse(total(hotel, flight)), Reverse(&flight.id)));
    let Some((hotel, flight)) = best else {
        return Err(Failure::unavailable(
            format!("a trip for {budget}"),
            "no flight and hotel together cost as little",
        ));
    };
    let total = total(hotel, flight);
    Ok(Trip { flight: flight.id.clone(), hotel: hotel.id.clone(), total, left: budget.saturating_sub(total) })
}
