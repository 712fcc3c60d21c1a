// SPDX-License-Identifier: MIT OR Apache-2.0
//! Map: one node for each item of a list, so many at once.

use priory_patterns::parallel::{map, values};

use super::{settle, tree, unfit};
use crate::definition::{ITEMS_MAX, Settle};
use crate::expression::{Expression, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to the list of the outputs, in the order of the items.
pub(super) async fn run(
    execution: &Execution,
    at: &At<'_>,
    over: &Expression,
    body: &str,
    width: usize,
    how: Settle,
) -> Result<Value, Broken> {
    let list = over.evaluate(&at.scope).map_err(|error| execution.wrong(at.name, "map.over", &error))?;
    let Some(items) = list.as_list() else {
        return Err(unfit(at, "map.over", format!("a list is expected, and it is {}", list.kind())));
    };
    if items.len() > ITEMS_MAX {
        return Err(unfit(at, "map.over", format!("the list has {} items, and {ITEMS_MAX} are the most", items.len())));
    }
    let trees = items.iter().map(tree).collect::<Result<Vec<_>, _>>()?;
    let work = |index: usize, item| {
        let index_value = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
        let held = items.get(index).cloned().unwrap_or_default();
        let scope = at.scope.child().with("item", held).with("index", index_value);
        async move { execution.child(body, &scope, item).await }
    };
    let settled = map(trees, width, work, settle(how)).await?;
    Ok(Value::list(values(settled).into_iter().map(Value::from).collect()))
}
