// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator configured: texts by key, which the manifest gives an agent under `config`, and the files of its
//! folder of prompts. The ceiling of an agent that reads them has `config=*`.

use std::str::FromStr;

use crate::Failure;

/// Reads a value; `None` where nothing is configured. Outside a sandbox, as in unit tests, nothing is.
pub fn get(key: &str) -> Result<Option<String>, Failure> {
    if cfg!(target_arch = "wasm32") {
        use crate::configuration::wasi::config::store;
        store::get(key).map_err(|error| Failure::other(format!("the configuration cannot be read: {error:?}")))
    } else {
        Ok(None)
    }
}

/// Reads a prompt: the key `prompt.NAME` where the operator configured one, else the default.
pub fn prompt(name: &str, default: &str) -> Result<String, Failure> {
    Ok(get(&format!("prompt.{name}"))?.unwrap_or_else(|| default.to_owned()))
}

/// Reads the value of a key into what it stands for, such as a number; the default where nothing is configured.
pub fn parsed<T: FromStr>(key: &str, text: Option<String>, default: T) -> Result<T, Failure> {
    let Some(text) = text else { return Ok(default) };
    text.trim().parse().map_err(|_| {
        let reason = format!("`{}` cannot be read", text.chars().take(80).collect::<String>());
        Failure::invalid(format!("configuration key {key}"), "", reason)
    })
}

/// Reads a list of words with commas between them; `None` where nothing is configured.
pub fn words(text: Option<String>) -> Option<Vec<String>> {
    let text = text?;
    Some(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_named() {
        assert_eq!(parsed("turns-max", Some(" 7 ".into()), 3_u32).unwrap(), 7);
        assert_eq!(parsed("turns-max", None, 3_u32).unwrap(), 3);
        let failure = parsed("turns-max", Some("many".into()), 3_u32).unwrap_err();
        assert_eq!(failure.to_string(), "configuration key turns-max is invalid: `many` cannot be read");
        assert_eq!(words(Some("files.*, ,text.rank".into())).unwrap(), ["files.*", "text.rank"]);
        assert_eq!(words(None), None);
        assert_eq!(prompt("system", "be brief").unwrap(), "be brief");
    }
}
