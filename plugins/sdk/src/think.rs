// SPDX-License-Identifier: MIT OR Apache-2.0
//! How an agent thinks: its model reasons, calls tools, sees what they give back, and goes on until it has an answer.
//!
//! [`think`] makes these turns by [`Rules`], over a [`Window`](crate::context::Window):
//!
//! - Calls of one answer are performed side by side, and their results are given back in the order of the calls.
//! - A call that is wrong (no such tool, arguments that do not fit) and a call that fails are given back as errors, so that the
//!   model does better: a bounded number of times in a row for each tool, and altogether.
//! - A result that is longer than its share of the window is cut; the whole is an artifact, and the result says how to read on
//!   with `read_more`, which the loop itself performs.
//! - It ends with the answer. When the turns or the budget are nearly spent, too much failed, or the same is called again and
//!   again, the model is asked for its answer without tools, and [`Thought::ending`] says so.
//! - An answer that came to its length is gone on with, a bounded number of times. One that does not fit the schema goes back
//!   with the reason. A refusal is a failure with `{"stop": "refused"}` as its data.
//!
//! ```no_run
//! use priory_sdk::context::{Budgets, Window};
//! use priory_sdk::outside::Host;
//! use priory_sdk::think::{Rules, think};
//! # fn run() -> Result<String, priory_sdk::Failure> {
//! let mut window = Window::new(Budgets::default());
//! window.system("Answer from the files, and name them.")?;
//! window.pin("What do our notes say about swarming?")?;
//! Ok(think(&Host, &Rules::default(), &mut window)?.text)
//! # }
//! ```

mod act;
pub mod material;
mod rules;
mod stop;
mod trim;
mod turns;

pub use rules::{Custom, Perform, Rules};

use crate::Failure;
use crate::context::Window;
use crate::outside::Outside;

/// What came of thinking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thought {
    /// The answer in words.
    pub text: String,
    /// The answer as JSON that fits the schema of the rules; `None` where they have none.
    pub output: Option<String>,
    /// Why it ended.
    pub ending: Ending,
    /// How often a model was asked.
    pub turns: u32,
    /// How many calls of tools there were, those included that were not performed.
    pub calls: u32,
}

/// Why an agent stopped thinking. The cases are closed: a program may decide by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It had its answer.
    Answered,
    /// All turns were taken, and it was asked for an answer with what it had.
    Turns,
    /// What it may spend was nearly spent.
    Budget,
    /// Too many calls failed.
    Failures,
    /// The same was called again and again.
    Repeats,
}

impl Ending {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Turns => "turns",
            Self::Budget => "budget",
            Self::Failures => "failures",
            Self::Repeats => "repeats",
        }
    }
}

/// Thinks until there is an answer. The window has the task; what is said goes into it.
pub fn think(outside: &dyn Outside, rules: &Rules, window: &mut Window) -> Result<Thought, Failure> {
    think_with(outside, rules, window, &mut [])
}

/// Thinks until there is an answer, with tools that the program itself performs.
pub fn think_with(
    outside: &dyn Outside,
    rules: &Rules,
    window: &mut Window,
    custom: &mut [Custom<'_>],
) -> Result<Thought, Failure> {
    turns::Turns::new(outside, rules, window, custom)?.run()
}

#[cfg(test)]
mod tests;
