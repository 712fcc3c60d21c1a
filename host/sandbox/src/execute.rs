// SPDX-License-Identifier: MIT OR Apache-2.0
//! Executes one frame: a fresh store, one call, and nothing left behind.

use std::pin::pin;
use std::sync::Arc;

use priory_bindings::wit::types;
use priory_bindings::{failure_of_guest, json_of_guest, report_of_guest, tools_of_guest};
use priory_core::ports::{Entry, FrameHost, Order, Returned};
use priory_core::usage::Meter;
use priory_core::{Dimension, Failure, Json, Task};
use wasmtime::component::{ComponentExportIndex, Instance, Val};
use wasmtime::{AsContext, Store};

use crate::failure::{End, read};
use crate::metered::Metered;
use crate::plugin::{Callable, Loaded};
use crate::state::Guest;
use crate::values::{Answer, DECODED_BYTES_MAX, EncodeError};

/// How much fuel a guest burns before it gives its thread back: some tens of microseconds.
const FUEL_SLICE: u64 = 100_000;

/// Returns the fuel that the frame of a store has burnt.
pub(crate) fn burnt(store: &impl AsContext<Data = Guest>) -> u64 {
    let store = store.as_context();
    let given = store.data().limits.get(Dimension::Fuel);
    // Fuel is always on in our engines, so it can always be read.
    given.saturating_sub(store.get_fuel().unwrap_or(0))
}

/// A store whose meter is final when it is gone, however that comes about.
struct Sandbox {
    store: Store<Guest>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.store.data().meter.set_fuel(burnt(&self.store));
    }
}

