// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host is given for agents that think: models, memory, and what they may cost. All of it may be left out.

use std::sync::Arc;

use priory_core::amounts::QuotaSpec;
use priory_core::model::ModelsSpec;
use priory_core::ports::{Answers, Clock, Expenses, Ids, Memory, Models, Recorder};
use priory_engine::Quota;
use priory_models::Gateway;

use crate::builder::Builder;
use crate::error::Error;
use crate::host::Host;

/// What a host is given for agents that think.
#[derive(Default, Clone)]
pub(crate) struct Thinking {
    pub(crate) spec: ModelsSpec,
    /// Who answers, instead of the providers.
    pub(crate) models: Option<Arc<dyn Models>>,
    pub(crate) memory: Option<Arc<dyn Memory>>,
    pub(crate) memory_embeds: bool,
    pub(crate) expenses: Option<Arc<dyn Expenses>>,
    pub(crate) answers: Option<Arc<dyn Answers>>,
    pub(crate) quota: QuotaSpec,
    /// The quota of another host, which holds for both.
    pub(crate) shared: Option<Arc<Quota>>,
}

impl Thinking {
    /// Returns who answers for models: nobody, where none are configured.
    pub(crate) fn models(&self, clock: &Arc<dyn Clock>, ids: &Arc<dyn Ids>) -> Result<Option<Arc<dyn Models>>, Error> {
        match &self.models {
            Some(models) => Ok(Some(models.clone())),
            None if self.spec.models.is_empty() => Ok(None),
            None => Ok(Some(Arc::new(Gateway::new(self.spec.clone(), clock.clone(), ids.seed())?))),
        }
    }

    /// Returns what all runs may spend in a day.
    pub(crate) fn quota(&self) -> Arc<Quota> {
        self.shared.clone().unwrap_or_else(|| Arc::new(Quota::new(self.quota)))
    }
}

// === impl Builder ===

impl Builder {
    /// Configures models and who provides them. A key is read when a request needs it, and kept nowhere.
    pub fn models(mut self, models: ModelsSpec) -> Self {
        self.thinking.spec = models;
        self
    }

    /// Has somebody else answer for the models, such as a recorded run; nobody is asked then.
    pub fn model_port(mut self, models: Arc<dyn Models>) -> Self {
        self.thinking.models = Some(models);
        self
    }

    /// Sets what is remembered beyond runs; without it, nothing is.
    pub fn memory(mut self, memory: Arc<dyn Memory>) -> Self {
        self.thinking.memory = Some(memory);
        self
    }

    /// Finds what is remembered by its meaning too, with vectors of the embedding model that is configured.
    pub fn memory_embeds(mut self, embeds: bool) -> Self {
        self.thinking.memory_embeds = embeds;
        self
    }

    /// Notes what is spent on models beyond runs, so that a day has a bound and `priory costs` can sum it.
    pub fn expenses(mut self, expenses: Arc<dyn Expenses>) -> Self {
        self.thinking.expenses = Some(expenses);
        self
    }

    /// Keeps answers of models that have a cache, so that the same request need not be paid again.
    pub fn answers(mut self, answers: Arc<dyn Answers>) -> Self {
        self.thinking.answers = Some(answers);
        self
    }

    /// Bounds what all runs may spend on models in one day, which is a day in UTC.
    pub fn quota(mut self, quota: QuotaSpec) -> Self {
        self.thinking.quota = quota;
        self
    }

    /// Shares the quota of the day with another host, whatever is configured here: both keep their runs in one place.
    pub fn quota_of(mut self, host: &Host) -> Self {
        self.thinking.shared = Some(host.quota().clone());
        self
    }

    /// Tells somebody what happens in every run, besides whoever a run tells itself. It must not block.
    pub fn observer(mut self, observer: Arc<dyn Recorder>) -> Self {
        self.observer = Some(observer);
        self
    }
}
