// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger never overspends, never waits without end, and never forgets what was set aside.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

fn fuel(fuel: u64) -> Amounts {
    Amounts { fuel, ..Amounts::default() }
}

fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn bounded(allowance: u64) -> (Ledger, AccountId) {
    Ledger::new(Amounts { fuel: allowance, ..Amounts::UNBOUNDED })
}

/// Reserves what must be there at once.
fn at_once(ledger: &Ledger, account: AccountId, want: u64) -> Reservation {
    let mut reserve = Box::pin(ledger.reserve(account, fuel(want), false));
    poll(&mut reserve).expect("no waiting").expect("no limit")
}

#[test]
fn what_is_settled_is_spent_and_the_rest_comes_back() {
    let (ledger, root) = bounded(100);
    let reservation = at_once(&ledger, root, 60);
    assert_eq!(ledger.available(root).fuel, 40);
    reservation.settle(fuel(25));
    assert_eq!(ledger.available(root).fuel, 75);
    drop(at_once(&ledger, root, 75));
    assert_eq!(ledger.available(root).fuel, 75, "a dropped reservation gives everything back");
    at_once(&ledger, root, 10).settle(fuel(1_000));
    assert_eq!(ledger.available(root).fuel, 65, "more than what was set aside cannot be spent");
}

#[test]
fn an_account_is_bounded_by_itself_and_by_all_above() {
    let (ledger, root) = bounded(100);
    let child = ledger.open(root, Amounts { fuel: 70, ..Amounts::UNBOUNDED }).unwrap();
    let grandchild = ledger.open(child, Amounts::UNBOUNDED).unwrap();
    assert_eq!(ledger.available(grandchild).fuel, 70);
    at_once(&ledger, root, 50).settle(fuel(50));
    assert_eq!(ledger.available(grandchild).fuel, 50);
    at_once(&ledger, grandchild, 20).settle(fuel(20));
    assert_eq!(ledger.available(child).fuel, 30);
    assert_eq!(ledger.available(root).fuel, 30);
}

#[test]
fn who_wants_more_than_is_free_waits_for_who_still_runs() {
    let (ledger, root) = bounded(100);
    let first = at_once(&ledger, root, 80);
    let mut second = Box::pin(ledger.reserve(root, fuel(50), false));
    assert!(poll(&mut second).is_none(), "the first may still give back");
    first.settle(fuel(10));
    assert_eq!(poll(&mut second).unwrap().unwrap().amounts().fuel, 50);
}

#[test]
fn who_waits_gets_the_rest_when_nobody_runs_who_could_give_back() {
    let (ledger, root) = bounded(100);
    let first = at_once(&ledger, root, 80);
    first.settle(fuel(80));
    assert_eq!(at_once(&ledger, root, 50).amounts().fuel, 20);
    at_once(&ledger, root, 20).settle(fuel(20));
    let mut none = Box::pin(ledger.reserve(root, fuel(1), false));
    let spent = poll(&mut none).unwrap().unwrap_err();
    assert_eq!(spent, Spent { dimension: Dimension::Fuel, used: 101, allowed: 100 });
}

#[test]
fn two_callers_that_wait_for_their_children_do_not_wait_for_each_other() {
    let (ledger, root) = bounded(100);
    let (a, b) = (at_once(&ledger, root, 40), at_once(&ledger, root, 40));
    let mut child_of_a = Box::pin(ledger.reserve(root, fuel(50), true));
    assert!(poll(&mut child_of_a).is_none(), "b still runs");
    let mut child_of_b = Box::pin(ledger.reserve(root, fuel(50), true));
    // Now both callers wait: whoever asks next gets the rest, and the other waits for it.
    let got = poll(&mut child_of_b).expect("nobody runs any more").unwrap();
    assert_eq!(got.amounts().fuel, 20);
    assert!(poll(&mut child_of_a).is_none(), "the child of b runs");
    got.settle(fuel(5));
    // The child of b has ended, so b runs again.
    assert!(poll(&mut child_of_a).is_none());
    b.settle(fuel(40));
    assert_eq!(poll(&mut child_of_a).unwrap().unwrap().amounts().fuel, 100 - 40 - 40 - 5);
    drop(a);
}

#[test]
fn one_that_gives_up_waiting_leaves_its_caller_running() {
    let (ledger, root) = bounded(100);
    let caller = at_once(&ledger, root, 90);
    let other = at_once(&ledger, root, 10);
    let mut child = Box::pin(ledger.reserve(root, fuel(5), true));
    assert!(poll(&mut child).is_none());
    drop(child);
    let mut next = Box::pin(ledger.reserve(root, fuel(5), false));
    assert!(poll(&mut next).is_none(), "the caller and the other both run");
    other.settle(fuel(10));
    assert!(poll(&mut next).is_none(), "the caller still runs");
    caller.settle(fuel(0));
    assert!(poll(&mut next).unwrap().is_ok());
}

#[test]
fn calls_are_spent_one_by_one() {
    let (ledger, root) = Ledger::new(Amounts { calls: 2, ..Amounts::UNBOUNDED });
    let one = Amounts { calls: 1, ..Amounts::default() };
    assert_eq!(ledger.spend(root, one), Ok(()));
    assert_eq!(ledger.spend(root, one), Ok(()));
    assert_eq!(ledger.spend(root, one), Err(Spent { dimension: Dimension::Calls, used: 3, allowed: 2 }));
}
