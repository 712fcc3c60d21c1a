// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools that hold trips, release them and book them, in `holds.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin" });
    export!(Desk);
    use super::Desk;
}

use wit::exports::travel::desk::desk as api;

priory_sdk::wit_text!("../wit/desk.wit");
priory_sdk::ceiling!(["file=*:write"]);

/// The file in which everything is.
const FILE: &str = "holds.json";

/// One trip that is held or booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    flight: String,
    hotel: String,
    total: u32,
    booked: bool,
}

/// All of them, by the names under which they are held.
type Holds = BTreeMap<String, Held>;

struct Desk;

impl api::Guest for Desk {
    fn hold(trip: api::Trip) -> Result<String, api::Error> {
        let name = format!("{}+{}", trip.flight, trip.hotel);
        let held = Held { flight: trip.flight, hotel: trip.hotel, total: trip.total, booked: false };
        change(|holds| {
            holds.entry(name.clone()).or_insert(held);
            Ok(name)
        })
    }

    fn release(name: String) -> Result<bool, api::Error> {
        change(|holds| Ok(holds.remove(&name).is_some()))
    }

    fn book(name: String) -> Result<api::Trip, api::Error> {
        change(|holds| {
            let held = holds.get_mut(&name).ok_or(api::Error::NotHeld(name))?;
            held.booked = true;
            Ok(api::Trip { flight: held.flight.clone(), hotel: held.hotel.clone(), total: held.total })
        })
    }
}

/// Reads the file, changes what is in it, and writes it.
fn change<T>(change: impl FnOnce(&mut Holds) -> Result<T, api::Error>) -> Result<T, api::Error> {
    let path = folder().ok_or(api::Error::NoFolder)?.join(FILE);
    let broken = |error: &dyn std::fmt::Display| api::Error::Broken(format!("{FILE}: {error}"));
    let mut holds = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| broken(&error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Holds::new(),
        Err(error) => return Err(broken(&error)),
    };
    let result = change(&mut holds)?;
    let text = serde_json::to_string_pretty(&holds).map_err(|error| broken(&error))?;
    std::fs::write(&path, text + "\n").map_err(|error| broken(&error))?;
    Ok(result)
}

/// Returns the folder that the host granted.
#[cfg(target_arch = "wasm32")]
fn folder() -> Option<PathBuf> {
    let granted = wasip2::filesystem::preopens::get_directories();
    granted.into_iter().next().map(|(_, path)| PathBuf::from(path))
}

/// Returns nothing: only a host grants folders.
#[cfg(not(target_arch = "wasm32"))]
fn folder() -> Option<PathBuf> {
    None
}
