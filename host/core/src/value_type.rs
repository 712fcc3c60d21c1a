// SPDX-License-Identifier: MIT OR Apache-2.0
//! The types of WIT as plain data, without a runtime behind them.

use serde::{Deserialize, Serialize};

/// How deep a type may be nested. A component whose types go deeper is refused at load.
pub const TYPE_DEPTH_MAX: usize = 64;

/// One WIT value type. Two types are equal when values of one can be passed as the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`; `list<u8>` is bytes.
    List(Box<ValueType>),
    /// `record`: fields in order.
    Record(Vec<(String, ValueType)>),
    /// `tuple`
    Tuple(Vec<ValueType>),
    /// `variant`: cases in order, each with its payload.
    Variant(Vec<(String, Option<ValueType>)>),
    /// `enum`
    Enum(Vec<String>),
    /// `flags`
    Flags(Vec<String>),
    /// `option<T>`
    Option(Box<ValueType>),
    /// `result<T, E>`
    Result(Option<Box<ValueType>>, Option<Box<ValueType>>),
}

/// The type of one exported or imported function that deals in values only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionType {
    /// Parameters in order.
    pub params: Vec<(String, ValueType)>,
    /// What it returns; `None` for nothing.
    pub result: Option<ValueType>,
}
