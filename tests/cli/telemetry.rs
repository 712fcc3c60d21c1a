// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a collector is told of a run: a server on the loopback interface that decodes what it gets.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::models::{PROJECT, project};
use crate::stage::Home;

/// Answers requests, and hands their paths, their heads and their bodies on.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                while let Some(request) = read(&mut stream) {
                    sender.send(request).unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                }
            });
        }
    });
    (url, receiver)
}

fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>();
        let mut rest = vec![0; length.unwrap() - (bytes.len() - end - 4)];
        stream.read_exact(&mut rest).ok()?;
        bytes.extend_from_slice(&rest);
        return Some((head, bytes[end + 4..].to_vec()));
    }
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let one = |attribute: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        let value = match attribute.value.clone().unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    span.attributes.iter().map(one).collect()
}

#[test]
fn a_run_is_told_as_a_tree_of_spans() {
    let home = Home::new();
    let (url, requests) = collector();
    project(&home, &format!("{PROJECT}[telemetry]\notlp = {url:?}\n"));
    let mut command = home.command(&home.path(), &["run", "--question", "Why is the sky blue?"]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a").env("OTEL_SERVICE_NAME", "tested");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let requests: Vec<_> = requests.try_iter().collect();
    assert!(requests.iter().all(|(head, _)| head.contains("x-team: a")), "{requests:?}");

    let of = |path: &str| {
        let line = format!("post {path} ");
        requests
            .iter()
            .filter(move |(head, _)| head.starts_with(&line))
            .map(|(_, body)| body.as_slice())
            .collect::<Vec<_>>()
    };
    let traces = of("/v1/traces").into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
    let resources: Vec<_> = traces.flat_map(|request| request.resource_spans).collect();
    let names = resources[0].resource.as_ref().unwrap();
    assert!(format!("{names:?}").contains("tested"), "{names:?}");
    let spans: Vec<Span> =
        resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect();
    let name = |id: &[u8]| spans.iter().find(|span| span.span_id == id).map_or("-", |span| span.name.as_str());
    let mut tree: Vec<String> =
        spans.iter().map(|span| format!("{} > {}", name(&span.parent_span_id), span.name)).collect();
    tree.sort();
    let expected = [
        "- > invoke_workflow answer",
        "invoke_workflow answer > chat exact",
        "invoke_workflow answer > chat exact",
        "invoke_workflow answer > chat fast",
    ];
    assert_eq!(tree, expected);
    let fast = attributes(spans.iter().find(|span| span.name == "chat fast").unwrap());
    assert_eq!((fast["gen_ai.usage.input_tokens"].as_str(), fast["priory.cost_microusd"].as_str()), ("1000", "1500"));
    assert_eq!((fast["gen_ai.provider.name"].as_str(), fast["priory.node"].as_str()), ("scripted", "draft"));
    assert!(!format!("{spans:?}").contains("sky"), "what was said is not told");

    let metrics = of("/v1/metrics").into_iter().next_back().unwrap();
    let metrics = ExportMetricsServiceRequest::decode(metrics).unwrap();
    let metrics = metrics.resource_metrics.iter().flat_map(|metrics| &metrics.scope_metrics);
    let names: Vec<&str> = metrics.flat_map(|scope| &scope.metrics).map(|metric| metric.name.as_str()).collect();
    for expected in ["gen_ai.client.token.usage", "gen_ai.client.operation.duration", "gen_ai.workflow.duration"] {
        assert!(names.contains(&expected), "{expected} is not among {names:?}");
    }
}

#[test]
fn what_was_said_is_told_where_that_is_switched_on() {
    let home = Home::new();
    let (url, requests) = collector();
    project(&home, &format!("{PROJECT}[telemetry]\notlp = {url:?}\ncontent = true\n"));
    home.run(&["run", "--question", "Why is the sky blue?"]).exits(0);
    let told = requests.try_iter().any(|(_, body)| String::from_utf8_lossy(&body).contains("Why is the sky blue?"));
    assert!(told);
}

#[test]
fn a_collector_that_is_not_there_costs_no_run() {
    let home = Home::new();
    // Nobody listens on a port that was just given back.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    project(&home, &format!("{PROJECT}[telemetry]\notlp = \"http://127.0.0.1:{port}\"\n"));
    let ended = home.run(&["run", "--question", "Why is the sky blue?"]).exits(0);
    assert_eq!(ended.json()["draft"], "Blue.");
    ended.tells(&["the collector has not seen 4 of 4 spans"]);
}

#[test]
fn runs_that_are_taken_up_are_told_too() {
    let home = Home::new();
    let (url, requests) = collector();
    project(&home, &format!("{PROJECT}[telemetry]\notlp = {url:?}\n"));
    home.run(&["run", "--question", "Why is the sky blue?"]).exits(0);
    let traces = || requests.try_iter().filter(|(head, _)| head.starts_with("post /v1/traces ")).count();
    assert_eq!(traces(), 1);
    home.run(&["runs", "fork", "@last", "--at", "1"]).exits(0);
    assert_eq!(traces(), 1, "the fork is told");
    let forked = home.run(&["runs", "fork", "@last", "--at", "1", "--no-resume"]).exits(0).out;
    assert_eq!(traces(), 0);
    home.run(&["runs", "resume", forked.trim()]).exits(0);
    assert_eq!(traces(), 1, "what is taken up is told");
}