/// Arguments that were read before anything runs.
enum Prepared<'a> {
    Function { callable: &'a Callable, arguments: Vec<Val>, index: usize },
    Agent { run: &'a ComponentExportIndex, task: Task },
    ListTools { list: &'a ComponentExportIndex },
    CallTool { call: &'a ComponentExportIndex, name: String, arguments: Json },
}

pub(crate) async fn execute(
    plugin: Arc<Loaded>,
    order: Order,
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
) -> Result<Returned, Failure> {
    // Always in this order, so that nobody waits in a circle. Only then are arguments read: they may be far larger than
    // their text, and there are never more of them than frames.
    let large = match &plugin.large {
        Some(places) => Some(places.take(order.depth).await),
        None => None,
    };
    let slot = plugin.runtime.slots.take(order.depth).await;
    let prepared = prepare(&plugin, &order)?;
    let frame = pin!(run(&plugin, &order, prepared, host, meter.clone()));
    let result = Metered::new(frame, &meter, &*plugin.runtime.clock).await;
    drop((slot, large));
    result
}

/// Reads the arguments, so that a call that cannot be made costs no store.
fn prepare<'a>(plugin: &'a Loaded, order: &Order) -> Result<Prepared<'a>, Failure> {
    let name = &plugin.info.name;
    let absent = |what: &str| Failure::absent(format!("{what} of {name}"), "the plugin does not export it");
    Ok(match &order.entry {
        Entry::Function { index, arguments } => {
            let callable = plugin.exports.functions.get(*index).ok_or_else(|| absent("function"))?;
            let most = order.limits.get(Dimension::CallBytes);
            if arguments.byte_len() > most {
                return Err(Failure::limit(Dimension::CallBytes, arguments.byte_len(), most, &order.label));
            }
            let read = callable.codec.decode_arguments(arguments.as_str(), DECODED_BYTES_MAX);
            let arguments = read.map_err(|error| {
                error.into_failure(format!("arguments of {}", function_name(plugin, *index)), &order.label)
            })?;
            Prepared::Function { callable, arguments, index: *index }
        }
        Entry::Agent(task) => {
            let run = plugin.exports.agent.as_ref().ok_or_else(|| absent("agent"))?;
            Prepared::Agent { run, task: task.clone() }
        }
        Entry::ListTools => {
            let (list, _) = plugin.exports.toolset.as_ref().ok_or_else(|| absent("toolset"))?;
            Prepared::ListTools { list }
        }
        Entry::CallTool { name, arguments } => {
            let (_, call) = plugin.exports.toolset.as_ref().ok_or_else(|| absent("toolset"))?;
            Prepared::CallTool { call, name: name.clone(), arguments: arguments.clone() }
        }
    })
}

/// Returns `plugin.function`, for failures.
fn function_name(plugin: &Loaded, index: usize) -> String {
    let function = plugin.info.functions.get(index).map(|function| function.name.as_str()).unwrap_or_default();
    format!("{}.{function}", plugin.info.name)
}

async fn run(
    plugin: &Loaded,
    order: &Order,
    prepared: Prepared<'_>,
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
) -> Result<Returned, Failure> {
    let guest = Guest::new(order, host, meter, &plugin.runtime.folders)?;
    let mut sandbox = Sandbox { store: Store::new(plugin.pre.engine(), guest) };
    let entered = enter(plugin, order, prepared, &mut sandbox.store).await;
    let fuel = burnt(&sandbox.store);
    entered.unwrap_or_else(|error| match read(&error, &order.label, &order.limits, fuel) {
        End::Exit => Ok(Returned::Json(Json::null())),
        End::Failed(failure) => Err(failure),
    })
}

/// Instantiates and calls. The outer error is the runtime's, the inner one is a value.
async fn enter(
    plugin: &Loaded,
    order: &Order,
    prepared: Prepared<'_>,
    store: &mut Store<Guest>,
) -> wasmtime::Result<Result<Returned, Failure>> {
    store.limiter(|guest| &mut guest.limiter);
    store.set_fuel(order.limits.get(Dimension::Fuel))?;
    store.fuel_async_yield_interval(Some(FUEL_SLICE))?;
    store.set_hostcall_fuel(order.limits.get_usize(Dimension::CallBytes));
    store.set_max_component_handles(order.limits.get_usize(Dimension::Handles));
    let instance = plugin.pre.instantiate_async(&mut *store).await?;
    match prepared {
        Prepared::Function { callable, arguments, index } => {
            let name = || function_name(plugin, index);
            function(order, store, &instance, callable, &arguments, &name).await
        }
        Prepared::Agent { run, task } => agent(order, store, &instance, run, task).await,
        Prepared::ListTools { list } => {
            type Listed = (Result<Vec<types::Tool>, types::Failure>,);
            let func = instance.get_typed_func::<(), Listed>(&mut *store, list)?;
            let (listed,) = func.call_async(&mut *store, ()).await?;
            let tools = listed.map_err(|failure| own_failure(order, failure)).and_then(|tools| {
                within_output(order, tools.iter().flat_map(texts_of))?;
                tools_of_guest(tools, &plugin.info.name)
            });
            Ok(tools.map(Returned::Tools))
        }
        Prepared::CallTool { call, name, arguments } => {
            type Called = (Result<String, types::Failure>,);
            let func = instance.get_typed_func::<(&str, &str), Called>(&mut *store, call)?;
            let (called,) = func.call_async(&mut *store, (&name, arguments.as_str())).await?;
            let json = called
                .map_err(|failure| own_failure(order, failure))
                .and_then(|text| within_output(order, [&*text]).map(|()| text));
            let subject = || format!("result of {}.{name}", plugin.info.name);
            Ok(json.and_then(|text| json_of_guest(&text, &subject())).map(Returned::Json))
        }
    }
}

async fn function(
    order: &Order,
    store: &mut Store<Guest>,
    instance: &Instance,
    callable: &Callable,
    arguments: &[Val],
    name: &(dyn Fn() -> String + Sync),
) -> wasmtime::Result<Result<Returned, Failure>> {
    let Some(func) = instance.get_func(&mut *store, callable.index) else {
        return Ok(Err(Failure::absent(name(), "the instance does not export it")));
    };
    let mut results = vec![Val::Bool(false); callable.results];
    func.call_async(&mut *store, arguments, &mut results).await?;
    let most = order.limits.get_usize(Dimension::OutputBytes);
    Ok(match callable.codec.encode_result(&results, most) {
        Ok(Answer::Ok(json)) => Ok(Returned::Json(json)),
        Ok(Answer::Err(json)) => Err(Failure::Other(priory_core::failure::Other {
            message: format!("{} returned an error", name()),
            data: Some(json),
        })),
        Err(EncodeError::TooLarge { used, allowed }) => {
            Err(Failure::limit(Dimension::OutputBytes, used, allowed, &order.label))
        }
        Err(mismatch) => Err(Failure::other(format!("the result of {} cannot be read: {mismatch}", name()))),
    })
}

async fn agent(
    order: &Order,
    store: &mut Store<Guest>,
    instance: &Instance,
    run: &ComponentExportIndex,
    task: Task,
) -> wasmtime::Result<Result<Returned, Failure>> {
    let name = task.name.clone();
    let func = instance.get_typed_func::<(types::Task,), (Result<types::Report, types::Failure>,)>(&mut *store, run)?;
    let (reported,) = func.call_async(&mut *store, (task.into(),)).await?;
    let report = reported.map_err(|failure| own_failure(order, failure)).and_then(|report| {
        within_output(order, [&*report.output, report.summary.as_deref().unwrap_or_default()])?;
        report_of_guest(report, &name)
    });
    Ok(report.map(Returned::Report))
}

/// Takes over a failure that the program itself returned. It is a result, and no longer than one.
fn own_failure(order: &Order, failure: types::Failure) -> Failure {
    let failure = failure_of_guest(failure);
    let text = serde_json::to_string(&failure).unwrap_or_default();
    within_output(order, [&*text]).err().unwrap_or(failure)
}

/// Returns all that a guest says of a tool.
fn texts_of(tool: &types::Tool) -> impl Iterator<Item = &str> {
    let output = tool.output_schema.as_deref().unwrap_or_default();
    [&*tool.name, &*tool.description, &*tool.input_schema, output].into_iter()
}

fn within_output<'a>(order: &Order, texts: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
    let length = texts.into_iter().fold(0u64, |length, text| length.saturating_add(text.len() as u64));
    let (used, allowed) = (length, order.limits.get(Dimension::OutputBytes));
    if used > allowed {
        return Err(Failure::limit(Dimension::OutputBytes, used, allowed, &order.label));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    use priory_core::event::{Label, Program};
    use priory_core::{FramePath, Limits};
    use priory_testkit::{QuietHost, SimClock};

    use crate::{SandboxConfig, Sandboxes, Source};

    const GUEST: &str = r#"(component
        (core module $m (func (export "run") (param i32) (result i32) (local.get 0)))
        (core instance $i (instantiate $m))
        (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

    fn order(arguments: &str) -> Order {
        Order {
            entry: Entry::Function { index: 0, arguments: Json::parse(arguments).unwrap() },
            label: Label { path: FramePath::root(), program: Program::Tool("test.run".into()) },
            depth: 0,
            limits: Limits::default(),
            mounts: Vec::new(),
            env: Vec::new(),
            config: Vec::new(),
            seed: [0; 32],
            unix_ms: 0,
            seen: Arc::default(),
        }
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn arguments_are_not_read_before_there_is_a_place_for_them() {
        let config = SandboxConfig { frames_max: 1, depth_max: 0, has_pool: false, ..SandboxConfig::default() };
        let sandboxes = Sandboxes::new(config, Arc::new(SimClock::at(0))).unwrap();
        let bytes = wat::parse_str(GUEST).unwrap().into();
        let source = Source { name: "test".into(), bytes, pinned: None, links: Vec::new() };
        let plugin = sandboxes.load(&source).unwrap();
        let call = |arguments| {
            Box::pin(execute(plugin.clone(), order(arguments), Arc::new(QuietHost::default()), Arc::default()))
        };
        let held = poll(pin!(plugin.runtime.slots.take(0))).unwrap();
        let mut wrong = call(r#"{"n":"no number"}"#);
        assert!(poll(wrong.as_mut()).is_none());
        drop(held);
        assert!(matches!(poll(wrong.as_mut()), Some(Err(Failure::Invalid(_)))));
        let right = poll(call(r#"{"n":7}"#).as_mut()).unwrap().unwrap();
        assert_eq!(right, Returned::Json(Json::parse("7").unwrap()));
    }
}
