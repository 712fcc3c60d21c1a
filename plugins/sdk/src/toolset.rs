// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools whose names are only known at run time.

use serde_json::Value;

use crate::Failure;
use crate::bindings::priory::agent::types;

/// A plugin whose tools are only known at run time; [`toolset!`](crate::toolset!) exports it.
pub trait Toolset {
    /// Lists the tools, at most 1,024, with no plugin in front of their names.
    fn list_tools() -> Result<Vec<types::Tool>, Failure>;

    /// Calls one of them. The host has validated the arguments.
    fn call_tool(name: &str, arguments: Value) -> Result<Value, Failure>;
}

#[doc(hidden)]
pub fn answer_list<T: Toolset>() -> Result<Vec<types::Tool>, types::Failure> {
    Ok(T::list_tools()?)
}

#[doc(hidden)]
pub fn answer_call<T: Toolset>(name: &str, arguments: &str) -> Result<String, types::Failure> {
    let arguments = serde_json::from_str(arguments).map_err(Failure::from)?;
    Ok(T::call_tool(name, arguments)?.to_string())
}

/// Exports a type that implements [`Toolset`](crate::toolset::Toolset) as the toolset of this component.
#[macro_export]
macro_rules! toolset {
    ($toolset:ty) => {
        struct PrioryToolset;

        impl $crate::bindings::toolset::exports::priory::agent::toolset::Guest for PrioryToolset {
            fn list_tools() -> ::core::result::Result<
                ::std::vec::Vec<$crate::bindings::priory::agent::types::Tool>,
                $crate::bindings::priory::agent::types::Failure,
            > {
                $crate::private::answer_list::<$toolset>()
            }

            fn call_tool(
                name: ::std::string::String,
                arguments: ::std::string::String,
            ) -> ::core::result::Result<::std::string::String, $crate::bindings::priory::agent::types::Failure> {
                $crate::private::answer_call::<$toolset>(&name, &arguments)
            }
        }

        $crate::bindings::toolset::export_toolset!(PrioryToolset with_types_in $crate::bindings::toolset);
    };
}
