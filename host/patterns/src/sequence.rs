// SPDX-License-Identifier: MIT OR Apache-2.0
//! One after the other: each step gets what the one before gave.

use serde_json::Value;

use crate::fault::Fault;
use crate::stop::at_most;

/// Steps of a sequence; a workflow has no more nodes than that.
pub const STEPS_MAX: usize = 16_384;

/// Does the steps in their order. The first gets `input`; what the last gives is the result. No step at all gives `input`.
pub async fn sequence<S, F, Work, Fut>(steps: Vec<S>, input: Value, work: Work) -> Result<Value, F>
where
    F: Fault,
    Work: Fn(S, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    at_most("steps", steps.len(), STEPS_MAX).map_err(F::stopped)?;
    let mut value = input;
    for step in steps {
        value = work(step, value).await?;
    }
    Ok(value)
}
