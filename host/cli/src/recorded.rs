// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs to be looked at, and to be executed again, wherever they are: in the data folder or in a file.

use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use priory::core::http::{HttpRequest, HttpResponse};
use priory::core::journal::{RunInfo, Verdict};
use priory::core::model::{Answered, Delta, ModelInfo, Prompt, Unanswered};
use priory::core::ports::{BoxFuture, EmbedOrder, Http, Models, Vectors};
use priory::core::{Dimension, Envelope, Failure, Journal, RunId};
use priory::journal::{Bundle, BundleError, MemoryJournal, import};
use priory::{Description, ForkError, Host};

use crate::project::{self, FRAMES_OF_ALL};
use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// How the names of files end that hold a run.
pub(crate) const EXTENSION: &str = "priory";

/// A run with all of its events.
pub(crate) struct Recorded {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) info: RunInfo,
    pub(crate) events: Vec<Envelope>,
}

impl Recorded {
    /// Reads the run that a user names: by its file, its id, the beginning of its id, or `@last`. What was altered is
    /// refused.
    pub(crate) async fn read(text: &str, data: &Data) -> Result<Self> {
        let path = Path::new(text);
        if !is_file(path) {
            let journal = data.read()?;
            let run = store::find(&journal, text).await?.id;
            return Self::of(journal, run).await;
        }
        let bundle = read_file(path)?;
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let run = import(&*journal, bundle).await.map_err(|error| of_bundle(path, error))?;
        Self::of(journal, run).await
    }

    async fn of(journal: Arc<dyn Journal>, run: RunId) -> Result<Self> {
        if let Verdict::Altered { seq, reason } = journal.verify(run).await? {
            let error = Error::new(Exit::Failed, format!("{run} is not as it was written")).cause(reason);
            return Err(
                error.hint(format!("event {seq} is the first that was altered; what follows cannot be trusted"))
            );
        }
        let info = journal.info(run).await?;
        let events = priory::resume::read_all(&journal, run).await?;
        Ok(Self { journal, info, events })
    }
}

/// Tells whether a text names a file, and not a run.
fn is_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION) || path.components().count() > 1 || path.is_file()
}

/// Reads a file that holds a run.
pub(crate) fn read_file(path: &Path) -> Result<Bundle> {
    let file = File::open(path);
    let file = file.map_err(|error| Error::io(format!("{} cannot be read", path.display()), &error))?;
    Bundle::read(&mut BufReader::new(file)).map_err(|error| of_bundle(path, error))
}

/// Tells of a file that holds no run, or not what was written.
pub(crate) fn of_bundle(path: &Path, error: BundleError) -> Error {
    let path = path.display();
    match error {
        BundleError::Journal(error) => error.into(),
        BundleError::Io(error) => Error::io(format!("{path} failed"), &error),
        other => Error::new(Exit::Invalid, format!("{path} is refused")).cause(other.to_string()),
    }
}

/// Makes a host that is configured as it was when a run began, and reaches nothing: no network, no secret, no data folder.
pub(crate) async fn offline_host(journal: &Arc<dyn Journal>, run: RunId) -> Result<Host> {
    let mut description = Description::of_run(journal, run).await?;
    description.secrets.clear();
    let depth = u32::try_from(description.limits.get(Dimension::Depth)).unwrap_or(u32::MAX);
    let frames = FRAMES_OF_ALL.max(depth.saturating_add(1));
    // Files of rules and keys may be on another machine.
    let models = NoModels(description.models.models.iter().map(|model| model.info.clone()).collect());
    let builder = Host::from_description(description).http(Arc::new(NoNetwork)).model_port(Arc::new(models));
    let builder = builder.frames_max(frames);
    let builder = match project::cache_dir() {
        Some(folder) => builder.cache_dir(folder),
        None => builder,
    };
    Ok(builder.build().await?)
}

impl From<ForkError> for Error {
    fn from(error: ForkError) -> Self {
        let show = "`priory runs show RUN` numbers the events";
        let text = error.to_string();
        match error {
            ForkError::Beyond { .. } | ForkError::NoOutcome { .. } => Self::usage(text).hint(show),
            ForkError::Unfit { .. } => Self::usage(text),
            ForkError::Altered { .. } => Self::new(Exit::Failed, text),
            ForkError::Journal(error) => error.into(),
        }
    }
}

/// Models that are known and answer nobody: what was answered before is in the events.
struct NoModels(Vec<Arc<ModelInfo>>);

impl Models for NoModels {
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>> {
        self.0.iter().find(|info| &*info.name == name).cloned()
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        let mut all = self.0.clone();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn count(&self, _: &Prompt) -> u64 {
        0
    }

    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        _: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>> {
        Box::pin(async move { Err(asks_nobody(&prompt.model).into()) })
    }

    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>> {
        Box::pin(async move { Err(asks_nobody(&order.model).into()) })
    }
}

fn asks_nobody(model: &str) -> Failure {
    Failure::absent(format!("model {model}"), "a run that is executed again asks no model")
}

/// A way out that leads nowhere: what was answered before is in the events.
struct NoNetwork;

impl Http for NoNetwork {
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        _: u64,
        _: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async move { Err(Failure::absent(host, "a run that is executed again reaches no network")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_runs() {
        for text in ["a.priory", "./run_01K5", "x/y", "/x/run"] {
            assert!(is_file(Path::new(text)), "{text}");
        }
        for text in ["run_01K5", "01k5", "@last"] {
            assert!(!is_file(Path::new(text)), "{text}");
        }
    }
}
