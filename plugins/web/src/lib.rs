// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tool that fetches pages of the web and makes them readable.
//!
//! This file only translates; see `fetch` for redirects and kinds of content, `url` for addresses, `charset` and
//! `html` for what becomes of the bytes, and `wasi` for the only way out.

mod charset;
mod entities;
mod fetch;
mod html;
mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin", additional_derives: [PartialEq] });
    export!(Web);
    use super::Web;
}

use wit::exports::priory::web::web as api;

priory_sdk::wit_text!("../wit/web.wit");
priory_sdk::ceiling!(["http=GET https://*:*", "http=GET http://*:*", "log"]);

struct Web;

impl api::Guest for Web {
    fn fetch(url: String, max_bytes: Option<u32>) -> Result<api::Page, api::Error> {
        #[cfg(target_arch = "wasm32")]
        let get = wasi::get;
        #[cfg(not(target_arch = "wasm32"))]
        let get = |url: &url::Url, _| Err(api::Error::Unreachable(format!("{url}: only a host reaches the web")));
        fetch::fetch(&get, &url, max_bytes)
    }
}
