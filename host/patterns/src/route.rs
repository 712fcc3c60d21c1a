// SPDX-License-Identifier: MIT OR Apache-2.0
//! One of several ways: the first whose condition holds, or the default.

use serde_json::Value;

use crate::fault::Fault;
use crate::stop::{Stop, at_most};

/// Cases of a route.
pub const CASES_MAX: usize = 1_024;

/// Returns the first case that holds, or the default. A condition that fails is a failure: it is not false.
pub fn choose<C, F: Fault>(
    cases: Vec<C>,
    default: Option<C>,
    mut holds: impl FnMut(&C) -> Result<bool, F>,
) -> Result<C, F> {
    at_most("cases", cases.len(), CASES_MAX).map_err(F::stopped)?;
    let count = cases.len();
    for case in cases {
        if holds(&case)? {
            return Ok(case);
        }
    }
    default.ok_or_else(|| F::stopped(Stop::NoRoute { cases: count }))
}

/// Goes the way of the first case that holds, or of the default.
pub async fn route<C, F, Work, Fut>(
    cases: Vec<C>,
    default: Option<C>,
    holds: impl FnMut(&C) -> Result<bool, F>,
    work: Work,
) -> Result<Value, F>
where
    F: Fault,
    Work: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    work(choose(cases, default, holds)?).await
}
