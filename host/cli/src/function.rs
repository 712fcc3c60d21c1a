// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the function that a user means by the shortest name that is clear.

use priory::core::PluginInfo;
use priory::core::program::FunctionInfo;

use crate::ui::error::{Error, Result};
use crate::ui::text::nearest;

/// How many names an error lists.
const LISTED_MAX: usize = 20;

/// Returns the tool's name inside its plugin: `function`, or `interface.function` where the short one is not clear.
///
/// What is meant may be written as `function`, `interface.function`, with the name of the plugin in front, or as the
/// whole `package:name/interface@version#function`. A toolset knows its tools only when it runs, so any name is taken.
pub(crate) fn resolve(info: &PluginInfo, text: &str) -> Result<String> {
    let meant = |text| info.functions.iter().filter(|function| is_meant(function, text)).collect::<Vec<_>>();
    let bare = text.strip_prefix(&format!("{}.", info.name)).unwrap_or(text);
    let found = Some(meant(text)).filter(|found| !found.is_empty()).unwrap_or_else(|| meant(bare));
    let text = bare;
    match found.as_slice() {
        [function] => Ok(name_of(info, function)),
        [] if info.is_toolset => Ok(text.to_owned()),
        [] => Err(unknown(info, text)),
        several => {
            let names: Vec<_> = several.iter().map(|function| function.qualified_name()).collect();
            Err(Error::not_found(format!("`{text}` is the name of {} functions", names.len()))
                .hint(format!("did you mean {}?", names.join(" or "))))
        }
    }
}

/// Finds the function itself.
pub(crate) fn find<'a>(info: &'a PluginInfo, text: &str) -> Result<&'a FunctionInfo> {
    let name = resolve(info, text)?;
    let found = info.functions.iter().find(|function| name_of(info, function) == name);
    found.ok_or_else(|| Error::not_found(format!("{} has no typed function `{text}`", info.name)))
}

fn is_meant(function: &FunctionInfo, text: &str) -> bool {
    function.name == text
        || function.qualified_name() == text
        || text.strip_suffix(&function.name).is_some_and(|rest| rest.strip_suffix('#') == Some(&function.interface))
}

fn name_of(info: &PluginInfo, function: &FunctionInfo) -> String {
    let same = info.functions.iter().filter(|other| other.name == function.name).count();
    if same == 1 { function.name.clone() } else { function.qualified_name() }
}

fn unknown(info: &PluginInfo, text: &str) -> Error {
    if let Some(refused) = info.refused.iter().find(|refused| refused.name.ends_with(text)) {
        return Error::not_found(format!("{} cannot be called as a tool: {}", refused.name, refused.reason));
    }
    let error = Error::not_found(format!("{} has no function `{text}`", info.name));
    let names: Vec<_> = info.functions.iter().map(|function| name_of(info, function)).collect();
    let candidates = names.iter().map(String::as_str).chain(info.functions.iter().map(|f| f.name.as_str()));
    if let Some(name) = nearest(text, candidates) {
        return error.hint(format!("did you mean `{name}`?"));
    }
    let rest = names.len().saturating_sub(LISTED_MAX);
    let listed = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (names.is_empty(), rest) {
        (true, _) if info.is_agent => {
            error.hint(format!("it is an agent; `priory run` gives it a task ({})", info.name))
        }
        (true, _) => error,
        (false, 0) => error.hint(format!("its functions are {listed}")),
        (false, rest) => error.hint(format!("its functions are {listed} and {rest} more")),
    }
}

/// Makes a name for the plugin in a file: its stem in the letters that names have.
pub(crate) fn name_of_file(path: &std::path::Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let kept = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = stem.chars().map(kept).take(64).collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return name.to_owned();
    }
    // A name begins with a letter.
    format!("plugin-{}", name.chars().take(48).collect::<String>()).trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use priory::core::program::RefusedFunction;
    use priory::core::value_type::FunctionType;
    use priory::core::{Digest, Json};

    use super::*;

    fn info() -> PluginInfo {
        let function = |interface: &str, name: &str| FunctionInfo {
            interface: interface.into(),
            name: name.into(),
            description: String::new(),
            ty: FunctionType { params: Vec::new(), result: None },
            input_schema: Json::null(),
            output_schema: None,
        };
        PluginInfo {
            name: Arc::from("text"),
            digest: Digest::of(b""),
            byte_len: 0,
            is_agent: false,
            is_workflow: false,
            is_toolset: false,
            functions: vec![
                function("priory:text/text@0.1.0", "summarise"),
                function("priory:text/text@0.1.0", "count"),
                function("priory:text/bytes@0.1.0", "count"),
                function("", "version"),
            ],
            refused: vec![RefusedFunction {
                name: "priory:text/text.open".into(),
                reason: "it takes a resource".into(),
            }],
            imports: Vec::new(),
            ceiling: None,
        }
    }

    fn check(text: &str, expect: &str) {
        let shown = match resolve(&info(), text) {
            Ok(name) => name,
            Err(error) => anstream::adapter::strip_str(&error.render()).to_string(),
        };
        assert_eq!(shown.trim_end(), expect, "{text}");
    }

    #[test]
    fn the_shortest_clear_name_is_enough() {
        check("summarise", "summarise");
        check("text.summarise", "summarise");
        check("text.text.summarise", "summarise");
        check("priory:text/text@0.1.0#summarise", "summarise");
        check("version", "version");
        check("bytes.count", "bytes.count");
        check("text.text.count", "text.count");
        check("text.count", "text.count");
    }

    #[test]
    fn what_is_unclear_or_unknown_is_answered_with_names() {
        let unclear = "error: `count` is the name of 2 functions\nhint: did you mean text.count or bytes.count?";
        check("count", unclear);
        check("summarize", "error: text has no function `summarize`\nhint: did you mean `summarise`?");
        let all = "its functions are `summarise`, `text.count`, `bytes.count`, `version`";
        check("translate", &format!("error: text has no function `translate`\nhint: {all}"));
        check("open", "error: priory:text/text.open cannot be called as a tool: it takes a resource");
    }

    #[test]
    fn a_toolset_may_have_any_tool() {
        let toolset = PluginInfo { is_toolset: true, ..info() };
        assert_eq!(resolve(&toolset, "translate").unwrap(), "translate");
    }

    #[test]
    fn names_of_files_become_names_of_plugins() {
        for (path, name) in [
            ("a/text.wasm", "text"),
            ("My_Tool-2.wasm", "my-tool-2"),
            ("9lives.wasm", "plugin-9lives"),
            ("-.wasm", "plugin"),
            ("é.wasm", "plugin"),
        ] {
            assert_eq!(name_of_file(Path::new(path)), name, "{path}");
        }
    }
}
