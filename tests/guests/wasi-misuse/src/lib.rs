// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools that try through WASI what they may not. Each returns what came of it as a text, or the error as one.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::time::Duration;

mod http;
mod sockets;

wit_bindgen::generate!({
    inline: r#"
        package test:wasi-misuse@0.1.0;
        interface tricks {
            environment: func() -> list<string>;
            read-env: func(name: string) -> option<string>;
            read-config: func(key: string) -> option<string>;
            read: func(path: string) -> result<string, string>;
            list-folder: func(path: string) -> result<list<string>, string>;
            write: func(path: string, text: string) -> result<_, string>;
            make-link: func(to: string, at: string) -> result<_, string>;
            make-hard-link: func(of: string, at: string) -> result<_, string>;
            move-file: func(of: string, to: string) -> result<_, string>;
            remove: func(path: string) -> result<_, string>;
            connect: func(address: string) -> result<string, string>;
            look-up: func(name: string) -> result<string, string>;
            bind-udp: func() -> result<string, string>;
            get: func(url: string) -> result<string, string>;
            print: func(text: string, times: u32);
            print-loop: func();
            exit: func(status: u32) -> u32;
            sleep: func(ms: u64) -> u32;
            sleep-for-ever: func();
            open-pollables: func(count: u32) -> u32;
            open-streams: func(count: u32) -> u32;
            random: func(count: u32) -> list<u8>;
            random-loop: func();
            random-much: func(count: u64) -> u64;
            clocks: func() -> tuple<u64, u64, u64>;
            recurse: func(depth: u32) -> u32;
        }
        world guest {
            import wasi:config/store@0.2.0-rc.1;
            export tricks;
        }
        package wasi:config@0.2.0-rc.1 {
            interface store {
                variant error { upstream(string), io(string) }
                get: func(key: string) -> result<option<string>, error>;
            }
        }
    "#,
    generate_all,
});

use exports::test::wasi_misuse::tricks::Guest;

struct Tools;
export!(Tools);

fn told<T>(result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl Guest for Tools {
    fn environment() -> Vec<String> {
        std::env::vars().map(|(name, value)| format!("{name}={value}")).collect()
    }
    fn read_env(name: String) -> Option<String> {
        std::env::var(name).ok()
    }
    fn read_config(key: String) -> Option<String> {
        wasi::config::store::get(&key).unwrap()
    }
    fn read(path: String) -> Result<String, String> {
        told(std::fs::read_to_string(path))
    }
    fn list_folder(path: String) -> Result<Vec<String>, String> {
        let entries = told(std::fs::read_dir(path))?;
        Ok(entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
    }
    fn write(path: String, text: String) -> Result<(), String> {
        told(std::fs::write(path, text))
    }
    fn make_link(to: String, at: String) -> Result<(), String> {
        #[allow(deprecated, reason = "the only name of a symbolic link that every target has")]
        told(std::fs::soft_link(Path::new(&to), Path::new(&at)))
    }
    fn make_hard_link(of: String, at: String) -> Result<(), String> {
        told(std::fs::hard_link(of, at))
    }
    fn move_file(of: String, to: String) -> Result<(), String> {
        told(std::fs::rename(of, to))
    }
    fn remove(path: String) -> Result<(), String> {
        told(std::fs::remove_file(path))
    }
    fn connect(address: String) -> Result<String, String> {
        told(std::net::TcpStream::connect(address)).map(|_| "connected".to_owned())
    }
    fn look_up(name: String) -> Result<String, String> {
        sockets::look_up(&name)
    }
    fn bind_udp() -> Result<String, String> {
        told(std::net::UdpSocket::bind("127.0.0.1:0")).map(|_| "bound".to_owned())
    }
    fn get(url: String) -> Result<String, String> {
        http::get(&url)
    }
    fn print(text: String, times: u32) {
        for _ in 0..times {
            print!("{text}");
        }
        std::io::stdout().flush().unwrap();
    }
    fn print_loop() {
        loop {
            print!("no end of line ");
        }
    }
    fn exit(status: u32) -> u32 {
        std::process::exit(i32::try_from(status).unwrap())
    }
    fn sleep(ms: u64) -> u32 {
        std::thread::sleep(Duration::from_millis(ms));
        1
    }
    fn sleep_for_ever() {
        loop {
            std::thread::sleep(Duration::from_secs(3_600));
        }
    }
    fn open_pollables(count: u32) -> u32 {
        let all: Vec<_> =
            (0..count).map(|_| wasip2::clocks::monotonic_clock::subscribe_duration(1_000_000_000_000)).collect();
        all.len() as u32
    }
    fn open_streams(count: u32) -> u32 {
        let all: Vec<_> = (0..count).map(|_| wasip2::cli::stdout::get_stdout()).collect();
        all.len() as u32
    }
    fn random(count: u32) -> Vec<u8> {
        wasip2::random::random::get_random_bytes(u64::from(count))
    }
    fn random_loop() {
        loop {
            std::hint::black_box(wasip2::random::random::get_random_u64());
        }
    }
    fn random_much(count: u64) -> u64 {
        wasip2::random::random::get_random_bytes(count).len() as u64
    }
    fn clocks() -> (u64, u64, u64) {
        let wall = wasip2::clocks::wall_clock::now();
        let first = wasip2::clocks::monotonic_clock::now();
        (wall.seconds, first, wasip2::clocks::monotonic_clock::now())
    }
    fn recurse(depth: u32) -> u32 {
        if depth == 0 { 0 } else { std::hint::black_box(Self::recurse(std::hint::black_box(depth - 1))) + 1 }
    }
}
