// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which artifacts a run may read: those that it was given and those that it made. A digest alone is no right to anything.
//!
//! Their bytes are kept in the journal, pinned by the events that speak of them; those of a run that is kept nowhere are
//! in its memory.

use std::collections::HashMap;
use std::sync::Arc;

use priory_core::artifact::{ARTIFACT_BYTES_MAX, ARTIFACTS_BYTES_MAX, ARTIFACTS_MAX, ArtifactInfo, Content};
use priory_core::{Digest, Failure};

/// How many bytes of artifacts a run has at most that is kept nowhere: they are in memory.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// The artifacts of one run.
#[derive(Debug)]
pub(crate) struct Artifacts {
    /// How long each is; `None` for one that the run was given and has not looked at.
    known: HashMap<Digest, Option<u64>>,
    /// Bytes of all that it made.
    bytes: u64,
    /// Those whose bytes are here.
    held: HashMap<Digest, Arc<[u8]>>,
    held_bytes: u64,
    /// The one that was read last: who reads in parts reads it again.
    last: Option<(Digest, Arc<[u8]>)>,
    most: Most,
}

/// What a run may have.
#[derive(Debug, Clone, Copy)]
struct Most {
    count: usize,
    one: u64,
    bytes: u64,
    held: u64,
}

// === impl Artifacts ===

impl Default for Artifacts {
    fn default() -> Self {
        let most =
            Most { count: ARTIFACTS_MAX, one: ARTIFACT_BYTES_MAX, bytes: ARTIFACTS_BYTES_MAX, held: MEMORY_BYTES_MAX };
        Self { known: HashMap::new(), bytes: 0, held: HashMap::new(), held_bytes: 0, last: None, most }
    }
}

impl Artifacts {
    /// Notes what the run was given.
    pub(crate) fn give(&mut self, digests: impl IntoIterator<Item = Digest>) {
        for digest in digests {
            self.known.entry(digest).or_insert(None);
        }
    }

    /// Notes one that the run made.
    pub(crate) fn add(&mut self, info: ArtifactInfo) {
        match self.known.insert(info.digest, Some(info.byte_len)) {
            Some(Some(_)) => {}
            _ => self.bytes = self.bytes.saturating_add(info.byte_len),
        }
    }

    /// Says why there is no room for one more. `is_held` says that its bytes are to be in memory.
    pub(crate) fn check_room(&self, info: ArtifactInfo, is_held: bool) -> Result<(), Failure> {
        let ArtifactInfo { digest, byte_len } = info;
        let refuse = |subject: &str, reason: String| Err(Failure::invalid(subject, "", reason));
        if byte_len > self.most.one {
            return refuse("artifact", format!("it has {byte_len} bytes, and {} are the most", self.most.one));
        }
        let known = self.known.get(&digest);
        if known.is_none() && self.known.len() >= self.most.count {
            return refuse("artifacts of the run", format!("there are {}, which are the most", self.known.len()));
        }
        let bytes = self.bytes.saturating_add(byte_len);
        if known.is_none_or(Option::is_none) && bytes > self.most.bytes {
            let reason = format!("they would have {bytes} bytes together, and {} are the most", self.most.bytes);
            return refuse("artifacts of the run", reason);
        }
        let held = self.held_bytes.saturating_add(byte_len);
        if is_held && !self.held.contains_key(&digest) && held > self.most.held {
            let reason = format!(
                "they would have {held} bytes together, and {} are the most of a run that is kept nowhere",
                self.most.held
            );
            return refuse("artifacts of the run", reason);
        }
        Ok(())
    }

    /// Holds the bytes of one, unless there is no room.
    pub(crate) fn hold(&mut self, content: &Content) -> Result<(), Failure> {
        self.check_room(content.info(), true)?;
        let ArtifactInfo { digest, byte_len } = content.info();
        if let Some(bytes) = content.bytes()
            && self.held.insert(digest, bytes.clone()).is_none()
        {
            self.held_bytes = self.held_bytes.saturating_add(byte_len);
        }
        Ok(())
    }

    /// Refuses one that is none of the run's business, whether it is anybody's or not.
    pub(crate) fn check_known(&self, digest: Digest) -> Result<Option<u64>, Failure> {
        let absent = || Failure::absent(format!("artifact {digest}"), "this run was not given it, and did not make it");
        self.known.get(&digest).copied().ok_or_else(absent)
    }

    /// Returns the bytes of one, where they are here.
    pub(crate) fn held(&self, digest: Digest) -> Option<Arc<[u8]>> {
        let last = self.last.as_ref().filter(|(last, _)| *last == digest).map(|(_, bytes)| bytes);
        self.held.get(&digest).or(last).cloned()
    }

    /// Notes the bytes of the one that was read last, and how long it is.
    pub(crate) fn remember(&mut self, digest: Digest, bytes: Arc<[u8]>) {
        if let Some(known) = self.known.get_mut(&digest) {
            known.get_or_insert(bytes.len() as u64);
        }
        self.last = Some((digest, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::new(text.as_bytes().to_vec())
    }

    fn reason(result: Result<(), Failure>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn one_step_beyond_each_bound_is_refused() {
        let most = Most { count: 3, one: 4, bytes: 9, held: 7 };
        let mut artifacts = Artifacts { most, ..Artifacts::default() };
        let room = |artifacts: &Artifacts, text: &str, is_held| artifacts.check_room(content(text).info(), is_held);
        assert_eq!(reason(room(&artifacts, "12345", false)), "artifact: it has 5 bytes, and 4 are the most");
        artifacts.add(content("1234").info());
        artifacts.add(content("1234").info());
        artifacts.add(content("123").info());
        assert_eq!(artifacts.bytes, 7);
        assert_eq!(room(&artifacts, "12", false), Ok(()));
        let why = "artifacts of the run: they would have 11 bytes together, and 9 are the most";
        assert_eq!(reason(room(&artifacts, "4321", false)), why);
        assert_eq!(room(&artifacts, "1234", false), Ok(()), "the same again takes no room");
        artifacts.give([Digest::of(b"given")]);
        assert_eq!(reason(room(&artifacts, "1", false)), "artifacts of the run: there are 3, which are the most");

        let mut artifacts = Artifacts { most, ..Artifacts::default() };
        artifacts.hold(&content("1234")).unwrap();
        artifacts.hold(&content("1234")).unwrap();
        let why = "they would have 8 bytes together, and 7 are the most of a run that is kept nowhere";
        assert!(reason(artifacts.hold(&content("4321"))).ends_with(why));
        artifacts.hold(&content("123")).unwrap();
    }

    #[test]
    fn a_digest_is_no_right() {
        let mut artifacts = Artifacts::default();
        let [given, made, other] = ["given", "made", "other"].map(content);
        artifacts.give([given.info().digest]);
        artifacts.add(made.info());
        assert_eq!(artifacts.check_known(given.info().digest), Ok(None));
        assert_eq!(artifacts.check_known(made.info().digest), Ok(Some(4)));
        let failure = artifacts.check_known(other.info().digest).unwrap_err();
        assert!(failure.to_string().contains("this run was not given it, and did not make it"), "{failure}");
    }
}
