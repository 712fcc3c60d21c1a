// SPDX-License-Identifier: MIT OR Apache-2.0
//! A function's type made ready for work, once at load, so that a call builds nothing.

use priory_core::value_type::{FunctionType, ValueType};

use crate::values::names::Names;
use crate::values::number::Integer;

/// Translates the arguments and results of one function, in both directions.
///
/// What [`schema`](crate::values::schema) says of the function is what this accepts, and what this writes.
#[derive(Debug)]
pub struct Codec {
    pub(super) params: Fields,
    pub(super) result: ResultPlan,
}

/// How the result of a function is carried.
#[derive(Debug)]
pub(super) enum ResultPlan {
    /// It returns nothing, which is `null`.
    Nothing,
    /// It returns a value.
    Plain(Plan),
    /// It returns `result<T, E>`: the T or the E alone; what is not there is `null`.
    Split { ok: Option<Plan>, err: Option<Plan> },
}

/// How one type is carried.
#[derive(Debug)]
pub(super) enum Plan {
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`
    Bytes,
    List(Box<Plan>),
    Record(Fields),
    Tuple(Box<[Plan]>),
    Variant(Cases),
    Result(Cases),
    Enum(Names),
    Flags(Names),
    /// An option whose value is never `null`.
    Option(Box<Plan>),
    /// An option whose value can be `null`.
    Wrapped(Box<Plan>),
}

/// The fields of a record, or the parameters of a function.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) names: Names,
    pub(super) plans: Box<[Plan]>,
}

/// The cases of a variant, or of a result.
#[derive(Debug)]
pub(super) struct Cases {
    pub(super) names: Names,
    pub(super) payloads: Box<[Option<Plan>]>,
}

// === impl Codec ===

impl Codec {
    /// Makes a function's type ready.
    pub fn new(ty: &FunctionType) -> Self {
        let result = match &ty.result {
            None => ResultPlan::Nothing,
            Some(ValueType::Result(ok, err)) => {
                ResultPlan::Split { ok: ok.as_deref().map(Plan::new), err: err.as_deref().map(Plan::new) }
            }
            Some(ty) => ResultPlan::Plain(Plan::new(ty)),
        };
        Self { params: Fields::new(&ty.params), result }
    }
}

// === impl Plan ===

impl Plan {
    fn new(ty: &ValueType) -> Self {
        match ty {
            ValueType::Bool => Self::Bool,
            ValueType::S8 => Self::Integer(Integer::S8),
            ValueType::U8 => Self::Integer(Integer::U8),
            ValueType::S16 => Self::Integer(Integer::S16),
            ValueType::U16 => Self::Integer(Integer::U16),
            ValueType::S32 => Self::Integer(Integer::S32),
            ValueType::U32 => Self::Integer(Integer::U32),
            ValueType::S64 => Self::Integer(Integer::S64),
            ValueType::U64 => Self::Integer(Integer::U64),
            ValueType::F32 => Self::F32,
            ValueType::F64 => Self::F64,
            ValueType::Char => Self::Char,
            ValueType::String => Self::String,
            ValueType::List(inner) if **inner == ValueType::U8 => Self::Bytes,
            ValueType::List(inner) => Self::List(Box::new(Self::new(inner))),
            ValueType::Record(fields) => Self::Record(Fields::new(fields)),
            ValueType::Tuple(parts) => Self::Tuple(parts.iter().map(Self::new).collect()),
            ValueType::Variant(cases) => Self::Variant(Cases {
                names: Names::new(cases.iter().map(|(name, _)| name.as_str())),
                payloads: cases.iter().map(|(_, payload)| payload.as_ref().map(Self::new)).collect(),
            }),
            ValueType::Result(ok, err) => Self::Result(Cases {
                names: Names::new(["ok", "err"].into_iter()),
                payloads: [ok, err].into_iter().map(|payload| payload.as_deref().map(Self::new)).collect(),
            }),
            ValueType::Enum(names) => Self::Enum(Names::new(names.iter().map(String::as_str))),
            ValueType::Flags(names) => Self::Flags(Names::new(names.iter().map(String::as_str))),
            ValueType::Option(inner) if is_nullable(inner) => Self::Wrapped(Box::new(Self::new(inner))),
            ValueType::Option(inner) => Self::Option(Box::new(Self::new(inner))),
        }
    }

    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::Option(_) | Self::Wrapped(_))
    }

    /// Says in words what is wanted where a value of this type stands.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer(integer) => format!("a whole number ({})", integer.facts().0),
            Self::F32 => "a number (f32)".to_owned(),
            Self::F64 => "a number (f64)".to_owned(),
            Self::Char => "a string of one character".to_owned(),
            Self::String => "a string".to_owned(),
            Self::Bytes => "a string of base64".to_owned(),
            Self::List(_) => "an array".to_owned(),
            Self::Record(fields) => format!("an object with {}", fields.names.listed()),
            Self::Tuple(parts) => format!("an array of {} elements", parts.len()),
            Self::Variant(cases) | Self::Result(cases) => format!("one case of {}", cases.names.listed()),
            Self::Enum(names) => format!("one of {}", names.listed()),
            Self::Flags(names) => format!("an array of some of {}", names.listed()),
            Self::Option(inner) => format!("{} or null", inner.wanted()),
            Self::Wrapped(inner) => format!("{{\"some\": …}} with {}, or null", inner.wanted()),
        }
    }
}

/// Tells whether the JSON of a type can be `null`.
pub(super) fn is_nullable(ty: &ValueType) -> bool {
    matches!(ty, ValueType::Option(_))
}

// === impl Fields ===

impl Fields {
    fn new(fields: &[(String, ValueType)]) -> Self {
        Self {
            names: Names::new(fields.iter().map(|(name, _)| name.as_str())),
            plans: fields.iter().map(|(_, ty)| Plan::new(ty)).collect(),
        }
    }
}
