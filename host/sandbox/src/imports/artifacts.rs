// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/artifacts`.

use priory_bindings::wit::priory::agent::artifacts::Artifact;
use priory_bindings::wit::types;
use priory_core::artifact::{ArtifactOp, Content};
use priory_core::{Digest, Effect, Failure, Outcome, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, check_name, perform, unexpected};
use crate::state::Guest;

pub(super) fn add(artifacts: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    artifacts.func_wrap_async("put", |store, (content,)| put(store, content))?;
    artifacts.func_wrap_async("read", |store, (digest, offset, length)| read(store, digest, offset, length))?;
    artifacts.func_wrap_async("stat", |store, (digest,)| stat(store, digest))
}

fn put(store: StoreContextMut<'_, Guest>, content: Vec<u8>) -> HostFuture<'_, Result<Artifact, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        let effect = Effect::Artifact(ArtifactOp::Put { content: Content::new(content) });
        Ok((artifact(perform(asked, Ok(effect)).await),))
    })
}

fn read(
    store: StoreContextMut<'_, Guest>,
    digest: String,
    offset: u64,
    length: u64,
) -> HostFuture<'_, Result<Vec<u8>, types::Failure>> {
    let asked = asked(&store);
    let effect = parsed(&digest).map(|digest| Effect::Artifact(ArtifactOp::Read { digest, offset, length }));
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::ArtifactPart(part)) => Ok(part.bytes.to_vec()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn stat(store: StoreContextMut<'_, Guest>, digest: String) -> HostFuture<'_, Result<Artifact, types::Failure>> {
    let asked = asked(&store);
    let effect = parsed(&digest).map(|digest| Effect::Artifact(ArtifactOp::Stat { digest }));
    Box::new(async move { Ok((artifact(perform(asked, effect).await),)) })
}

fn parsed(digest: &str) -> Result<Digest, Failure> {
    check_name(digest, "digest of an artifact")?;
    digest
        .parse()
        .map_err(|error: priory_core::id::IdError| Failure::invalid("digest of an artifact", "", error.to_string()))
}

fn artifact(outcome: Outcome) -> Result<Artifact, types::Failure> {
    match outcome {
        Ok(Value::Artifact(info)) => Ok(Artifact { digest: info.digest.to_string(), bytes: info.byte_len }),
        Ok(_) => unexpected(),
        Err(failure) => Err(failure.into()),
    }
}
