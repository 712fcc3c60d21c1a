// SPDX-License-Identifier: MIT OR Apache-2.0
//! What lies in a data folder that this process has: runs, what they spent, answers that serve again, and what is remembered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory::core::journal::{Pruned, Retention};
use priory::core::memory::{Fact, FactQuery, Forget, KeptFact, ScopeInfo, ScopeKey};
use priory::core::ports::{Answers, BoxFuture, Expenses, Memory, MemoryError};
use priory::core::{Journal, JournalError, RunId};
use priory::journal::SqliteJournal;
use priory::memory::Facts;
use priory::telemetry::Telemetry;
use priory::{Builder, Durability};
use tokio::sync::OnceCell;

use crate::telling;
use crate::ui::error::Result as CliResult;

/// The file that holds what is remembered.
const MEMORY_FILE: &str = "memory.sqlite";
/// What the scopes of runs begin with.
const RUN_SCOPES: &str = "run/";

/// A data folder that this process has.
#[derive(Clone)]
pub(crate) struct Folder {
    /// The runs.
    pub(crate) journal: Arc<dyn Journal>,
    expenses: Arc<dyn Expenses>,
    answers: Arc<dyn Answers>,
    memory: Arc<Remembered>,
    /// Who is told what the runs do that are taken up.
    telemetry: Option<Arc<Telemetry>>,
}

impl Folder {
    pub(crate) fn of(journal: SqliteJournal, folder: &Path) -> Self {
        let (journal, memory) = (Arc::new(journal), Arc::new(Remembered::of(folder)));
        Self { expenses: journal.clone(), answers: journal.clone(), journal, memory, telemetry: None }
    }

    /// Has a collector told what runs do that are taken up: the one that the nearest manifest names. It must be called inside a
    /// tokio runtime.
    pub(crate) fn told(self) -> CliResult<Self> {
        Ok(Self { telemetry: telling::of_nearest()?, ..self })
    }

    /// Sends what was not told yet.
    pub(crate) async fn flush(self) {
        telling::flush(self.telemetry).await;
    }

    /// Gives a host what lies in the folder: its runs are kept there, what they spend is noted, and they remember.
    pub(crate) fn equip(&self, builder: Builder, is_eager: bool) -> Builder {
        let durability = Durability::new(self.journal.clone());
        let durability = if is_eager { durability.eager() } else { durability };
        let builder = telling::observed(builder, self.telemetry.as_ref());
        let builder = builder.durable(durability).memory(self.memory.clone());
        builder.expenses(self.expenses.clone()).answers(self.answers.clone())
    }

    /// Removes runs that have ended and are beyond what is to be kept, with what only they remember. What cannot be removed
    /// now is removed the next time.
    pub(crate) async fn retain(&self, retention: Retention, unix_ms: u64) {
        match self.journal.prune(retention, unix_ms).await {
            Ok(Pruned { runs: 0, .. }) => {}
            Ok(Pruned { runs, bytes }) => {
                tracing::info!(runs, bytes, "old runs were removed");
                if let Err(error) = self.forget_pruned(unix_ms).await {
                    tracing::warn!(%error, "what old runs remembered could not be forgotten");
                }
            }
            Err(error) => tracing::warn!(%error, "old runs could not be removed"),
        }
    }

    /// Forgets what runs remember that are not kept any more, and what has expired.
    pub(crate) async fn forget_pruned(&self, unix_ms: u64) -> Result<u64, MemoryError> {
        if !self.memory.is_there() {
            return Ok(0);
        }
        let mut forgotten = self.memory.expire(unix_ms).await?;
        for scope in self.memory.scopes(RUN_SCOPES.to_owned()).await? {
            let run = scope.scope.strip_prefix(RUN_SCOPES).and_then(|id| id.parse::<RunId>().ok());
            let Some(run) = run else { continue };
            if matches!(self.journal.info(run).await, Err(JournalError::NoRun(_))) {
                forgotten += self.memory.forget(ScopeKey::new(scope.scope), Forget::All).await?;
            }
        }
        Ok(forgotten)
    }
}

/// What is remembered beyond runs. It is opened when somebody first remembers or recalls: most runs do neither.
pub(crate) struct Remembered {
    /// `None` remembers as long as the process lives.
    path: Option<PathBuf>,
    facts: OnceCell<Facts>,
}

impl Remembered {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { path: Some(folder.join(MEMORY_FILE)), facts: OnceCell::new() }
    }

    /// Remembers as long as the process lives.
    pub(crate) fn for_now() -> Self {
        Self { path: None, facts: OnceCell::new() }
    }

    /// Tells whether anything was ever remembered.
    pub(crate) fn is_there(&self) -> bool {
        self.path.as_ref().is_none_or(|path| path.exists())
    }

    async fn facts(&self) -> Result<&Facts, MemoryError> {
        self.facts
            .get_or_try_init(|| async {
                let path = self.path.clone();
                let open = move || path.map_or_else(Facts::in_memory, |path| Facts::open(&path));
                let opened = tokio::task::spawn_blocking(open).await;
                opened.map_err(|error| MemoryError::Store {
                    what: "opened",
                    reason: error.to_string(),
                    retriable: true,
                })?
            })
            .await
    }
}

impl Memory for Remembered {
    fn remember(&self, fact: KeptFact) -> BoxFuture<'_, Result<(), MemoryError>> {
        Box::pin(async move { self.facts().await?.remember(fact).await })
    }

    fn recall(&self, query: FactQuery) -> BoxFuture<'_, Result<Vec<Fact>, MemoryError>> {
        Box::pin(async move { self.facts().await?.recall(query).await })
    }

    fn forget(&self, scope: ScopeKey, which: Forget) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async move { self.facts().await?.forget(scope, which).await })
    }

    fn expire(&self, now_unix_ms: u64) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async move { self.facts().await?.expire(now_unix_ms).await })
    }

    fn scopes(&self, prefix: String) -> BoxFuture<'_, Result<Vec<ScopeInfo>, MemoryError>> {
        Box::pin(async move { self.facts().await?.scopes(prefix).await })
    }
}
