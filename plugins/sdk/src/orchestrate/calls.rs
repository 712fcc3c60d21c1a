// SPDX-License-Identifier: MIT OR Apache-2.0
//! The calls that can be awaited, and how each is made.

use std::cell::RefCell;

use priory_patterns::Desk;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::priory::agent::pending::Pending;
use crate::bindings::priory::agent::{agents, human, timers, tools};
use crate::human::Question;

/// What a call came to: JSON, or why there is none.
pub(super) type Outcome = Result<String, Failure>;

thread_local! {
    /// The desk of the future that runs; there is one for as long as [`block_on`](super::block_on) does not return.
    pub(super) static DESK: RefCell<Option<Desk<Call, Outcome>>> = const { RefCell::new(None) };
}

/// One call.
pub(super) enum Call {
    Tool { name: String, arguments: String },
    Agent { name: String, input: String, feedback: Option<String> },
    Human(Question),
    Sleep { ms: u64 },
}

// === impl Call ===

impl Call {
    /// Makes the call and waits for what it comes to.
    pub(super) fn make(&self) -> Outcome {
        Ok(match self {
            Self::Tool { name, arguments } => tools::call(name, arguments)?,
            Self::Agent { name, input, feedback } => agents::call(name, input, feedback.as_deref())?.output,
            Self::Human(question) => human::ask(question)?.value,
            Self::Sleep { ms } => {
                timers::sleep(*ms)?;
                "null".to_owned()
            }
        })
    }

    /// Starts the call.
    pub(super) fn start(&self) -> Result<Pending, Failure> {
        Ok(match self {
            Self::Tool { name, arguments } => tools::start(name, arguments)?,
            Self::Agent { name, input, feedback } => agents::start(name, input, feedback.as_deref())?,
            Self::Human(question) => human::start(question)?,
            Self::Sleep { ms } => timers::start(*ms)?,
        })
    }
}

/// Calls a tool, `plugin.function`. The call goes out at once, with everything else that is awaited together with it.
pub fn call_tool<T: DeserializeOwned, A: Serialize + ?Sized>(
    name: &str,
    arguments: &A,
) -> impl Future<Output = Result<T, Failure>> + use<T, A> {
    let call = serde_json::to_string(arguments).map(|arguments| Call::Tool { name: name.to_owned(), arguments });
    asked(name.to_owned(), call.map_err(Failure::from))
}

/// Gives an agent a task; what comes of it is the output of its report.
///
/// `feedback` tells why a previous attempt at the same task was refused.
pub fn call_agent<T: DeserializeOwned, I: Serialize + ?Sized>(
    name: &str,
    input: &I,
    feedback: Option<&str>,
) -> impl Future<Output = Result<T, Failure>> + use<T, I> {
    let feedback = feedback.map(str::to_owned);
    let call = serde_json::to_string(input).map(|input| Call::Agent { name: name.to_owned(), input, feedback });
    asked(name.to_owned(), call.map_err(Failure::from))
}

/// Asks a person; what comes of it is the value of the answer.
pub fn ask<T: DeserializeOwned>(question: Question) -> impl Future<Output = Result<T, Failure>> + use<T> {
    asked("a question".to_owned(), Ok(Call::Human(question)))
}

/// Waits for some milliseconds, beside whatever else goes on.
pub fn sleep(ms: u64) -> impl Future<Output = Result<(), Failure>> {
    asked("a timer".to_owned(), Ok(Call::Sleep { ms }))
}

/// Puts a call on the desk at once, and reads what it comes to.
fn asked<T: DeserializeOwned>(
    name: String,
    call: Result<Call, Failure>,
) -> impl Future<Output = Result<T, Failure>> + use<T> {
    let asked = call.and_then(|call| {
        let missing = || Failure::other(format!("{name} can only be called in what orchestrate::block_on runs"));
        DESK.with_borrow(|desk| desk.as_ref().map(|desk| desk.ask(call)).ok_or_else(missing))
    });
    async move { crate::tools::read(&name, &asked?.await?) }
}
