// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two-way bridge between WIT values and JSON.
//!
//! One rule a type, the same in both directions and in the schema:
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string` | boolean, string |
//! | `s8` … `u64` | a number without a fraction, exact up to 64 bits |
//! | `f32`, `f64` | a number, or one of the strings `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `char` | a string of one Unicode scalar value |
//! | `list<u8>` | a string of base64 (RFC 4648 section 4, with padding) |
//! | `list<T>`, `tuple` | an array |
//! | `record`, and the parameters of a function | an object; what is an option may be left out |
//! | `variant` | `{"case": payload}`; a case without payload is the string `"case"` |
//! | `result` | the same as a variant with the cases `ok` and `err` |
//! | `enum`, `flags` | a string, an array of different strings |
//! | `option<T>` | the value or `null`; where the value can itself be `null`, `{"some": value}` or `null` |
//!
//! A case without payload is a bare string because that is how people and models write it unasked, and because it makes
//! an enum that grows its first payload stay readable to whoever knew the enum. A function that returns
//! `result<T, E>` gives the JSON of T, or fails with that of E.
//!
//! In reading order: [`reflect`] takes types from a component, [`schema`] tells others about them, [`Codec`] is a type
//! made ready for work, with a file for each direction, and [`compare`] says why two types differ.

pub mod compare;
pub mod reflect;
pub mod schema;

mod decode;
mod encode;
mod names;
mod number;
mod plan;

#[cfg(test)]
mod tests;

pub use decode::{DECODED_BYTES_MAX, DecodeError};
pub use encode::{Answer, EncodeError};
pub use plan::Codec;
