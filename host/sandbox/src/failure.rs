// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the runtime's errors mean.

use priory_core::event::Label;
use priory_core::failure::{Trap as TrapFailure, Unavailable};
use priory_core::{Dimension, Failure, Limits};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// How many functions of a backtrace are kept.
const BACKTRACE_MAX: usize = 32;
/// How long one name in a backtrace may be, in characters.
const NAME_MAX: usize = 200;

/// A failure on its way through the runtime: a host function that returns it ends the frame.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Kill(pub(crate) Failure);

/// How a guest ended that did not return.
pub(crate) enum End {
    /// It asked to exit, with success.
    Exit,
    /// It failed.
    Failed(Failure),
}

/// Reads an error of the runtime. `fuel` is what the frame had burnt.
pub(crate) fn read(error: &wasmtime::Error, label: &Label, limits: &Limits, fuel: u64) -> End {
    if let Some(Kill(failure)) = error.downcast_ref::<Kill>() {
        return End::Failed(failure.clone());
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return match exit.0 {
            0 => End::Exit,
            code => End::Failed(trap(error, label, format!("exit with status {code}"))),
        };
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return End::Failed(Failure::Unavailable(Unavailable {
            subject: "sandbox".into(),
            reason: format!("all are taken: {error}"),
            retriable: true,
        }));
    }
    let over = |dimension, used| End::Failed(Failure::limit(dimension, used, limits.get(dimension), label));
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return over(Dimension::Fuel, fuel.max(limits.get(Dimension::Fuel))),
        Some(Trap::StackOverflow) => {
            let stack = crate::config::STACK_BYTES as u64;
            return End::Failed(Failure::limit(Dimension::StackBytes, stack, stack, label));
        }
        Some(code) => return End::Failed(trap(error, label, code.to_string())),
        None => {}
    }
    // These limits have no type of their own in the runtime; `tests/it` holds the texts to it.
    let text = format!("{error:#}");
    if text.contains("fuel allocated for hostcalls") {
        return over(Dimension::CallBytes, limits.get(Dimension::CallBytes).saturating_add(1));
    }
    if text.contains("handle limit exceeded") || text.contains("resource table has no free keys") {
        return over(Dimension::Handles, limits.get(Dimension::Handles).saturating_add(1));
    }
    if text.contains("count too high") {
        return over(Dimension::Instances, limits.get(Dimension::Instances).saturating_add(1));
    }
    End::Failed(trap(error, label, innermost(error)))
}

fn trap(error: &wasmtime::Error, label: &Label, code: String) -> Failure {
    let code = code.strip_prefix("wasm trap: ").map(str::to_owned).unwrap_or(code);
    Failure::Trap(TrapFailure { code, frame: label.to_string(), backtrace: backtrace(error) })
}

/// Returns the text of the cause that is furthest down, which is the one that says what happened.
fn innermost(error: &wasmtime::Error) -> String {
    error.chain().last().map(ToString::to_string).unwrap_or_default().chars().take(500).collect()
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().take(BACKTRACE_MAX).map(name).map(|n| n.chars().take(NAME_MAX).collect()).collect()
}
