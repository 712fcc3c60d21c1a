// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plugin whose programs are data. It mixes all that it is told into one number, and what it does next depends on that
//! number: whoever tells it something else than before sees it do something else.

mod guest;

use std::sync::Arc;

use priory_core::Failure;
use priory_core::memory::Scope;
use priory_core::ports::{BoxFuture, FrameHost, Order, Plugin, Returned};
use priory_core::program::FunctionInfo;
use priory_core::state::Merge;
use priory_core::usage::Meter;
use priory_core::value_type::FunctionType;
use priory_core::{Digest, Json, PluginInfo, Report};

use super::random::hash;
use super::{Outside, SimRng};
use guest::Guest;

/// An effect that a script asks for.
#[derive(Debug, Clone)]
pub enum Act {
    /// Call a tool.
    Tool(String),
    /// Call an agent.
    Agent(String),
    /// Look at something outside.
    Get(String),
    /// Change something outside; what is sent depends on all that was told before.
    Post(String),
    /// Wait, in milliseconds.
    Sleep(u64),
    /// Ask a person; the question may expire, in milliseconds.
    Ask(Option<u64>),
    /// Publish an event; what it says depends on all that was told before.
    Emit(String),
    /// Wait for an event, in milliseconds or for ever.
    Await(String, Option<u64>),
    /// Read what is left.
    BudgetLeft,
    /// Read what was used.
    BudgetUsed,
    /// List the tools.
    Tools,
    /// List the agents.
    Agents,
    /// Read a key of the state.
    Read(String),
    /// Write a key of the state; what is written depends on all that was told before.
    Write(String, Merge),
    /// Write a key of the state where it is at a revision.
    Swap(String, u64),
    /// List the keys of the state.
    Keys,
    /// List the writes of a key of the state.
    History(String),
    /// Make an artifact; what is in it depends on all that was told before.
    Put,
    /// Read a part of the artifact that was made last, or, before any was, of one that the run has no right to.
    Part(u64),
    /// Find out how long that artifact is.
    Stat,
    /// Ask a model to go on with the conversation of the frame.
    Model(String),
    /// Make vectors.
    Vectors,
    /// Remember something that depends on all that was told before.
    Remember(Scope),
    /// Recall what was remembered last.
    Recall(Scope),
    /// Forget some of it.
    Unlearn(Scope),
}

/// One step of a script. Started effects are named by their position among those that were started, taken as often
/// around as it needs.
#[derive(Debug, Clone)]
pub enum Op {
    /// Perform an effect.
    Do(Act),
    /// Perform an effect, and hear only whether it went well.
    Quietly(Act),
    /// Start an effect.
    Start(Act),
    /// Ask a model, hear so many pieces of its answer while it is written, and leave the rest.
    Listen(String, u32),
    /// Announce a request that changes something, look at the budget, and send it.
    Announce(String),
    /// Wait for a started effect.
    Wait(usize),
    /// Wait for one of the started effects.
    WaitAny(usize),
    /// Withdraw a started effect.
    Cancel(usize),
    /// Withdraw and forget a started effect.
    Forget(usize),
    /// Write a line.
    Log,
    /// Compute.
    Burn(u64),
    /// Let its limits and its clock count.
    LookAround,
    /// Change something outside without asking the host, where files are granted.
    Touch,
    /// Do something several times.
    Repeat(u32, Vec<Op>),
    /// Go one way or another, by all that was told.
    Either(Vec<Op>, Vec<Op>),
    /// Start some effects and wait for each; when somebody cancels the run meanwhile, withdraw what is left, clear up, and
    /// fail.
    Guard(Vec<Act>, Vec<Op>),
    /// Wait for all that was started.
    Settle,
    /// Fail with the last failure, where there was one.
    PassOn,
    /// Fail.
    Fail,
}

/// A plugin that executes a script.
pub struct ScriptPlugin {
    info: PluginInfo,
    script: Vec<Op>,
    outside: Outside,
    /// Decides when it lets others go on, which must change nothing.
    rng: SimRng,
}

impl ScriptPlugin {
    /// Makes a plugin that is an agent and has a tool `work`; both execute the script.
    pub fn new(name: &str, script: Vec<Op>, outside: Outside, rng: SimRng) -> Self {
        let work = FunctionInfo {
            interface: String::new(),
            name: "work".to_owned(),
            description: String::new(),
            ty: FunctionType { params: Vec::new(), result: None },
            input_schema: Json::null(),
            output_schema: None,
        };
        let info = PluginInfo {
            name: Arc::from(name),
            digest: Digest::of(name.as_bytes()),
            byte_len: 0,
            is_agent: true,
            is_workflow: false,
            is_toolset: false,
            functions: vec![work],
            refused: Vec::new(),
            imports: Vec::new(),
            ceiling: None,
        };
        Self { info, script, outside, rng }
    }
}

impl Plugin for ScriptPlugin {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn execute(
        self: Arc<Self>,
        order: Order,
        host: Arc<dyn FrameHost>,
        meter: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>> {
        Box::pin(async move {
            let told = hash(format!("{:?} {:?}", order.entry, order.seed).as_bytes());
            let is_agent = matches!(order.entry, priory_core::ports::Entry::Agent(_));
            let (fuel, pending, last, made, said) = (0, Vec::new(), None, None, Vec::new());
            let mut frame = Guest { plugin: self.clone(), order, host, meter, fuel, told, pending, last, made, said };
            frame.follow(&self.script).await?;
            let output = Json::from_encoder(frame.told.to_string());
            Ok(if is_agent { Returned::Report(Report { output, summary: None }) } else { Returned::Json(output) })
        })
    }
}
