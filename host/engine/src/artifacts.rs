// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which artifacts a run may read: those that it was given and those that it made. A digest alone is no right to anything.
//!
//! Their bytes are kept in the journal, pinned by the events that speak of them; those of a run that is kept nowhere are
//! in its memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use priory_core::artifact::{ARTIFACT_BYTES_MAX, ARTIFACTS_BYTES_MAX, ARTIFACTS_MAX, ArtifactInfo, Content};
use priory_core::{Digest, Failure};

/// How many bytes of artifacts a run has at most that is kept nowhere: they are in memory.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// How many artifacts that were read are held, so that a few can be read in turn.
const RECENT_MAX: usize = 4;
/// How many bytes these have together at most: one of the longest has room.
const RECENT_BYTES_MAX: u64 = ARTIFACT_BYTES_MAX;

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
    /// Those that were read last, the latest at the end: who reads in parts reads them again.
    recent: VecDeque<(Digest, Arc<[u8]>)>,
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
        Self { known: HashMap::new(), bytes: 0, held: HashMap::new(), held_bytes: 0, recent: VecDeque::new(), most }
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
    pub(crate) fn held(&mut self, digest: Digest) -> Option<Arc<[u8]>> {
        if let Some(bytes) = self.held.get(&digest) {
            return Some(bytes.clone());
        }
        let at = self.recent.iter().position(|(recent, _)| *recent == digest)?;
        let (digest, bytes) = self.recent.remove(at)?;
        self.recent.push_back((digest, bytes.clone()));
        Some(bytes)
    }

    /// Notes the bytes of the one that was read last, and how long it is.
    pub(crate) fn remember(&mut self, digest: Digest, bytes: Arc<[u8]>) {
        if let Some(known) = self.known.get_mut(&digest) {
            known.get_or_insert(bytes.len() as u64);
        }
        self.recent.retain(|(recent, _)| *recent != digest);
        self.recent.push_back((digest, bytes));
        while self.recent.len() > RECENT_MAX || (self.recent.len() > 1 && self.recent_bytes() > RECENT_BYTES_MAX) {
            self.recent.pop_front();
        }
    }

    fn recent_bytes(&self) -> u64 {
        self.recent.iter().map(|(_, bytes)| bytes.len() as u64).sum()
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

    #[test]
    fn those_that_were_read_last_are_held() {
        let mut artifacts = Artifacts::default();
        let digest = |number: u64| Digest::of(&number.to_le_bytes());
        let here = |artifacts: &mut Artifacts, most: u64| -> Vec<u64> {
            (0..most).filter(|number| artifacts.held(digest(*number)).is_some()).collect()
        };
        (0..4).for_each(|number| artifacts.remember(digest(number), Arc::from([1])));
        assert_eq!(here(&mut artifacts, 5), [0, 1, 2, 3]);
        artifacts.held(digest(0));
        artifacts.remember(digest(4), Arc::from([1]));
        assert_eq!(here(&mut artifacts, 5), [0, 2, 3, 4], "the one that nobody read for the longest time is gone");
        let longest: Arc<[u8]> = Arc::from(vec![0; usize::try_from(ARTIFACT_BYTES_MAX).unwrap()]);
        artifacts.remember(digest(5), longest.clone());
        assert_eq!(here(&mut artifacts, 6), [5], "one of the longest has room, and nothing beside it");
        artifacts.remember(digest(6), Arc::from([1]));
        assert_eq!(here(&mut artifacts, 7), [6]);
    }
}
