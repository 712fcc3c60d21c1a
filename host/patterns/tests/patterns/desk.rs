// SPDX-License-Identifier: MIT OR Apache-2.0
//! The desk and the driver.

use std::future::{pending, poll_fn};
use std::task::Poll;

use priory_patterns::drive::POLLS_MAX;
use priory_patterns::{Desk, Driver, Stuck};

type Numbers = Desk<u32, u32>;

#[test]
fn an_effect_is_on_the_desk_at_once_and_is_taken_once() {
    let desk = Numbers::new();
    let (first, second) = (desk.ask(1), desk.ask(2));
    let taken = desk.take_asked();
    assert_eq!(taken, [(first.ticket(), 1), (second.ticket(), 2)]);
    assert!(first.ticket() < second.ticket());
    assert_eq!(desk.take_asked(), []);
    assert_eq!(desk.take_withdrawn(), []);
}

#[test]
fn what_is_dropped_before_it_was_taken_was_never_there() {
    let desk = Numbers::new();
    drop(desk.ask(1));
    let kept = desk.ask(2);
    assert_eq!(desk.take_asked(), [(kept.ticket(), 2)]);
    assert_eq!(desk.take_withdrawn(), []);
}

#[test]
fn what_is_dropped_later_is_withdrawn_once_and_in_order() {
    let desk = Numbers::new();
    let (first, second, third) = (desk.ask(1), desk.ask(2), desk.ask(3));
    let tickets: Vec<_> = desk.take_asked().into_iter().map(|(ticket, _)| ticket).collect();
    drop(third);
    drop(first);
    assert_eq!(desk.take_withdrawn(), [tickets[0], tickets[2]]);
    assert_eq!(desk.take_withdrawn(), []);
    desk.answer(tickets[0], 7);
    desk.answer(second.ticket(), 8);
    // It has its outcome, so there is nothing to withdraw.
    drop(second);
    assert_eq!(desk.take_withdrawn(), []);
}

#[test]
fn what_was_answered_before_anybody_heard_of_its_withdrawal_is_not_withdrawn() {
    let desk = Numbers::new();
    let asked = desk.ask(1);
    let ticket = desk.take_asked()[0].0;
    drop(asked);
    desk.answer(ticket, 1);
    assert_eq!(desk.take_withdrawn(), []);
}

#[test]
fn the_first_answer_counts() {
    let desk = Numbers::new();
    let asked = desk.ask(1);
    let ticket = asked.ticket();
    let mut driver = Driver::new(asked);
    assert_eq!(driver.poll(), Ok(None));
    desk.take_asked();
    desk.answer(ticket, 1);
    desk.answer(ticket, 2);
    assert_eq!(driver.poll(), Ok(Some(1)));
    assert_eq!(driver.poll(), Ok(None));
}

#[test]
fn only_what_was_woken_is_polled() {
    let desk = Numbers::new();
    let mut polls = 0;
    let mut asked = Box::pin(desk.ask(1));
    let ticket = asked.ticket();
    let mut driver = Driver::new(poll_fn(|context| {
        polls += 1;
        asked.as_mut().poll(context)
    }));
    assert_eq!(driver.poll(), Ok(None));
    assert_eq!(driver.poll(), Ok(None));
    desk.answer(ticket, 5);
    assert_eq!(driver.poll(), Ok(Some(5)));
    drop(driver);
    assert_eq!(polls, 2);
}

#[test]
fn a_future_that_wakes_itself_goes_on_by_itself_and_not_for_ever() {
    let mut left = 10;
    let mut driver = Driver::new(poll_fn(|context| {
        left -= 1;
        context.waker().wake_by_ref();
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(driver.poll(), Ok(Some(())));
    let mut driver = Driver::new(poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert_eq!(driver.poll(), Err(Stuck { polls: POLLS_MAX }));
}

#[test]
fn what_an_ended_future_still_held_is_withdrawn() {
    let desk = Numbers::new();
    let held = desk.clone();
    let mut driver = Driver::new(async move {
        let (mut first, second) = (held.ask(1), held.ask(2));
        let first = poll_fn(|context| std::pin::Pin::new(&mut first).poll(context)).await;
        drop(second);
        first
    });
    assert_eq!(driver.poll(), Ok(None));
    let taken = desk.take_asked();
    desk.answer(taken[0].0, 9);
    assert_eq!(driver.poll(), Ok(Some(9)));
    assert_eq!(desk.take_withdrawn(), [taken[1].0]);
    // A driver that goes takes its future along.
    let held = desk.clone();
    let mut driver = Driver::new(async move {
        let _asked = held.ask(3);
        pending::<()>().await;
    });
    assert_eq!(driver.poll(), Ok(None));
    let taken = desk.take_asked();
    drop(driver);
    assert_eq!(desk.take_withdrawn(), [taken[0].0]);
}
