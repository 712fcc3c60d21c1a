// SPDX-License-Identifier: MIT OR Apache-2.0
//! An answer while it is read: what was said so far, in order.
//!
//! What a format says goes in piece by piece, and each piece is told to whoever listens. A call of a tool is told when it is
//! whole: then it has its name, its id and its arguments.

use priory_core::model::{ANSWER_BYTES_MAX, CALLS_MAX, CalledTool, Delta, PARTS_MAX, Part, Reasoning};

use super::arguments;
use super::names::Names;
use super::{WireError, marked};

/// Listens to an answer, or does not.
pub(crate) struct Ear<'a>(Option<&'a mut (dyn FnMut(Delta) + Send)>);

/// An answer so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pieces: Vec<Piece>,
    /// Whether the last piece takes no more.
    is_sealed: bool,
    bytes: u64,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Reasoning(Reasoning),
    Open(OpenCall),
    Called(CalledTool),
}

/// A call that is not whole yet.
#[derive(Debug, Default)]
struct OpenCall {
    key: u64,
    id: String,
    name: String,
    arguments: String,
    opaque: Option<String>,
}

// === impl Ear ===

impl<'a> Ear<'a> {
    /// Listens.
    pub(crate) fn new(hear: &'a mut (dyn FnMut(Delta) + Send)) -> Self {
        Self(Some(hear))
    }

    /// Does not listen.
    pub(crate) fn deaf() -> Self {
        Self(None)
    }

    /// Tells an answer that was whole when it came.
    pub(crate) fn tell_parts(&mut self, parts: &[Part]) {
        let Some(hear) = &mut self.0 else { return };
        for part in parts {
            match part {
                Part::Text(text) => hear(Delta::Text(text.clone())),
                Part::Reasoning(reasoning) if !reasoning.text.is_empty() => {
                    hear(Delta::Reasoning(reasoning.text.clone()));
                }
                Part::ToolCall(call) => hear(Delta::ToolCall(call.clone())),
                Part::Reasoning(_) | Part::Image(_) | Part::File(_) | Part::ToolResult(_) => {}
            }
        }
    }

    fn tell(&mut self, delta: impl FnOnce() -> Delta) {
        if let Some(hear) = &mut self.0 {
            hear(delta());
        }
    }
}

// === impl Draft ===

