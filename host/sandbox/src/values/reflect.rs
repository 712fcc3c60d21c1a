// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the types of a component's functions out of wasmtime, as plain data.

use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

use priory_core::value_type::{FunctionType, TYPE_DEPTH_MAX, ValueType};

/// How many types, cases and names one function may be made of.
///
/// Types refer to each other, so a small component can describe a type that is huge once it is written out.
pub const TYPE_NODES_MAX: usize = 4_096;

/// Why a type cannot be carried as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The type is bound to one sandbox, or is not known here.
    #[error("{path} is {what}, which cannot be a JSON value; use values only")]
    Unsupported {
        /// Where: the parameter or `result`, then fields and cases, with dots between.
        path: String,
        /// What is there.
        what: &'static str,
    },
    /// The type is nested too deep.
    #[error("the type of {path} is nested more than {TYPE_DEPTH_MAX} levels deep; make it flatter")]
    Depth {
        /// Where the limit was reached.
        path: String,
    },
    /// The type is too large.
    #[error("the types of the function have more than {TYPE_NODES_MAX} parts, counted up to {path}; make them smaller")]
    Size {
        /// Where the limit was reached.
        path: String,
    },
}

/// Returns the type of a function.
pub fn function(func: &ComponentFunc) -> Result<FunctionType, Error> {
    if func.async_() {
        return Err(Error::Unsupported { path: "the function".to_owned(), what: "asynchronous" });
    }
    let mut walk = Walk::default();
    let mut params = Vec::with_capacity(func.params().len());
    for (name, ty) in func.params() {
        params.push((name.to_owned(), walk.at(name, |walk| walk.value(&ty))?));
    }
    let mut results = func.results();
    let result = results.next().map(|ty| walk.at("result", |walk| walk.value(&ty))).transpose()?;
    if results.next().is_some() {
        return Err(Error::Unsupported { path: "result".to_owned(), what: "more than one value" });
    }
    Ok(FunctionType { params, result })
}

/// Returns a type that stands alone; `path` is how errors call it.
pub fn value(path: &str, ty: &Type) -> Result<ValueType, Error> {
    Walk::default().at(path, |walk| walk.value(ty))
}

/// Walks through a type and knows where it is.
#[derive(Default)]
struct Walk {
    path: Vec<String>,
    depth: usize,
    nodes: usize,
}

// === impl Walk ===

impl Walk {
    fn at<T>(&mut self, name: &str, go: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.path.push(name.to_owned());
        let found = go(self)?;
        self.path.pop();
        Ok(found)
    }

    fn here(&self) -> String {
        self.path.join(".")
    }

    fn count(&mut self, parts: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(parts);
        if self.nodes > TYPE_NODES_MAX { Err(Error::Size { path: self.here() }) } else { Ok(()) }
    }

    fn value(&mut self, ty: &Type) -> Result<ValueType, Error> {
        self.count(1)?;
        self.depth += 1;
        if self.depth > TYPE_DEPTH_MAX {
            return Err(Error::Depth { path: self.here() });
        }
        let found = self.shape(ty)?;
        self.depth -= 1;
        Ok(found)
    }

    fn boxed(&mut self, name: &str, ty: &Type) -> Result<Box<ValueType>, Error> {
        self.at(name, |walk| walk.value(ty)).map(Box::new)
    }

    fn shape(&mut self, ty: &Type) -> Result<ValueType, Error> {
        Ok(match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(list) => ValueType::List(self.boxed("element", &list.ty())?),
            Type::Record(record) => {
                let mut fields = Vec::new();
                for field in record.fields() {
                    fields.push((field.name.to_owned(), self.at(field.name, |walk| walk.value(&field.ty))?));
                }
                ValueType::Record(fields)
            }
            Type::Tuple(tuple) => {
                let mut parts = Vec::new();
                for (index, part) in tuple.types().enumerate() {
                    parts.push(self.at(&index.to_string(), |walk| walk.value(&part))?);
                }
                ValueType::Tuple(parts)
            }
            Type::Variant(variant) => {
                let mut cases = Vec::new();
                for case in variant.cases() {
                    self.count(1)?;
                    let payload = case.ty.map(|ty| self.at(case.name, |walk| walk.value(&ty))).transpose()?;
                    cases.push((case.name.to_owned(), payload));
                }
                ValueType::Variant(cases)
            }
            Type::Enum(names) => ValueType::Enum(self.names(names.names())?),
            Type::Flags(names) => ValueType::Flags(self.names(names.names())?),
            Type::Option(option) => ValueType::Option(self.boxed("some", &option.ty())?),
            Type::Result(result) => ValueType::Result(
                result.ok().map(|ty| self.boxed("ok", &ty)).transpose()?,
                result.err().map(|ty| self.boxed("err", &ty)).transpose()?,
            ),
            Type::Own(_) => return Err(self.unsupported("a resource")),
            Type::Borrow(_) => return Err(self.unsupported("a borrowed resource")),
            Type::Stream(_) => return Err(self.unsupported("a stream")),
            Type::Future(_) => return Err(self.unsupported("a future")),
            Type::ErrorContext => return Err(self.unsupported("an error-context")),
            Type::Map(_) => return Err(self.unsupported("a map")),
            Type::FixedLengthList(_) => return Err(self.unsupported("a list of fixed length")),
        })
    }

    fn names<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a str>) -> Result<Vec<String>, Error> {
        self.count(names.len())?;
        Ok(names.map(str::to_owned).collect())
    }

    fn unsupported(&self, what: &'static str) -> Error {
        Error::Unsupported { path: self.here(), what }
    }
}
