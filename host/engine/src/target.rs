// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run is about: which program its root frame executes, and with what.

use std::future::Future;
use std::sync::Arc;

use priory_core::authority::{Holder, Layer};
use priory_core::event::Program;
use priory_core::ports::Returned;
use priory_core::{Failure, GrantSet, Json, LimitSpec, Report, Task};

use crate::catalog::Catalog;
use crate::context::Context;
use crate::execute::{self, Body, Job};
use crate::perform::{agent_job, tool_job};
use crate::run::Run;

/// What a run is about.
pub enum Target {
    /// Give an agent a task.
    Agent {
        /// Its name.
        name: String,
        /// The input of its task.
        input: Json,
    },
    /// Call a tool.
    Tool {
        /// Its name.
        name: String,
        /// An object with one property a parameter.
        arguments: Json,
    },
    /// Run code of the embedder, made by [`Target::native`].
    #[doc(hidden)]
    Native {
        /// For events.
        name: Arc<str>,
        /// The code.
        program: NativeTarget,
    },
}

/// Code of the embedder.
pub struct NativeTarget(execute::NativeProgram);

impl Target {
    /// Makes a target of code of the embedder: it orchestrates as an agent does, on a thread for guests, with the grants
    /// of the request.
    pub fn native<F, Fut>(name: &str, program: F) -> Self
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        let program: execute::NativeProgram = Box::new(move |context| {
            let future = program(context);
            Box::pin(async move { future.await.map(Returned::Json) })
        });
        Self::Native { name: Arc::from(name), program: NativeTarget(program) }
    }
}

impl Target {
    /// Returns what the root frame executes.
    pub(crate) fn program(&self, catalog: &Catalog) -> Program {
        match self {
            Self::Agent { name, .. } => match catalog.agent(name) {
                Some(entry) => entry.program(),
                None => Program::Agent(Arc::from(name.as_str())),
            },
            Self::Tool { name, .. } => Program::Tool(Arc::from(name.as_str())),
            Self::Native { name, .. } => Program::Native(name.clone()),
        }
    }
}

/// Makes the job of the root frame, and returns the input that its run is recorded with.
pub(crate) fn root_job(
    run: &Arc<Run>,
    target: Target,
    grants: Option<GrantSet>,
    limits: &LimitSpec,
) -> Result<(Job, Json), Failure> {
    let caller = |own| Arc::new(Layer { holder: Holder::Caller, own, lent: GrantSet::default() });
    let (mut job, input) = match target {
        Target::Agent { name, input } => {
            let entry = run.catalog.agent(&name).cloned();
            let entry = entry.ok_or_else(|| Failure::absent(format!("agent {name}"), "it is not configured"))?;
            let task = Task { name, input: input.clone(), feedback: None };
            (agent_job(run, &entry, task), input)
        }
        Target::Tool { name, arguments } => {
            let target = run.catalog.tool(&name);
            let target = target.ok_or_else(|| Failure::absent(format!("tool {name}"), "no plugin has it"))?;
            (tool_job(run, &target, arguments.clone()), arguments)
        }
        Target::Native { name, program } => {
            let own = grants.clone().unwrap_or_default();
            let job = Job {
                program: Program::Native(name),
                body: Body::Native(program.0),
                layers: vec![caller(own)],
                limits: run.catalog.limits,
                budget: None,
                config: Vec::new(),
                gate: None,
            };
            (job, Json::null())
        }
    };
    if let (Some(grants), Body::Guest { .. }) = (grants, &job.body) {
        job.layers.push(caller(grants));
    }
    job.limits = job.limits.tightened(limits);
    Ok((job, input))
}

pub(crate) fn into_report(returned: Returned) -> Result<Report, Failure> {
    match returned {
        Returned::Json(output) => Ok(Report { output, summary: None }),
        Returned::Report(report) => Ok(report),
        Returned::Tools(tools) => Json::of(&tools)
            .map(|output| Report { output, summary: None })
            .map_err(|error| Failure::other(error.to_string())),
    }
}