impl Draft {
    /// Adds words.
    pub(crate) fn text(&mut self, text: &str, ear: &mut Ear<'_>) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        self.weigh(text.len())?;
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) if !self.is_sealed => last.push_str(text),
            _ => self.begin(Piece::Text(text.to_owned()))?,
        }
        ear.tell(|| Delta::Text(text.to_owned()));
        Ok(())
    }

    /// Adds reasoning.
    pub(crate) fn reasoning(&mut self, text: &str, ear: &mut Ear<'_>) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        self.weigh(text.len())?;
        match self.pieces.last_mut() {
            Some(Piece::Reasoning(last)) if !self.is_sealed => last.text.push_str(text),
            _ => self.begin(Piece::Reasoning(Reasoning { text: text.to_owned(), opaque: None }))?,
        }
        ear.tell(|| Delta::Reasoning(text.to_owned()));
        Ok(())
    }

    /// Adds what the provider wants to see again with its last reasoning, or instead of any. More of it is put behind.
    pub(crate) fn reasoning_opaque(&mut self, format: &str, opaque: &str) -> Result<(), WireError> {
        self.weigh(opaque.len())?;
        match self.pieces.last_mut() {
            Some(Piece::Reasoning(last)) if !self.is_sealed => match &mut last.opaque {
                Some(before) => before.push_str(opaque),
                None => last.opaque = Some(marked(format, opaque)),
            },
            _ => {
                self.begin(Piece::Reasoning(Reasoning { text: String::new(), opaque: Some(marked(format, opaque)) }))?
            }
        }
        Ok(())
    }

    /// Ends the last words or reasoning: what comes next is a part of its own.
    pub(crate) fn seal(&mut self) {
        self.is_sealed = true;
    }

    /// Begins a call, or adds to one that is not whole yet. `key` is how the format tells its calls apart. Names and ids
    /// come whole; where they come again, the first counts.
    pub(crate) fn call(&mut self, key: u64, id: &str, name: &str, arguments: &str) -> Result<(), WireError> {
        self.weigh(id.len() + name.len() + arguments.len())?;
        if self.open(key).is_none() {
            let calls = self.calls();
            if calls >= CALLS_MAX {
                return Err(WireError::TooLarge { what: "calls of tools", most: CALLS_MAX as u64 });
            }
            self.begin(Piece::Open(OpenCall { key, ..OpenCall::default() }))?;
        }
        let Some(call) = self.open(key) else { return Ok(()) };
        for (known, given) in [(&mut call.id, id), (&mut call.name, name)] {
            if known.is_empty() {
                known.push_str(given);
            }
        }
        call.arguments.push_str(arguments);
        Ok(())
    }

    /// Adds what the provider wants to see again with a call that is not whole yet.
    pub(crate) fn call_opaque(&mut self, key: u64, format: &str, opaque: &str) -> Result<(), WireError> {
        self.weigh(opaque.len())?;
        if let Some(call) = self.open(key) {
            call.opaque = Some(marked(format, opaque));
        }
        Ok(())
    }

    /// Replaces the arguments of a call that is not whole yet, for formats that say them once more at the end.
    pub(crate) fn call_arguments(&mut self, key: u64, arguments: &str) -> Result<(), WireError> {
        self.weigh(arguments.len())?;
        if let Some(call) = self.open(key) {
            arguments.clone_into(&mut call.arguments);
        }
        Ok(())
    }

    /// Tells whether a call was begun and is not whole yet.
    pub(crate) fn is_open(&self, key: u64) -> bool {
        self.pieces.iter().rev().any(|piece| matches!(piece, Piece::Open(call) if call.key == key))
    }

    /// Says that a call is whole.
    pub(crate) fn close(&mut self, key: u64, names: &Names<'_>, ear: &mut Ear<'_>) {
        let at = self.pieces.iter().position(|piece| matches!(piece, Piece::Open(call) if call.key == key));
        if let Some(at) = at {
            self.close_at(at, false, names, ear);
        }
    }

    /// Returns how many calls there are.
    pub(crate) fn calls(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Open(_) | Piece::Called(_))).count()
    }

    /// Tells whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Takes the parts, when the answer is whole. Calls that nobody closed are whole too, unless the answer was cut because
    /// it came to its length.
    pub(crate) fn finish(mut self, is_cut: bool, names: &Names<'_>, ear: &mut Ear<'_>) -> Vec<Part> {
        for at in 0..self.pieces.len() {
            self.close_at(at, is_cut, names, ear);
        }
        let parts = self.pieces.into_iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(Part::Text(text)),
            Piece::Reasoning(reasoning) => Some(Part::Reasoning(reasoning)),
            Piece::Called(call) => Some(Part::ToolCall(call)),
            Piece::Open(_) => None,
        });
        parts.collect()
    }

    /// Returns the texts that the model wrote so far.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().flat_map(|piece| match piece {
            Piece::Text(text) => [text.as_str(), ""],
            Piece::Reasoning(reasoning) => [reasoning.text.as_str(), ""],
            Piece::Open(call) => [call.name.as_str(), call.arguments.as_str()],
            Piece::Called(call) => [call.name.as_str(), call.arguments.as_str()],
        })
    }

    fn close_at(&mut self, at: usize, is_cut: bool, names: &Names<'_>, ear: &mut Ear<'_>) {
        let position = self.pieces.iter().take(at).filter(|p| matches!(p, Piece::Open(_) | Piece::Called(_))).count();
        let Some(Piece::Open(open)) = self.pieces.get_mut(at) else { return };
        let OpenCall { id, name, arguments, opaque, .. } = std::mem::take(open);
        let taken = |id: &str| self.pieces.iter().any(|piece| matches!(piece, Piece::Called(call) if call.id == id));
        let id = names.id(&id, position, taken);
        let (arguments, mut problem) = arguments::read(&arguments, is_cut);
        let name = names.heard(&name);
        if name.is_empty() {
            problem = Some("the call names no tool".to_owned());
        }
        let call = CalledTool { id, name, arguments, problem, opaque };
        ear.tell(|| Delta::ToolCall(call.clone()));
        if let Some(piece) = self.pieces.get_mut(at) {
            *piece = Piece::Called(call);
        }
    }

    fn open(&mut self, key: u64) -> Option<&mut OpenCall> {
        self.pieces.iter_mut().rev().find_map(|piece| match piece {
            Piece::Open(call) if call.key == key => Some(call),
            _ => None,
        })
    }

    fn begin(&mut self, piece: Piece) -> Result<(), WireError> {
        if self.pieces.len() >= PARTS_MAX {
            return Err(WireError::TooLarge { what: "parts", most: PARTS_MAX as u64 });
        }
        self.pieces.push(piece);
        self.is_sealed = false;
        Ok(())
    }

    fn weigh(&mut self, bytes: usize) -> Result<(), WireError> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        match self.bytes > ANSWER_BYTES_MAX {
            true => Err(WireError::TooLarge { what: "bytes", most: ANSWER_BYTES_MAX }),
            false => Ok(()),
        }
    }
}
