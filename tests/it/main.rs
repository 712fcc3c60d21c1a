// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the whole host, in one binary: [`hostile`] holds guests that misbehave, [`semantics`] what behaves must get,
//! [`fuzz`] throws at the host what nobody wrote. `guests` builds what is played with, `stage` is where it plays.

#![allow(unreachable_pub, reason = "in one binary everything is as reachable as its module")]

mod fuzz;
mod guests;
mod hostile;
mod semantics;
mod stage;

guests::proven! { "good": hostile::compute::spins_in_a_call; }
#[test]
fn every_guest_has_a_test() {
    guests::check(PROVEN);
}
