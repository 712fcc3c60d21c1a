// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger never overspends, never waits without end, and never forgets what was set aside.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use priory_core::ports::{BoxFuture, Clock};

use super::*;
use crate::activity::Running;

fn fuel(fuel: u64) -> Amounts {
    Amounts { fuel, ..Amounts::default() }
}

fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn unix_ms(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn bounded(allowance: u64) -> (Ledger, AccountId, Activity) {
    let activity = Activity::new(Arc::new(Still));
    let (ledger, root) = Ledger::new(Amounts { fuel: allowance, ..Amounts::UNBOUNDED }, activity.clone());
    (ledger, root, activity)
}

/// Reserves what must be there at once, in an activity of its own that then goes on.
fn at_once(ledger: &Ledger, account: AccountId, want: u64) -> (Reservation, Running) {
    let running = ledger.activity.begin();
    let mut reserve = Box::pin(ledger.reserve(account, fuel(want)));
    let reservation = poll(&mut reserve).expect("no waiting").expect("no limit");
    (reservation, running)
}

/// Settles a reservation and ends its activity.
fn settle((reservation, running): (Reservation, Running), used: u64) {
    reservation.settle(fuel(used));
    drop(running);
}

#[test]
fn what_is_settled_is_spent_and_the_rest_comes_back() {
    let (ledger, root, _) = bounded(100);
    let reservation = at_once(&ledger, root, 60);
    assert_eq!(ledger.available(root).fuel, 40);
    settle(reservation, 25);
    assert_eq!(ledger.available(root).fuel, 75);
    drop(at_once(&ledger, root, 75));
    assert_eq!(ledger.available(root).fuel, 75, "a dropped reservation gives everything back");
    settle(at_once(&ledger, root, 10), 1_000);
    assert_eq!(ledger.available(root).fuel, 65, "more than what was set aside cannot be spent");
}

#[test]
fn an_account_is_bounded_by_itself_and_by_all_above() {
    let (ledger, root, _) = bounded(100);
    let child = ledger.open(root, Amounts { fuel: 70, ..Amounts::UNBOUNDED }, Whose::Run).unwrap();
    let grandchild = ledger.open(child, Amounts::UNBOUNDED, Whose::Run).unwrap();
    assert_eq!(ledger.available(grandchild).fuel, 70);
    settle(at_once(&ledger, root, 50), 50);
    assert_eq!(ledger.available(grandchild).fuel, 50);
    settle(at_once(&ledger, grandchild, 20), 20);
    assert_eq!(ledger.available(child).fuel, 30);
    assert_eq!(ledger.available(root).fuel, 30);
}

#[test]
fn who_wants_more_than_is_free_waits_for_who_still_runs() {
    let (ledger, root, activity) = bounded(100);
    let first = at_once(&ledger, root, 80);
    let _second = activity.begin();
    let mut second = Box::pin(ledger.reserve(root, fuel(50)));
    assert!(poll(&mut second).is_none(), "the first may still give back");
    settle(first, 10);
    assert_eq!(poll(&mut second).unwrap().unwrap().amounts().fuel, 50);
}

#[test]
fn who_waits_gets_the_rest_when_nobody_runs_who_could_give_back() {
    let (ledger, root, activity) = bounded(100);
    settle(at_once(&ledger, root, 80), 80);
    let (rest, running) = at_once(&ledger, root, 50);
    assert_eq!(rest.amounts().fuel, 20);
    drop((rest, running));
    settle(at_once(&ledger, root, 20), 20);
    let _asks = activity.begin();
    let mut none = Box::pin(ledger.reserve(root, fuel(1)));
    let spent = poll(&mut none).unwrap().unwrap_err();
    assert_eq!(spent, Spent { dimension: Dimension::Fuel, used: 101, allowed: 100 });
}

#[test]
fn two_callers_that_wait_for_their_children_do_not_wait_for_each_other() {
    let (ledger, root, activity) = bounded(100);
    let (a, b) = (at_once(&ledger, root, 40), at_once(&ledger, root, 40));
    // Each child is called inline, so it asks in the activity of its caller.
    let mut child_of_a = Box::pin(ledger.reserve(root, fuel(50)));
    assert!(poll(&mut child_of_a).is_none(), "b still runs");
    let mut child_of_b = Box::pin(ledger.reserve(root, fuel(50)));
    // Now both callers wait: whoever asks next gets the rest, and the other waits for it.
    let got = poll(&mut child_of_b).expect("nobody runs any more").unwrap();
    assert_eq!((got.amounts().fuel, activity.running()), (20, 1));
    assert!(poll(&mut child_of_a).is_none(), "the child of b runs");
    got.settle(fuel(5));
    assert!(poll(&mut child_of_a).is_none(), "b runs again");
    settle(b, 40);
    assert_eq!(poll(&mut child_of_a).unwrap().unwrap().amounts().fuel, 100 - 40 - 40 - 5);
    drop(a);
}

#[test]
fn one_that_gives_up_waiting_leaves_its_caller_running() {
    let (ledger, root, activity) = bounded(100);
    let (caller, other) = (at_once(&ledger, root, 90), at_once(&ledger, root, 10));
    let mut child = Box::pin(ledger.reserve(root, fuel(5)));
    assert!(poll(&mut child).is_none());
    assert_eq!(activity.running(), 1);
    drop(child);
    assert_eq!(activity.running(), 2, "the caller runs again");
    let _next = activity.begin();
    let mut next = Box::pin(ledger.reserve(root, fuel(5)));
    assert!(poll(&mut next).is_none(), "the caller and the other both run");
    // What is spent is gone; what comes back of the caller is enough.
    settle(other, 10);
    assert!(poll(&mut next).is_none(), "the caller still runs");
    settle(caller, 0);
    assert!(poll(&mut next).unwrap().is_ok());
}

#[test]
fn calls_are_spent_one_by_one() {
    let activity = Activity::new(Arc::new(Still));
    let (ledger, root) = Ledger::new(Amounts { calls: 2, ..Amounts::UNBOUNDED }, activity);
    let one = Amounts { calls: 1, ..Amounts::default() };
    assert_eq!(ledger.spend(root, one), Ok(()));
    assert_eq!(ledger.spend(root, one), Ok(()));
    assert_eq!(ledger.spend(root, one), Err(Spent { dimension: Dimension::Calls, used: 3, allowed: 2 }));
}

/// The ledger as the account of a run with one agent in it, and a day above.
struct Purses {
    ledger: Ledger,
    accounts: [AccountId; 3],
    today: crate::quota::Today,
    quota: Arc<crate::Quota>,
}

fn tokens(tokens_in: u64) -> Amounts {
    Amounts { tokens_in, money_microusd: 2 * tokens_in, ..Amounts::default() }
}

fn purses(run: u64, agent: u64, day: u64) -> Purses {
    let bound = |amount| Amounts { tokens_in: amount, ..Amounts::UNBOUNDED };
    let activity = Activity::new(Arc::new(Still));
    let (ledger, root) = Ledger::new(bound(run), activity);
    let child = ledger.open(root, bound(agent), Whose::Run).unwrap();
    let other = ledger.open(root, Amounts::UNBOUNDED, Whose::Run).unwrap();
    let spec = priory_core::amounts::QuotaSpec { money_microusd: Some(2 * day), ..Default::default() };
    let quota = Arc::new(crate::Quota::new(spec));
    let today = poll(&mut Box::pin(quota.open(0, None))).unwrap().unwrap().unwrap();
    Purses { ledger, accounts: [root, child, other], today, quota }
}

/// Runs a future to its end on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = Box::pin(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn threads_never_take_more_than_there_is_and_none_waits_for_ever() {
    let purses = purses(1_000, 400, 900);
    let (spent, most) = (std::sync::atomic::AtomicU64::new(0), std::sync::atomic::AtomicU64::new(0));
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let (purses, spent, most) = (&purses, &spent, &most);
            scope.spawn(move || {
                let account = purses.accounts[thread % 3];
                for round in 0..400_u64 {
                    let want = 1 + (round * 7 + thread as u64 * 13) % 60;
                    let take = |free: Amounts| (tokens(want).min(free) == tokens(want)).then_some((tokens(want), ()));
                    let whole = purses.ledger.reserve_whole(account, Some(&purses.today), tokens(want), &take);
                    let Ok((whole, ())) = block_on(whole) else { continue };
                    most.fetch_max(purses.quota.known(0).1.tokens_in, order);
                    let used = if round % 3 == 0 { want } else { want / 8 };
                    spent.fetch_add(used, order);
                    whole.settle(tokens(used), true);
                }
            });
        }
    });
    let spent = spent.into_inner();
    assert!(spent <= 900 && most.into_inner() <= 900, "{spent}");
    assert_eq!(purses.quota.known(0), (tokens(spent), Amounts::default()));
    assert_eq!(purses.ledger.available(purses.accounts[0]).tokens_in, 1_000 - spent);
    // Nobody gave up while even the smallest amount was there for the others.
    assert!(spent > 840, "{spent} of 900 were used");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]

    /// Whatever is reserved, settled and dropped in whatever order: no purse is ever over, none loses anything, who waits goes
    /// on when it may, and who is refused could never have gone on.
    #[test]
    fn whole_reservations_keep_the_books(
        run in 1_u64..200, agent in 1_u64..200, day in 1_u64..200,
        steps in proptest::collection::vec((0_usize..3, 1_u64..80, 0_u64..100, 0_usize..8), 1..60),
    ) {
        let purses = purses(run, agent, day);
        let mut held: Vec<(usize, Whole, u64)> = Vec::new();
        let mut spent = [0_u64; 3];
        for (account, want, percent, which) in steps {
            let take = |free: Amounts| (tokens(want).min(free) == tokens(want)).then_some((tokens(want), ()));
            let id = purses.accounts[account];
            let mut reserve = Box::pin(purses.ledger.reserve_whole(id, Some(&purses.today), tokens(want), &take));
            let fits = |spent: [u64; 3], held: &[(usize, Whole, u64)]| {
                let of = |account: usize| spent[account] + held.iter().filter(|h| h.0 == account).map(|h| h.2).sum::<u64>();
                let all = of(0) + of(1) + of(2);
                let of_agent = if account == 1 { of(1) + want } else { 0 };
                all + want <= run && of_agent <= agent && all + want <= day
            };
            let mut reserved = poll(&mut reserve);
            proptest::prop_assert_eq!(matches!(reserved, Some(Ok(_))), fits(spent, &held));
            proptest::prop_assert_eq!(matches!(reserved, Some(Err(_))), !fits(spent, &[]));
            // Who waits goes on as soon as there is enough.
            while reserved.is_none() {
                let (account, whole, amount) = held.swap_remove(which % held.len());
                let used = amount * percent / 100;
                match percent % 5 {
                    0 => drop(whole),
                    _ => {
                        whole.settle(tokens(used), true);
                        spent[account] += used;
                    }
                }
                reserved = poll(&mut reserve);
                proptest::prop_assert_eq!(matches!(reserved, Some(Ok(_))), fits(spent, &held));
            }
            drop(reserve);
            if let Some(Ok((whole, ()))) = reserved {
                held.push((account, whole, want));
            }
            let reserved: u64 = held.iter().map(|held| held.2).sum();
            let all = spent.iter().sum::<u64>();
            proptest::prop_assert_eq!(purses.quota.known(0), (tokens(all), tokens(reserved)));
            proptest::prop_assert_eq!(purses.ledger.available(purses.accounts[0]).tokens_in, run - all - reserved);
        }
    }
}
