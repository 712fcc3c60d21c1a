use priory_core::model::*;
use priory_core::ports::{BoxFuture, Clock, Models};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
struct C(Instant);
impl Clock for C {
    fn unix_ms(&self) -> u64 {
        0
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep_until(&self, until: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until((self.0 + until).into()))
    }
}
const BODY: &str = r#"{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there, how can I help you today?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overhead() {
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = l.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut s, _) = l.accept().await.unwrap();
            s.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut buf = vec![0u8; 65536];
                let mut have = 0;
                loop {
                    let n = match s.read(&mut buf[have..]).await {
                        Ok(0) | Err(_) => return,
                        Ok(n) => n,
                    };
                    have += n;
                    let text = String::from_utf8_lossy(&buf[..have]).to_string();
                    if let Some(h) = text.find("\r\n\r\n") {
                        let len: usize = text
                            .lines()
                            .find_map(|l| {
                                l.to_lowercase().strip_prefix("content-length: ").map(|v| v.trim().parse().unwrap())
                            })
                            .unwrap_or(0);
                        if have >= h + 4 + len {
                            have = 0;
                            let _ = s.write_all(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()).as_bytes()).await;
                        }
                    }
                }
            });
        }
    });
    let provider: ProviderSpec = serde_json::from_value(serde_json::json!({"name":"p","kind":"openai","url":format!("http://{addr}/v1/"),"key":null,"headers":[],"rate":{},"breaker":null,"attempts":3,"time-ms":60000,"idle-ms":60000})).unwrap();
    let model: ModelSpec = serde_json::from_value(serde_json::json!({"info":{"name":"m","provider":"openai","id":"gpt","output-tokens-max":100,"abilities":[],"copies":1},"provider":"p","hedge-ms":null,"caches-prompt":false,"image-tokens":0,"token-margin-percent":0,"extra":null,"script":null})).unwrap();
    let g = priory_models::Gateway::new(
        ModelsSpec { providers: vec![provider], models: vec![model], default: None, embedding: None },
        Arc::new(C(Instant::now())),
        [0; 32],
    )
    .unwrap();
    let tools = (0..5).map(|n| ToolDefinition{name:format!("files.tool-{n}"),description:"Reads a file and returns what is in it, as text".into(),input_schema:priory_core::Json::parse(r#"{"type":"object","properties":{"path":{"type":"string","description":"where"}},"required":["path"]}"#).unwrap()}).collect();
    let prompt = Prompt {
        model: "m".into(),
        messages: (0..10)
            .map(|n| {
                Arc::new(Message::text(
                    if n % 2 == 0 { Role::User } else { Role::Assistant },
                    "some words in a message that are as long as words of users are, about. ".repeat(3),
                ))
            })
            .collect(),
        media: Default::default(),
        tools,
        sampling: Sampling::default(),
        output_tokens_max: 100,
        streams: false,
        key: "k".into(),
        run: priory_core::RunId::from_parts(0, 0),
        time_ms: 60000,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body: String = { format!(r#"{{"model":"gpt","messages":"{}"}}"#, "x".repeat(4300)) };
    let url = format!("http://{addr}/v1/chat/completions");
    for round in 0..4 {
        let n = 2000;
        let t = Instant::now();
        for _ in 0..n {
            let r =
                client.post(&url).header("content-type", "application/json").body(body.clone()).send().await.unwrap();
            let b = r.bytes().await.unwrap();
            assert!(b.len() > 10);
        }
        let bare = t.elapsed() / n;
        let t = Instant::now();
        for _ in 0..n {
            let a = g.complete(&prompt, &|_| ()).await.unwrap();
            assert_eq!(a.attempts, 1);
        }
        let ours = t.elapsed() / n;
        println!("{round}: bare {bare:?} ours {ours:?} ratio {:.3}", ours.as_secs_f64() / bare.as_secs_f64());
    }
}
