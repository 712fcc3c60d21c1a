// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notes what models cost where no runs are kept: in the data folder all the same, so that a day keeps its bound.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use priory::core::JournalError;
use priory::core::amounts::QuotaSpec;
use priory::core::model::{Expense, ExpenseQuery, ExpenseTotal};
use priory::core::ports::{BoxFuture, Expenses};
use priory::journal::SqliteJournal;
use priory::manifest::Manifest;
use tokio::sync::{Mutex, OnceCell};

use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// Notes expenses in the data folder for a process that keeps no runs there.
///
/// Where a day is bounded, the folder is taken when a model is asked first and kept to the end: nobody else may spend at the
/// same time. Where it is not, the folder is taken for each note by itself, and one that cannot be had goes without.
pub(crate) struct Spending {
    folder: PathBuf,
    is_bounded: bool,
    held: OnceCell<SqliteJournal>,
    /// Why it could not be taken where it had to be.
    refused: OnceLock<JournalError>,
    /// Who takes the folder for a moment; it says whether somebody was told that it could not.
    brief: Mutex<bool>,
}

impl Spending {
    /// Returns who notes what the models of a manifest cost; nobody, where there are none.
    pub(crate) fn of(manifest: &Manifest) -> Result<Option<Arc<Self>>> {
        if manifest.models.models.is_empty() {
            return Ok(None);
        }
        let is_bounded = !manifest.quota.is_unbounded();
        match Data::default().folder() {
            Ok(folder) => Ok(Some(Arc::new(Self::in_folder(folder, is_bounded)))),
            Err(error) if is_bounded => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn in_folder(folder: PathBuf, is_bounded: bool) -> Self {
        let (held, refused, brief) = (OnceCell::new(), OnceLock::new(), Mutex::new(false));
        Self { folder, is_bounded, held, refused, brief }
    }

    /// Fails where a model was to be asked, and nobody could know what was spent on this day.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(error) = self.refused.get() else { return Ok(()) };
        let refused =
            Error::new(Exit::Store, "no model was asked: `[quota]` bounds a day, and what was spent is not known");
        Err(refused.cause(error.to_string()).hint(
            "what is spent is noted in the data folder: free it, name another one with PRIORY_DATA_DIR, or leave `[quota]` out",
        ))
    }

    /// Fails where a quota leaves nothing of a day, or what was spent on it is not known.
    pub(crate) async fn has_room(&self, quota: QuotaSpec, day: u32) -> Result<()> {
        if !self.is_bounded {
            return Ok(());
        }
        let Ok(spent) = self.spent_on(day).await else { return self.check() };
        let is_used = |most: Option<u64>, used: u64| most.is_some_and(|most| used >= most);
        if is_used(quota.money_microusd, spent.microusd)
            || is_used(quota.tokens_in, spent.usage.input)
            || is_used(quota.tokens_out, spent.usage.output)
        {
            let error = Error::new(Exit::Limit, "no model was asked: nothing is left of the quota of the day");
            return Err(error.hint(
                "`priory costs` shows what was spent; a day begins at midnight in UTC, and `[quota]` bounds it",
            ));
        }
        Ok(())
    }

    async fn open(&self) -> std::result::Result<SqliteJournal, JournalError> {
        let folder = self.folder.clone();
        let opened = tokio::task::spawn_blocking(move || SqliteJournal::open(&folder)).await;
        opened.map_err(|error| JournalError::Io { path: self.folder.clone(), reason: error.to_string() })?
    }

    async fn held(&self) -> std::result::Result<&SqliteJournal, JournalError> {
        let held = self.held.get_or_try_init(|| self.open()).await;
        // Only the first reason is told.
        held.inspect_err(|error| drop(self.refused.set(error.clone())))
    }

    async fn note_briefly(&self, expense: Expense) {
        let mut was_told = self.brief.lock().await;
        let noted = match self.open().await {
            Ok(journal) => {
                let noted = journal.note(expense).await;
                // To shut it waits for its threads. A task that panicked has shut it too.
                let _ = tokio::task::spawn_blocking(move || drop(journal)).await;
                noted
            }
            Err(error) => Err(error),
        };
        if let Err(error) = noted
            && !std::mem::replace(&mut *was_told, true)
        {
            anstream::eprintln!("what models cost is not noted for `priory costs`: {error}");
        }
    }
}

impl Expenses for Spending {
    fn note(&self, expense: Expense) -> BoxFuture<'_, std::result::Result<(), JournalError>> {
        Box::pin(async move {
            if self.is_bounded {
                return self.held().await?.note(expense).await;
            }
            // Nobody asks what is set aside, so the folder is taken once for each request.
            if expense.is_settled {
                self.note_briefly(expense).await;
            }
            Ok(())
        })
    }

    fn spent_on(&self, day: u32) -> BoxFuture<'_, std::result::Result<ExpenseTotal, JournalError>> {
        Box::pin(async move { self.held().await?.spent_on(day).await })
    }

    fn sum(&self, query: ExpenseQuery) -> BoxFuture<'_, std::result::Result<Vec<ExpenseTotal>, JournalError>> {
        Box::pin(async move { self.held().await?.sum(query).await })
    }
}
